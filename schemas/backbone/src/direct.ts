import type { BackboneConnection } from './connection.js';
import { headerText, SERVER_HEADER, serverNumber, statusOf, storedFromHeaders, type StoredMessage } from './message.js';

/** How long a direct get may be silent, in ms, before it counts as lost. */
export const DIRECT_TIMEOUT_MS = 3_000;

export type DirectGet = { kind: 'found'; message: StoredMessage } | { kind: 'none' } | { kind: 'unavailable' };

const UNAVAILABLE: DirectGet = { kind: 'unavailable' };
const NONE: DirectGet = { kind: 'none' };

function getOne(connection: BackboneConnection, subject: string, query: string): Promise<DirectGet> {
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

/** The last message of a subject. The subject is part of the request's own, so a credential can be held to it. */
export function lastOf(connection: BackboneConnection, stream: string, subject: string): Promise<DirectGet> {
  return getOne(connection, `${connection.place.api}.DIRECT.GET.${stream}.${subject}`, '');
}

/** The first message of a subject at or after `seq`. */
export function nextOf(
  connection: BackboneConnection,
  stream: string,
  subject: string,
  seq: number,
): Promise<DirectGet> {
  return getOne(
    connection,
    `${connection.place.api}.DIRECT.GET.${stream}`,
    JSON.stringify({ seq, next_by_subj: subject }),
  );
}

export type DirectBatch =
  /** `pending`: how many more there were after these. */
  { kind: 'read'; messages: StoredMessage[]; pending: number } | { kind: 'unavailable' };

/**
 * Up to `limit` messages of a subject at or after `seq`, in order, each once; fewer where they have about `maxBytes`. A
 * broken batch is none at all.
 */
export function batchOf(
  connection: BackboneConnection,
  stream: string,
  subject: string,
  seq: number,
  limit: number,
  maxBytes?: number,
): Promise<DirectBatch> {
  if (connection.status() !== 'connected') return Promise.resolve({ kind: 'unavailable' });
  const { mux } = connection;
  const query = JSON.stringify({ seq, batch: limit, next_by_subj: subject, max_bytes: maxBytes });
  return new Promise((resolve) => {
    const messages: StoredMessage[] = [];
    let last = 0;
    let broken = false;
    const token = mux.request(
      `${connection.place.api}.DIRECT.GET.${stream}`,
      query,
      undefined,
      DIRECT_TIMEOUT_MS,
      (reply) => {
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
        if (status === 404) resolve({ kind: 'read', messages, pending: 0 });
        else if (status !== 204 || broken || serverNumber(text, SERVER_HEADER.lastSequence) !== last)
          resolve({ kind: 'unavailable' });
        else resolve({ kind: 'read', messages, pending: serverNumber(text, SERVER_HEADER.pending) });
      },
    );
  });
}
