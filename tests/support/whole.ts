import { expect } from 'vitest';
import type { Stage } from './local.js';
import { readLog, type LoggedEvent } from './log.js';
import { until } from './until.js';
import type { Watcher } from './viewer.js';

/** Every event once, in order, as its host counted it; and the viewer, who reads from the start, has just these. */
export async function expectWhole(stage: Stage, sid: string, view: Watcher): Promise<LoggedEvent[]> {
  const log = await readLog(stage, sid);
  await until('the viewer has all of it', () => view.session.cursor >= log.at(-1)!.seq);
  expect(new Set(log.map(({ msgId }) => msgId)).size).toBe(log.length);
  for (const epoch of new Set(log.map((entry) => entry.epoch))) {
    const counts = log.filter((entry) => entry.epoch === epoch).map(({ n }) => n);
    expect(counts).toEqual(counts.map((_, index) => counts[0]! + index));
  }
  const upTo = log.filter(({ seq }) => seq <= view.session.cursor);
  expect(view.events.map(({ seq }) => seq)).toEqual(upTo.map(({ seq }) => seq));
  expect(view.events.map(({ event }) => event)).toEqual(upTo.map(({ event }) => event));
  expect(view.session.repeats).toBe(0);
  return log;
}
