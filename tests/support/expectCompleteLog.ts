import { expect } from 'vitest';
import type { RunningStack } from './localStack.js';
import { readLog, type LoggedEvent } from './log.js';
import { until } from './until.js';
import type { SessionWatcher } from './viewer.js';

/**
 * Returns the log, read while the viewer is at its end, so that neither has an event that the other has not received.
 */
export function logAsSeen(stage: RunningStack, sid: string, view: SessionWatcher): Promise<LoggedEvent[]> {
  return until('the viewer has all of the log', async () => {
    const log = await readLog(stage, sid);
    return view.session.cursor === log.at(-1)?.seq && log;
  });
}

/**
 * Checks that the log has every event once, in the order of the writer's count, and that a viewer from the start has
 * exactly these events.
 */
export async function expectCompleteLog(
  stage: RunningStack,
  sid: string,
  view: SessionWatcher,
): Promise<LoggedEvent[]> {
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
