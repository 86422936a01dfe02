import { subjects, type TraceContext } from '@pizzapi/protocol';
import { RetryDelay } from './retryDelay.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { batchOf, lastOf, nextOf } from './direct.js';
import { RendezvousChannel } from './rendezvousChannel.js';
import type { StoredMessage } from './message.js';
import { readOrdered } from './reader.js';
import { streamOf } from './streams.js';

/** Events handed over at once, at most. */
export const REPLAY_BATCH = 256;
/** The first batch: small, so that a reader of a long session sees something at once. */
const FIRST_BATCH = 32;
/** From so many events on, a consumer reads them cheaper than batch after batch. */
export const LONG_REPLAY = 4_000;

/** One event of a session as it lies in the log. */
export interface StoredEvent {
  /** Its offset. */
  readonly seq: number;
  /** The offset of the event before it in its session, when known, else 0. */
  readonly prevSeq: number;
  readonly type: string;
  readonly epoch: number;
  readonly n: number;
  readonly msgId: string;
  /** When the server stored it, in ms since epoch. */
  readonly at: number;
  /** The trace that the event belongs to. Read from its headers at each access. */
  readonly trace?: TraceContext | undefined;
  /** One msgpack map, undecoded: the bytes as stored, a view that stays valid as long as it is held. */
  readonly payload: Uint8Array;
}

export interface ReplayOptions {
  /** Events after this offset; 0 or nothing = from the first one stored. */
  after?: number;
  /** Up to this offset; nothing = all that is stored when the end is reached. */
  upTo?: number;
  signal?: AbortSignal;
}

/**
 * Lets pass what the session's hosts wrote, in the order of their grants. Events of a lower epoch than the highest seen
 * were written by a host that was replaced; messages that are not genuine by nobody who may. Both are counted.
 */
export class EpochGate {
  /** The last offset that was looked at. */
  position = 0;
  private highest = 0;
  private subject: string | undefined;

  constructor(private readonly connection: BackboneConnection) {}

  passes(message: StoredMessage): boolean {
    this.position = message.seq;
    if (!message.isGenuineOn((this.subject ??= message.subject))) {
      this.connection.counters.foreignMessages++;
      return false;
    }
    const { epoch } = message;
    if (epoch >= this.highest) {
      this.highest = epoch;
      return true;
    }
    this.connection.counters.staleEpochEvents++;
    return false;
  }
}

/** The first and last offsets of a session that are stored; 0 and 0 when there are none. */
export async function headOf(b: Backbone, sid: string): Promise<{ first: number; last: number }> {
  const connection = internals(b);
  const [first, last] = await Promise.all([
    getWithRetry(connection, () => nextOf(connection, streamOf(connection, sid), subjects.sessionEvents(sid), 1)),
    getWithRetry(connection, () => lastOf(connection, streamOf(connection, sid), subjects.sessionEvents(sid))),
  ]);
  return { first: first?.seq ?? 0, last: last?.seq ?? 0 };
}

/** Asks until the backbone answers; undefined for "there is none", and when the signal aborts or the backbone closes. */
export async function getWithRetry<M = StoredMessage>(
  connection: BackboneConnection,
  ask: () => Promise<{ kind: 'found'; message: M } | { kind: 'none' } | { kind: 'unavailable' }>,
  signal?: AbortSignal,
): Promise<M | undefined> {
  const retry = new RetryDelay();
  while (signal?.aborted !== true && connection.status() !== 'closed') {
    const answer = await ask();
    if (answer.kind === 'found') return answer.message;
    if (answer.kind === 'none') return undefined;
    await connection.connected(signal);
    await retry.wait(signal);
  }
  return undefined;
}

/**
 * The stored events of a session in batches: offsets strictly rise and none is left out, whatever fails meanwhile: a
 * broken read goes on where it was. Ends at the last event stored (or `upTo`), and early when the signal aborts or the
 * backbone is closed.
 */
export async function* replay(
  b: Backbone,
  sid: string,
  options: ReplayOptions = {},
): AsyncGenerator<StoredEvent[], void, void> {
  yield* replayGated(b, sid, options, new EpochGate(internals(b)));
}

/** `replay` with a gate that outlives it, for a reader that goes on afterwards. */
export async function* replayGated(
  b: Backbone,
  sid: string,
  { after = 0, upTo = Number.MAX_SAFE_INTEGER, signal }: ReplayOptions,
  gate: EpochGate,
): AsyncGenerator<StoredEvent[], void, void> {
  const connection = internals(b);
  const subject = subjects.sessionEvents(sid);
  const stream = streamOf(connection, sid);
  const retry = new RetryDelay();
  let position = after;
  let ahead: ReturnType<typeof batchOf> | undefined;
  let size = FIRST_BATCH;
  while (position < upTo && signal?.aborted !== true && connection.status() !== 'closed') {
    const batch = await (ahead ?? batchOf(connection, stream, subject, position + 1, size));
    ahead = undefined;
    size = REPLAY_BATCH;
    if (batch.kind === 'unavailable') {
      await connection.connected(signal);
      await retry.wait(signal);
      continue;
    }
    retry.reset();
    const last = batch.messages.at(-1);
    if (last === undefined) return;
    position = last.seq;
    const more = batch.pending > 0 && position < upTo;
    if (more && batch.pending <= LONG_REPLAY) ahead = batchOf(connection, stream, subject, position + 1, REPLAY_BATCH);
    const events = passing(batch.messages, upTo, gate);
    if (events.length > 0) yield events;
    if (!more) return;
    if (ahead === undefined) {
      for await (const messages of readLong(connection, stream, subject, position, batch.pending, upTo, signal)) {
        position = messages.at(-1)!.seq;
        const passed = passing(messages, upTo, gate);
        if (passed.length > 0) yield passed;
      }
    }
  }
}

function passing(messages: StoredMessage[], upTo: number, gate: EpochGate): StoredEvent[] {
  return messages.filter((message) => message.seq <= upTo && gate.passes(message));
}

/** The `count` next messages after `after`, or those up to `upTo`, through a consumer. */
export async function* readLong(
  connection: BackboneConnection,
  stream: string,
  filter: string,
  after: number,
  count: number,
  upTo: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<StoredMessage[], void, void> {
  const stop = new AbortController();
  const ended = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  const handoff = new RendezvousChannel<StoredMessage[]>(ended);
  let position = after;
  let left = count;
  const reading = readOrdered(connection, {
    stream,
    filter,
    start: async () => ({ after: position }),
    signal: ended,
    onBatch: async (messages) => {
      position = messages.at(-1)!.seq;
      left -= messages.length;
      await handoff.send(messages);
    },
    // Events that expired meanwhile never come: what a rebuilt reader still finds is what is left.
    onOpen: (pending) => {
      left = Math.min(left, pending);
      if (left <= 0) stop.abort();
    },
    onIdle: () => stop.abort(),
  }).finally(() => stop.abort());
  try {
    for await (const messages of handoff) {
      yield messages;
      if (messages.at(-1)!.seq >= upTo || (left <= 0 && messages.at(-1)!.seq === position)) return;
    }
  } finally {
    stop.abort();
    await reading;
  }
}
