import { bucket, headOf, replay, requestRpc, tail, type Backbone } from '@pizzapi/backbone';
import { isMap, numberAt, subjects } from '@pizzapi/protocol';
import type { SessionSource } from './source.js';

/** How long the host may take to say what is open, in ms. */
const PARTIAL_TIMEOUT_MS = 2_000;

const NOTHING = new Uint8Array(0);

/** A session on the backbone. */
export function natsSource(b: Backbone, sid: string): SessionSource {
  return {
    head: () => headOf(b, sid),
    read: (after, upTo, signal) => replay(b, sid, { after, upTo, signal }),
    tail: (after, sink) =>
      tail(b, sid, {
        after,
        onEvents: (batch) => sink.onEvents(batch),
        onDelta: (bytes) => sink.onDelta(bytes),
        onReset: () => sink.onReset(),
      }),
    partial: async () => {
      const answer = await requestRpc(b, subjects.sessionPartial(sid), NOTHING, { timeoutMs: PARTIAL_TIMEOUT_MS });
      return answer.kind === 'ok' ? answer.body : undefined;
    },
    offsetBefore: async (events, upTo) => {
      const entry = await bucket<unknown>(b, 'sessions').get(sid);
      return offsetFrom(entry?.value, events, upTo);
    },
  };
}

/**
 * The greatest checkpoint of a projected session with at least `events` events behind it: `{ seq, count }` says that
 * `count` events lie at or before `seq`. Total: what is not understood is worth 0, the beginning.
 */
export function offsetFrom(projected: unknown, events: number, upTo: number): number {
  const list =
    isMap(projected) && Array.isArray(projected['checkpoints']) ? (projected['checkpoints'] as unknown[]) : [];
  const checkpoints = list.flatMap((item) => {
    const seq = isMap(item) ? numberAt(item, 'seq') : undefined;
    const count = isMap(item) ? numberAt(item, 'count') : undefined;
    return seq === undefined || count === undefined || seq > upTo ? [] : [{ seq, count }];
  });
  const known = Math.max(0, ...checkpoints.map(({ count }) => count));
  return Math.max(0, ...checkpoints.filter(({ count }) => known - count >= events).map(({ seq }) => seq));
}
