import { encode } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { FrameWriter } from '../wire/frame.js';
import { Ring } from './ring.js';

const event = encode({ type: 'agent_start' });

it('bounds what its frames hold in memory, which is the whole run of each', () => {
  const ring = new Ring(0, 1_000_000);
  const writer = new FrameWriter();
  for (let seq = 1; seq <= 100; seq++) {
    writer.expect(100_000);
    ring.push(writer.event(seq, event));
  }
  const runs = new Set(ring.from(ring.after, Infinity).map(({ run }) => run));
  const held = [...runs].reduce((sum, { buffer }) => sum + buffer.length, 0);
  expect(held).toBeLessThanOrEqual(1_000_000);
  expect(held).toBeGreaterThan(800_000);
  expect(ring.from(ring.after, Infinity).map(({ seq }) => seq)).toEqual(
    Array.from({ length: ring.length }, (_, at) => 100 - ring.length + 1 + at),
  );
});

it('counts a run once for all its frames, and keeps the newest run whole', () => {
  const ring = new Ring(0, 10_000);
  const writer = new FrameWriter();
  let seq = 0;
  for (const frames of [100, 20, 500]) {
    writer.expect(frames * 50);
    for (let at = 0; at < frames; at++) ring.push(writer.event(++seq, event));
    expect(ring.last).toBe(seq);
    // The first two fit together. The third one alone is larger than the bound: it leaves no room for others.
    expect([ring.after, ring.length]).toEqual(frames === 500 ? [120, 500] : [0, seq]);
  }
});
