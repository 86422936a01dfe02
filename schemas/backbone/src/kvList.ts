import { CodedError } from '@pizzapi/protocol';
import type { BackboneConnection } from './connection.js';
import { catchUpAtLeader } from './leaderRead.js';
import { lastOfMany } from './direct.js';
import type { StoredMessage } from './message.js';
import { readOrdered } from './reader.js';
import { RendezvousChannel } from './rendezvousChannel.js';
import { KV_PATIENCE_MS, retryUntilDeadline } from './retryDelay.js';
import { bucketStream, keySubject } from './streams.js';

/** Messages that one round at the leader reads at most. */
const CATCH_UP = 64;

/** The subject of all keys that begin with `prefix`, which ends with a dot; without one at its end it is a pattern. */
export const prefixSubject = (bucket: string, prefix: string): string =>
  keySubject(bucket, prefix === '' || prefix.endsWith('.') ? `${prefix}>` : prefix);

export interface ListEntriesOptions {
  prefix: string;
  /** Lists without values. */
  headersOnly?: boolean;
  signal?: AbortSignal | undefined;
}

/**
 * Yields the last message of each key, in the order of their revisions, with constant memory: few keys in one request, and
 * many through a consumer. A key that is written meanwhile can come twice; its later message comes last. A failure of the
 * backbone continues the list where it was. Throws `unavailable` after ten seconds without an answer.
 */
export async function* listEntries(
  connection: BackboneConnection,
  name: string,
  { prefix, headersOnly = false, signal }: ListEntriesOptions,
): AsyncGenerator<StoredMessage, void, void> {
  const stop = new AbortController();
  const ended = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const handoff = new RendezvousChannel<StoredMessage[]>(ended);
  const few = prefix === '' ? undefined : await fewOf(connection, name, prefix);
  if (few !== undefined) yield* few.messages;
  let position = few?.messages.at(-1)?.seq ?? 0;
  if (few?.complete === true) {
    if (connection.isClustered) yield* newerAtLeader(connection, name, prefix, position);
    return;
  }
  let isComplete = false;
  const complete = (): void => {
    isComplete = true;
    stop.abort();
  };
  const reading = readOrdered(connection, {
    stream: bucketStream(name),
    filter: prefixSubject(name, prefix),
    headersOnly,
    // A key has one message, so that a position names what was read. The server finds a few keys faster by subject.
    start: async () => (position > 0 || prefix === '' ? { after: position } : 'last_per_subject'),
    signal: ended,
    onOpen: (pending) => {
      if (pending === 0) complete();
    },
    // What was to be listed and was replaced or removed meanwhile never comes.
    onIdle: complete,
    onBatch: async (messages, isLast) => {
      const handed = handoff.send(messages);
      position = messages.at(-1)?.seq ?? position;
      if (isLast) complete();
      await handed;
    },
  });
  const startPatience = () => setTimeout(() => stop.abort(), KV_PATIENCE_MS);
  let patience = startPatience();
  try {
    for await (const messages of handoff) {
      // The time that the caller takes does not count.
      clearTimeout(patience);
      yield* messages;
      if (!isComplete) patience = startPatience();
    }
  } finally {
    clearTimeout(patience);
    stop.abort();
    await reading;
  }
  if (signal?.aborted === true) return;
  if (!isComplete) throw new CodedError('unavailable', 'nats-server did not answer');
  if (connection.isClustered) yield* newerAtLeader(connection, name, prefix, position);
}

/** What the leader stored and the server that made the list did not have yet. */
async function* newerAtLeader(
  connection: BackboneConnection,
  name: string,
  prefix: string,
  after: number,
): AsyncGenerator<StoredMessage, void, void> {
  for (let position = after; ;) {
    const from = position;
    const newer = await retryUntilDeadline(async () => {
      const got = await catchUpAtLeader(connection, bucketStream(name), prefixSubject(name, prefix), from, CATCH_UP);
      return got.kind === 'unavailable' ? undefined : got;
    });
    yield* newer.messages;
    if (newer.isComplete) return;
    position = newer.messages.at(-1)?.seq ?? position;
  }
}

/** The first keys in one request. Undefined where there are many, or where the request fails: a consumer reads them then. */
async function fewOf(
  connection: BackboneConnection,
  name: string,
  prefix: string,
): Promise<{ messages: StoredMessage[]; complete: boolean } | undefined> {
  const got = await lastOfMany(connection, bucketStream(name), [prefixSubject(name, prefix)]);
  return got.kind === 'read' ? got : undefined;
}
