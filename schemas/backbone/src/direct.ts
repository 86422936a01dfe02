import type { BackboneConnection } from './connection.js';
import { catchUpAtLeader, readAtLeader } from './leaderRead.js';
import { headerText, SERVER_HEADER, serverNumber, statusOf, storedFromHeaders, type StoredMessage } from './message.js';

/**
 * Reads of single messages and of batches. Every server that has a copy of the stream answers a direct get, also one
 * that does not have the newest messages yet. So on a cluster the leader of the stream answers what a decision rests on,
 * and the end of a batch is verified at the leader (`docs/architecture/failure-modes.md`, "Reads on a cluster").
 */

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

/** The last message of a subject, with every write that was acknowledged before. */
export function lastOf(connection: BackboneConnection, stream: string, subject: string): Promise<DirectGet> {
  return connection.isClustered
    ? readAtLeader(connection, stream, { last_by_subj: subject })
    : lastAtReplica(connection, stream, subject);
}

/** The last message of a subject on any server of a cluster: one that was stored just now may be missing. */
export function lastAtReplica(connection: BackboneConnection, stream: string, subject: string): Promise<DirectGet> {
  return getOne(connection, `${connection.place.api}.DIRECT.GET.${stream}.${subject}`, '');
}

/** The first message of a subject at or after `seq`, with every write that was acknowledged before. */
export function nextOf(
  connection: BackboneConnection,
  stream: string,
  subject: string,
  seq: number,
): Promise<DirectGet> {
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
  const newer = await catchUpAtLeader(connection, stream, subject, messages.at(-1)?.seq ?? seq - 1, limit);
  if (newer.kind === 'unavailable') return newer;
  return { kind: 'read', messages: [...messages, ...newer.messages], pending: newer.isComplete ? 0 : 1 };
}

function batchAtReplica(
  connection: BackboneConnection,
  stream: string,
  subject: string,
  seq: number,
  limit: number,
  maxBytes: number | undefined,
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
