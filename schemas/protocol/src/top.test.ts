import { expect, it } from 'vitest';
import { readRunnerLoad } from './top.js';

const LOAD = { awake: 1, asleep: 2, working: 1, paused: 0, events: 7, spoolBytes: 0 };

it('the load of a runner is read from its status, without anything else', () => {
  expect(readRunnerLoad({ load: { ...LOAD, more: 'x' } })).toEqual(LOAD);
});

it.each([
  undefined,
  null,
  'x',
  {},
  { load: null },
  { load: { ...LOAD, events: -1 } },
  { load: { ...LOAD, events: Infinity } },
])('a status of another shape has no load: %j', (status) => {
  expect(readRunnerLoad(status)).toBeUndefined();
});
