import type { BackboneConnection } from './connection.js';
import { catchUpAtLeader, readAtLeader, type MessageRead } from './leaderRead.js';
import { headerText, SERVER_HEADER, serverNumber, statusOf, storedFromHeaders, type StoredMessage } from './message.js';

/**
 * Reads of single messages and of batches. Every server that has a copy of the stream answers a direct get, also one
 * that does not have the newest messages yet. So on a cluster the leader of the stream answers what a decision rests on,
 * and the end of a batch is verified at the leader (`docs/architecture/failure-modes.md`, "Reads on a cluster").
 */

/** How long a direct get may be silent, in ms, before it counts as lost. */
export const DIRECT_TIMEOUT_MS = 3_000;

const UNAVAILABLE = { kind: 'unavailable' } as const;
const NONE: MessageRead = { kind: 'none' };

function getOne(connection: BackboneConnection, subject: string, query: string): Promise<MessageRead> {
  if (connection.status() !== 'connected') return Promise.resolve(UNAVAILABLE);
  const { mux } = connection;
  return new Promise((resolve) => {
    const token = mux.request(subject, query, undefined, DIRECT_TIMEOUT_MS, (reply) => {
      mux.done(token);
      if (reply === undefined) return resolve(UNAVAILABLE);
      const text = headerText(reply);
      const status = statusOf(text);
      if (status === 404) resolve(NONE);
      else resolve(status === 0 ? { kind: 'found', message: storedFromHeaders(reply, text) } : UNAVAILABLE);
    });
  });
}

/** The last message of a subject, with every write that was acknowledged before. */
export function lastOf(connection: BackboneConnection, stream: string, subject: string): Promise<MessageRead> {
  return connection.isClustered
    ? readAtLeader(connection, stream, { last_by_subj: subject })
    : lastAtReplica(connection, stream, subject);
}

/** The last message of a subject on any server of a cluster: one that was stored just now may be missing. */
export function lastAtReplica(connection: BackboneConnection, stream: string, subject: string): Promise<MessageRead> {
  return getOne(connection, `${connection.place.api}.DIRECT.GET.${stream}.${subject}`, '');
}

/** The first message of a subject at or after `seq`, with every write that was acknowledged before. */
export function nextOf(
  connection: BackboneConnection,
  stream: string,
  subject: string,
  seq: number,
): Promise<MessageRead> {
  const query = { seq, next_by_subj: subject };
  return connection.isClustered
    ? readAtLeader(connection, stream, query)
    : getOne(connection, `${connection.place.api}.DIRECT.GET.${stream}`, JSON.stringify(query));
}

export type DirectBatch =
  /** `pending`: how many more there were after these. */
  { kind: 'read'; messages: StoredMessage[]; pending: number } | { kind: 'unavailable' };

/**
 * Up to `limit` messages of a subject at or after `seq`, in order, each once; fewer where they have about `maxBytes`. A
 * broken batch is unavailable as a whole. Without pending messages the batch ends with the last one that was acknowledged.
 */
export async function batchOf(
  connection: BackboneConnection,
  stream: string,
  subject: string,
  seq: number,
  limit: number,
  maxBytes?: number,
): Promise<DirectBatch> {
  const batch = await batchAtReplica(connection, stream, subject, seq, limit, maxBytes);
  if (!connection.isClustered || batch.kind === 'unavailable' || batch.pending > 0) return batch;
  const { messages } = batch;
  // One more than fits says whether there are more.
  const most = limit - messages.length + 1;
  const newer = await catchUpAtLeader(connection, stream, subject, messages.at(-1)?.seq ?? seq - 1, most);
  if (newer.kind === 'unavailable') return newer;
  const all = [...messages, ...newer.messages];
  return { kind: 'read', messages: all.slice(0, limit), pending: Math.max(0, all.length - limit) };
}

function batchAtReplica(
  connection: BackboneConnection,
  stream: string,
  subject: string,
  seq: number,
  limit: number,
  maxBytes: number | undefined,
): Promise<DirectBatch> {
  const query = { seq, batch: limit, next_by_subj: subject, max_bytes: maxBytes };
  return getBatch(connection, stream, query, (text) =>
    statusOf(text) === 404 ? 0 : serverNumber(text, SERVER_HEADER.pending),
  );
}

/** Subjects of one request for the last messages of many: the server answers at most 1,024. */
export const LAST_OF_MANY = 512;
/** About how many bytes the server answers one such request with. */
const LAST_OF_MANY_BYTES = 4 * 1024 * 1024;

export type LastOfMany =
  /** By rising offset. `complete`: subjects without a message here have none. Otherwise the rest must be requested anew. */
  | { kind: 'read'; messages: StoredMessage[]; complete: boolean }
  /** Also where a pattern matches more subjects than the server answers at once. */
  | { kind: 'unavailable' };

/** The last message of each of these subjects, in one request: at most `LAST_OF_MANY` of them, or one pattern. */
export function lastOfMany(
  connection: BackboneConnection,
  stream: string,
  subjects: readonly string[],
): Promise<LastOfMany> {
  const query = { multi_last: subjects, max_bytes: LAST_OF_MANY_BYTES };
  return getBatch(connection, stream, query, (text, messages) => {
    // A message that goes while the server reads them has this status too, with another text.
    if (statusOf(text) === 404) return messages.length === 0 && /No Results/i.test(text) ? 0 : undefined;
    return serverNumber(text, SERVER_HEADER.pending);
  }).then((got) => (got.kind === 'read' ? { kind: 'read', messages: got.messages, complete: got.pending === 0 } : got));
}

/** Requests a batch. `endOf` returns how many messages there are beyond the batch, or undefined where it is broken. */
function getBatch(
  connection: BackboneConnection,
  stream: string,
  query: object,
  endOf: (text: string, messages: readonly StoredMessage[]) => number | undefined,
): Promise<DirectBatch> {
  if (connection.status() !== 'connected') return Promise.resolve(UNAVAILABLE);
  const { mux } = connection;
  const subject = `${connection.place.api}.DIRECT.GET.${stream}`;
  return new Promise((resolve) => {
    const messages: StoredMessage[] = [];
    let last = 0;
    let broken = false;
    const token = mux.request(subject, JSON.stringify(query), undefined, DIRECT_TIMEOUT_MS, (reply) => {
      const text = reply === undefined ? '' : headerText(reply);
      const status = statusOf(text);
      if (reply !== undefined && status === 0) {
        const message = storedFromHeaders(reply, text);
        // The server says which message of the batch came before: a lost one shows.
        if (message.prevSeq !== last) broken = true;
        last = message.seq;
        messages.push(message);
        return;
      }
      mux.done(token);
      const isEnd = status === 404 || (status === 204 && serverNumber(text, SERVER_HEADER.lastSequence) === last);
      const pending = isEnd && !broken ? endOf(text, messages) : undefined;
      resolve(pending === undefined ? UNAVAILABLE : { kind: 'read', messages, pending });
    });
  });
}
