import type { BackboneConnection } from './connection.js';
import { prefixSubject } from './kvList.js';
import type { StoredMessage } from './message.js';
import { readOrdered } from './reader.js';
import { RendezvousChannel } from './rendezvousChannel.js';
import { bucketStream } from './streams.js';

/** After how long without the server a watcher cannot be sure that it receives every deletion, in ms. */
export const UPDATES_MEMORY_MS = 10 * 60_000;

export type EntryUpdate =
  | { kind: 'message'; message: StoredMessage }
  /** Every write after `revision` is reported. */
  | { kind: 'ready'; revision: number }
  /** Writes may have been missed before `revision`; every later one is reported. */
  | { kind: 'reset'; revision: number };

/**
 * Yields the messages of keys that are written from now on, until the signal aborts, without a list of what is there. After
 * a failure of the backbone it continues where it was: of a key that was written several times meanwhile, the last message
 * comes. `reset` says that the bucket was replaced, or that the server was away for so long that markers of deletions can
 * have expired. The server does not report a value that expires.
 */
export async function* watchUpdates(
  connection: BackboneConnection,
  name: string,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<EntryUpdate, void, void> {
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  const handoff = new RendezvousChannel<EntryUpdate[]>(ended);
  const stream = bucketStream(name);
  let identity: string | undefined;
  let position = 0;
  let seenAt = 0;
  let news: 'ready' | 'reset' | undefined;
  const start = async (): Promise<{ after: number }> => {
    const { created, state } = await connection.jsm.streams.info(stream);
    const isContinued = created === identity && state.last_seq >= position && Date.now() - seenAt < UPDATES_MEMORY_MS;
    if (!isContinued) {
      news ??= identity === undefined ? 'ready' : 'reset';
      identity = created;
      position = state.last_seq;
      seenAt = Date.now();
    }
    return { after: position };
  };
  const reading = readOrdered(connection, {
    stream,
    filter: prefixSubject(name, prefix),
    start,
    signal: ended,
    onOpen: () => {
      if (news !== undefined) void handoff.send([{ kind: news, revision: position }]);
      news = undefined;
      seenAt = Date.now();
    },
    onIdle: () => (seenAt = Date.now()),
    onBatch: async (messages) => {
      seenAt = Date.now();
      position = messages.at(-1)?.seq ?? position;
      await handoff.send(messages.map((message) => ({ kind: 'message', message })));
    },
  });
  try {
    for await (const updates of handoff) yield* updates;
  } finally {
    stop.abort();
    await reading;
  }
}
