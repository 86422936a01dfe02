import type { BackboneConnection } from './connection.js';
import { payloadOf, headerText, statusOf, StoredMessage } from './message.js';

/** How long the leader of a stream may be silent, in ms. Without a leader no server answers. */
export const LEADER_TIMEOUT_MS = 2_000;
/** The server's code for "there is no such message". */
const NO_MESSAGE = 10037;

/** Which message the leader is asked for. */
export type LeaderQuery = { last_by_subj: string } | { seq: number; next_by_subj: string };
/** What reading one message of a stream gives. */
export type MessageRead = { kind: 'found'; message: StoredMessage } | { kind: 'none' } | { kind: 'unavailable' };
export type LeaderCatchUp =
  /** `isComplete`: the leader has no later message. Otherwise it was not asked whether it has. */
  { kind: 'read'; messages: StoredMessage[]; isComplete: boolean } | { kind: 'unavailable' };

const UNAVAILABLE: MessageRead = { kind: 'unavailable' };

/** Reads one message at the leader of a stream, which has every write that it has acknowledged. Never rejects. */
export function readAtLeader(connection: BackboneConnection, stream: string, query: LeaderQuery): Promise<MessageRead> {
  if (connection.status() !== 'connected') return Promise.resolve(UNAVAILABLE);
  const { mux, place } = connection;
  const from = Date.now();
  return new Promise((resolve) => {
    const subject = `${place.api}.STREAM.MSG.GET.${stream}`;
    const token = mux.request(subject, JSON.stringify(query), undefined, LEADER_TIMEOUT_MS, (reply) => {
      mux.done(token);
      const isAnswer = reply !== undefined && statusOf(headerText(reply)) === 0;
      const read = isAnswer ? readAnswer(payloadOf(reply)) : UNAVAILABLE;
      // An answer that says that the stream has no leader is unavailable too.
      if (read.kind === 'unavailable') connection.unanswered('read', from);
      else connection.answered('read');
      resolve(read);
    });
  });
}

/** Reads up to `limit` messages of a subject, which may have wildcards, after an offset at the leader, one at a time. */
export async function catchUpAtLeader(
  connection: BackboneConnection,
  stream: string,
  subject: string,
  after: number,
  limit: number,
): Promise<LeaderCatchUp> {
  const messages: StoredMessage[] = [];
  while (messages.length < limit) {
    const seq = (messages.at(-1)?.seq ?? after) + 1;
    const next = await readAtLeader(connection, stream, { seq, next_by_subj: subject });
    if (next.kind === 'unavailable') return next;
    if (next.kind === 'none') return { kind: 'read', messages, isComplete: true };
    messages.push(next.message);
  }
  return { kind: 'read', messages, isComplete: false };
}

/** The answer of the server: a message with its headers and payload in base64, or an error. */
interface Answer {
  error?: { err_code?: number };
  message?: { subject: string; seq: number; hdrs?: string; data?: string; time: string };
}

function readAnswer(bytes: Uint8Array): MessageRead {
  const { error, message } = JSON.parse(Buffer.from(bytes).toString()) as Answer;
  if (message === undefined) return error?.err_code === NO_MESSAGE ? { kind: 'none' } : UNAVAILABLE;
  const { subject, seq, hdrs = '', data = '', time } = message;
  return {
    kind: 'found',
    message: new StoredMessage({
      seq,
      prevSeq: 0,
      payload: Buffer.from(data, 'base64'),
      text: Buffer.from(hdrs, 'base64').toString('latin1'),
      subject,
      // RFC 3339 with up to nine digits of fraction.
      at: Date.parse(time.replace(/(\.\d{3})\d+/, '$1')) || 0,
    }),
  };
}
