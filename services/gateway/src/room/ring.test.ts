import { encode } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { FrameWriter } from '../wire/frame.js';
import { Ring } from './ring.js';

const MAX_BYTES = 100_000;
const event = encode({ type: 'note', text: 'x'.repeat(250) });
const delta = encode({ n: 1, text: 'y'.repeat(2_000) });

/** What the events of a ring keep in memory: their runs, each once. */
const held = (ring: Ring): number => {
  const runs = new Set(ring.from(ring.after, Infinity).map(({ run }) => run));
  return [...runs].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
};

it('the events of a ring keep no more memory than it may have, whatever else was sent in the same messages', () => {
  const ring = new Ring(0, MAX_BYTES);
  const writer = new FrameWriter();
  let seq = 0;
  for (let message = 0; message < 200; message++) {
    // Each message has two small events, large deltas and free room.
    writer.expect(20_000);
    for (let i = 0; i < 4; i++) writer.delta(i, delta);
    for (let i = 0; i < 2; i++) ring.push(writer.event(++seq, event));
    expect(held(ring)).toBeLessThanOrEqual(MAX_BYTES);
  }
  expect(ring.last).toBe(seq);
  expect(ring.length).toBe(seq - ring.after);
  expect(ring.length).toBeGreaterThanOrEqual(8);
});

it('events that fill their messages are kept as far as their bytes allow', () => {
  const ring = new Ring(0, MAX_BYTES);
  const writer = new FrameWriter();
  for (let seq = 1; seq <= 1_000; seq++) ring.push(writer.event(seq, event));
  expect(ring.length).toBeGreaterThan(MAX_BYTES / (event.byteLength + 100));
  expect(ring.from(ring.after, Infinity).map(({ seq }) => seq)).toEqual(
    Array.from({ length: ring.length }, (_, i) => ring.after + 1 + i),
  );
});
