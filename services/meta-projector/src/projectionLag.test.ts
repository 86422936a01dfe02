import { expect, it } from 'vitest';
import { ProjectionLag } from './projectionLag.js';

function gauge() {
  const shown = new Map<string, number>();
  return {
    shown,
    set: ({ stream }: { stream: string }, value: number) => void shown.set(stream, value),
    remove: ({ stream }: { stream: string }) => void shown.delete(stream),
  };
}

it('the lag is the distance to the end of the stream, and a process in standby has none', async () => {
  const figures = gauge();
  const lag = new ProjectionLag(figures);
  let position = 4;
  const end = lag.follow('SESSIONS', () => position);
  await lag.show(() => Promise.resolve(10));
  expect([...figures.shown]).toEqual([['SESSIONS', 6]]);
  position = 11;
  await lag.show(() => Promise.resolve(10));
  expect([...figures.shown]).toEqual([['SESSIONS', 0]]);
  end();
  await lag.show(() => Promise.resolve(20));
  expect([...figures.shown]).toEqual([]);
});

it('the last lag stays while the end of the stream cannot be read', async () => {
  const figures = gauge();
  const lag = new ProjectionLag(figures);
  lag.follow('SESSIONS', () => 1);
  await lag.show(() => Promise.resolve(3));
  await lag.show(() => Promise.reject(new Error('away')));
  expect([...figures.shown]).toEqual([['SESSIONS', 2]]);
});

it('a term that ends after the next one has begun does not remove the lag of that one', async () => {
  const figures = gauge();
  const lag = new ProjectionLag(figures);
  const end = lag.follow('SESSIONS', () => 1);
  lag.follow('SESSIONS', () => 2);
  end();
  await lag.show(() => Promise.resolve(3));
  expect([...figures.shown]).toEqual([['SESSIONS', 1]]);
});
