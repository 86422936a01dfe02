import { expect, it } from 'vitest';
import { Pacer } from './pacer.js';
import { RateMeter } from './rateMeter.js';

/** The window of a room with `viewers` that receives `rate` frames a second for a second, beside `others` equal rooms. */
function windowAt(rate: number, viewers: number, others = 0): number {
  let now = 1_000;
  const gateway = new RateMeter();
  const rooms = Array.from(
    { length: others + 1 },
    () =>
      new Pacer(
        () => undefined,
        gateway,
        () => now,
      ),
  );
  let window = 0;
  for (let frame = 0; frame < rate; frame++) {
    now += 1_000 / rate;
    for (const room of rooms) window = room.windowMs(1, viewers);
  }
  return window;
}

it.each([
  ['a quiet room', 50, 1, 0, 0],
  ['a room with many viewers', 100, 100, 0, 0],
  ['a room that sends many frames', 1_500, 1, 0, 8],
  ['a room with many deliveries', 200, 100, 0, 8],
  ['a room with very many deliveries', 2_500, 100, 0, 16],
  ['one of many rooms that are busy', 600, 1, 31, 32],
  ['one of many rooms with some frames in a window', 250, 1, 31, 32],
  ['one of many rooms that several people watch', 250, 10, 7, 16],
  ['one of few rooms that are busy', 600, 1, 3, 0],
  ['one of very many rooms at the speed of an answer', 50, 1, 400, 0],
])('%s: %d frames a second to %d viewers beside %d rooms wait for %d ms', (_what, rate, viewers, others, window) => {
  expect(windowAt(rate, viewers, others)).toBe(window);
});
