import { isMap, numberAt } from '@pizzapi/protocol';

/**
 * Returns the greatest checkpoint of a projected session with at least `events` events after it. A checkpoint
 * `{ seq, count }` says that `count` events are at or before `seq`. A value of another shape counts as 0, the beginning.
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
