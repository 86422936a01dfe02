import { expect } from 'vitest';
import type { LocalStack } from './localStack.js';
import { readLog, type LoggedEvent } from './log.js';
import { until } from './until.js';
import type { SessionWatcher } from './viewer.js';

/** The log, read while the viewer is at its end: whatever was on its way has come to both. */
export function logAsSeen(stage: LocalStack, sid: string, view: SessionWatcher): Promise<LoggedEvent[]> {
  return until('the viewer has all of the log', async () => {
    const log = await readLog(stage, sid);
    return view.session.cursor === log.at(-1)?.seq && log;
  });
}

/** Every event once, in order, as its host counted it; and the viewer, who reads from the start, has just these. */
export async function expectCompleteLog(stage: LocalStack, sid: string, view: SessionWatcher): Promise<LoggedEvent[]> {
  const log = await logAsSeen(stage, sid, view);
  expect(new Set(log.map(({ msgId }) => msgId)).size).toBe(log.length);
  for (const epoch of new Set(log.map((entry) => entry.epoch))) {
    const counts = log.filter((entry) => entry.epoch === epoch).map(({ n }) => n);
    expect(counts).toEqual(counts.map((_, index) => counts[0]! + index));
  }
  expect(view.events.map(({ seq }) => seq)).toEqual(log.map(({ seq }) => seq));
  expect(view.events.map(({ event }) => event)).toEqual(log.map(({ event }) => event));
  expect(view.session.repeats).toBe(0);
  return log;
}
