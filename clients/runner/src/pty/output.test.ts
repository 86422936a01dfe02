import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GATHER_MS, MAX_CHUNK_BYTES, OutputCoalescer } from './outputCoalescer.js';
import { OutputRing } from './outputRing.js';

const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 });

describe('the ring of output', () => {
  it('has the last bytes under their numbers, whatever their chunks and its size are', () => {
    fc.assert(
      fc.property(chunks, fc.integer({ min: 1, max: 64 }), fc.nat(600), fc.nat(80), (parts, size, after, max) => {
        const ring = new OutputRing(size);
        for (const part of parts) ring.push(part);
        const all = Buffer.concat(parts);
        expect(ring.head).toBe(all.length);
        expect(ring.first).toBe(Math.max(0, all.length - size));
        const from = Math.max(ring.first, Math.min(after, all.length));
        const { n, bytes } = ring.read(after, max);
        expect(n).toBe(Math.min(all.length, from + max));
        expect(Buffer.from(bytes)).toEqual(all.subarray(from, n));
      }),
    );
  });

  it('keeps what was read as it was when it is written over', () => {
    const ring = new OutputRing(4);
    ring.push(Buffer.from('abcd'));
    const { bytes } = ring.read(0, 4);
    ring.push(Buffer.from('efgh'));
    expect(Buffer.from(bytes).toString()).toBe('abcd');
  });
});

/** A clock that the test moves. */
function fakeTime() {
  let now = 1_000;
  let waiting: { at: number; fn: () => void }[] = [];
  const advance = (ms: number): void => {
    now += ms;
    const due = waiting.filter(({ at }) => at <= now);
    waiting = waiting.filter(({ at }) => at > now);
    for (const { fn } of due) fn();
  };
  const schedule = (fn: () => void, ms: number) => {
    const entry = { at: now + ms, fn };
    waiting.push(entry);
    return () => void (waiting = waiting.filter((one) => one !== entry));
  };
  return { now: () => now, schedule, advance };
}

describe('the coalescer of output', () => {
  it('loses, repeats and reorders nothing, and makes no message larger than 64 KiB', () => {
    const step = fc.oneof(
      fc.record({ bytes: fc.integer({ min: 0, max: 3 * MAX_CHUNK_BYTES }) }),
      fc.record({ ms: fc.integer({ min: 0, max: 40 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const time = fakeTime();
        const got: Buffer[] = [];
        const coalescer = new OutputCoalescer({ ...time, onChunk: (bytes) => got.push(Buffer.from(bytes)) });
        let fill = 0;
        const given: Buffer[] = [];
        for (const one of steps) {
          if ('ms' in one) time.advance(one.ms);
          else {
            const part = Buffer.alloc(one.bytes, ++fill);
            given.push(part);
            coalescer.push(part);
          }
        }
        coalescer.flush();
        expect(Buffer.concat(got).equals(Buffer.concat(given))).toBe(true);
        expect(got.every(({ length }) => length > 0 && length <= MAX_CHUNK_BYTES)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('sends a letter in the same turn, and a flood every 16 ms or as 64 KiB', () => {
    const time = fakeTime();
    const sizes: number[] = [];
    const coalescer = new OutputCoalescer({ ...time, onChunk: ({ byteLength }) => sizes.push(byteLength) });
    coalescer.push(Buffer.alloc(1));
    time.advance(0);
    expect(sizes).toEqual([1]);
    for (let ms = 0; ms < 4 * GATHER_MS; ms++) {
      coalescer.push(Buffer.alloc(6_000));
      time.advance(1);
    }
    // One at once, and then one for each 64 KiB: 11 times 6,000 bytes.
    expect(sizes.length).toBeLessThan(10);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_CHUNK_BYTES);
    time.advance(10 * GATHER_MS);
    time.advance(10 * GATHER_MS);
    sizes.length = 0;
    coalescer.push(Buffer.alloc(1));
    time.advance(0);
    expect(sizes).toEqual([1]);
  });
});
