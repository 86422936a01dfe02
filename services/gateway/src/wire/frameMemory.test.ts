import { encode } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { FrameWriter } from './frame.js';
import { FrameMemory } from './frameMemory.js';

it('frames are written to the memory of those that were given back, and to no other', () => {
  const writer = new FrameWriter(new FrameMemory());
  const event = encode({ type: 'note', text: 'x'.repeat(1_000) });
  const write = (seq: number) => (writer.expect(2_500), [writer.event(seq, event), writer.event(seq + 1, event)]);

  const [first] = write(1);
  writer.reuse();
  const [second] = write(3);
  expect(second!.run.buffer).toBe(first!.run.buffer);
  // These were not given back.
  const [third] = write(5);
  expect(third!.run.buffer).not.toBe(second!.run.buffer);
  expect(second!.seq).toBe(3);
});

it('no more than some megabytes are kept, and large buffers are not', () => {
  const memory = new FrameMemory();
  const taken = [...Array(2_000).keys()].map(() => memory.take(3_000));
  expect(taken.every(({ length }) => length === 4_096)).toBe(true);
  taken.forEach((buffer) => memory.give(buffer));
  const again = new Set(taken.map(() => memory.take(3_000)));
  expect(taken.filter((buffer) => again.has(buffer)).length).toBe(256);

  const large = memory.take(1_000_000);
  expect(large.length).toBe(1_000_000);
  memory.give(large);
  expect(memory.take(1_000_000)).not.toBe(large);
});
