import { offsetBeforeLast } from '@pizzapi/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHECKPOINT_SPACING, MAX_CHECKPOINTS, spacingOf, withCheckpoint } from './checkpoints.js';

/** The checkpoints of a session of `count` events, every third of the stream. */
function checkpointsOf(count: number) {
  let checkpoints = withCheckpoint([], 3, 1);
  for (let n = 2; n <= count; n++) checkpoints = withCheckpoint(checkpoints, n * 3, n);
  return checkpoints;
}

describe('the checkpoints of a session', () => {
  it('come every 250 events', () => {
    expect(checkpointsOf(249)).toEqual([]);
    expect(checkpointsOf(501)).toEqual([
      { seq: 750, count: 250 },
      { seq: 1500, count: 500 },
    ]);
  });

  it.each([16_000, 16_001, 40_000, 130_000])('are at most 64, evenly spread over %d events', (count) => {
    const checkpoints = checkpointsOf(count);
    const spacing = spacingOf(count);
    expect(checkpoints.length).toBeLessThanOrEqual(MAX_CHECKPOINTS);
    expect(checkpoints.map((one) => one.count)).toEqual(
      Array.from({ length: Math.floor(count / spacing) }, (_, index) => (index + 1) * spacing),
    );
    expect(checkpoints.every((one) => one.seq === one.count * 3)).toBe(true);
  });

  it('find an offset with the last n events after it, and not many more', () => {
    const total = 20_000;
    const checkpoints = checkpointsOf(total);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 25_000 }), (n) => {
        const after = offsetBeforeLast({ count: total, checkpoints }, n);
        const read = total - after / 3;
        expect(read).toBeGreaterThanOrEqual(Math.min(n, total));
        expect(read).toBeLessThan(Math.min(n, total) + 2 * CHECKPOINT_SPACING + 1);
      }),
    );
  });
});
