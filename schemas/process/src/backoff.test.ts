import { describe, expect, it } from 'vitest';
import { backoff, sleep } from './backoff.js';

describe('backoff', () => {
  it('doubles its ceiling up to a bound, and starts again after a success', () => {
    const delays = backoff({ minMs: 100, maxMs: 1000, random: () => 1 });
    expect([1, 2, 3, 4, 5, 6].map(() => delays.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
    delays.reset();
    expect(delays.next()).toBe(100);
  });

  it('spreads over the whole range, but never spins', () => {
    expect(backoff({ minMs: 100, random: () => 0.5 }).next()).toBe(50);
    expect(backoff({ minMs: 100, random: () => 0 }).next()).toBe(10);
  });
});

describe('sleep', () => {
  it('ends at once when its signal aborts', async () => {
    const abort = new AbortController();
    const asleep = sleep(3_600_000, abort.signal);
    abort.abort();
    await asleep;
    await sleep(3_600_000, abort.signal);
  });
});
