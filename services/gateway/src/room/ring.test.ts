import { encode } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { FrameWriter, type Frame } from '../wire/frame.js';
import { Ring } from './ring.js';

const MAX_BYTES = 10_000;
const writer = new FrameWriter();
const all = (ring: Ring): Frame[] => ring.from(ring.after, Infinity, Infinity);

/** An event frame of about so many bytes, whose text tells its offset. */
const eventOf = (seq: number, size: number): Frame =>
  writer.event(seq, encode({ type: 'note', text: String(seq).padEnd(size, '.') }));

describe('a ring', () => {
  it('keeps the latest events as they were written, in memory that it uses again', () => {
    const ring = new Ring(0, MAX_BYTES);
    const sizes = [10, 700, 1, 333, 2_500, 64, 0, 999];
    const written = new Map<number, Buffer>();
    for (let seq = 1; seq <= 500; seq++) {
      const frame = eventOf(seq, sizes[seq % sizes.length]!);
      written.set(seq, Buffer.from(frame.bytes));
      ring.push(frame);
      expect(ring.capacity).toBeLessThanOrEqual(MAX_BYTES);
      const kept = all(ring);
      expect(kept.map((one) => one.seq)).toEqual(Array.from({ length: ring.length }, (_, i) => ring.after + 1 + i));
      for (const one of kept) expect(one.bytes.equals(written.get(one.seq)!)).toBe(true);
      expect(ring.last).toBe(seq);
    }
    // As many as there is room for.
    const bytes = all(ring).reduce((sum, { size }) => sum + size, 0);
    expect(bytes).toBeGreaterThan(MAX_BYTES - 3_000);
  });

  it('takes little memory while it holds little', () => {
    const ring = new Ring(0, 1_000_000);
    expect(ring.capacity).toBe(0);
    ring.push(eventOf(1, 100));
    expect(ring.capacity).toBeLessThanOrEqual(4_096);
    for (let seq = 2; seq <= 100; seq++) ring.push(eventOf(seq, 100));
    expect(ring.capacity).toBeLessThan(2 * 100 * 200);
  });

  it('keeps the latest event alone when it is larger than the ring', () => {
    const ring = new Ring(0, 1_000);
    ring.push(eventOf(1, 100));
    ring.push(eventOf(2, 5_000));
    expect(all(ring).map(({ seq }) => seq)).toEqual([2]);
    expect(ring.after).toBe(1);
    ring.push(eventOf(3, 100));
    expect(all(ring).map(({ seq }) => seq)).toEqual([3]);
  });

  it('gives what follows an offset, in runs of which each is one message', () => {
    const ring = new Ring(0, MAX_BYTES);
    for (let seq = 1; seq <= 20; seq++) ring.push(eventOf(seq, 300));
    const frames = ring.from(5, 2_000, 700);
    expect(frames[0]!.seq).toBe(6);
    expect(frames.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(2_400);
    for (const { run } of frames) expect(frames.filter((one) => one.run === run)).toHaveLength(run.count);
    expect(new Set(frames.map(({ run }) => run)).size).toBeGreaterThan(1);
    expect(ring.from(20, 2_000, 700)).toEqual([]);
    expect(ring.offsetsAfter(17)).toEqual([18, 19, 20]);
    expect(ring.offsetBefore(3)).toBe(17);
    expect(ring.offsetBefore(20)).toBe(0);
    expect(ring.offsetBefore(21)).toBeUndefined();
  });

  it('forgets all when it starts again', () => {
    const ring = new Ring(0, MAX_BYTES);
    for (let seq = 1; seq <= 40; seq++) ring.push(eventOf(seq, 300));
    ring.restart(100);
    expect([ring.after, ring.last, ring.length]).toEqual([100, 100, 0]);
    ring.push(eventOf(101, 300));
    expect(all(ring).map(({ seq }) => seq)).toEqual([101]);
  });
});
