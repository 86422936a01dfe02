import { MAX_RECENT_SESSIONS, type RecentSessionsRow } from '@pizzapi/protocol';
import type { Backbone } from './connection.js';
import { recentSessionsRows } from './tables.js';

/** How far the time of a session in the row may be behind its last activity, in ms. */
export const RECENT_LAG_MS = 10 * 60_000;

/** What happened to sessions of an account: when each was active last, and undefined for one that is gone. */
export type RecentChanges = ReadonlyMap<string, number | undefined>;

const EMPTY: RecentSessionsRow = { sessions: [] };

/**
 * Returns the row after these changes, or undefined where it may stay as it is: it names the same sessions, and none of
 * their times is older than `RECENT_LAG_MS`. Pure.
 */
export function withRecentChanges(
  row: RecentSessionsRow | undefined,
  changes: RecentChanges,
): RecentSessionsRow | undefined {
  const before = new Map((row ?? EMPTY).sessions.map(({ sessionId, at }) => [sessionId, at]));
  const isFresh = (at: number | undefined, known: number | undefined): boolean =>
    at === undefined || known === undefined ? at === known : at - known < RECENT_LAG_MS;
  // Nearly always: a session of the row that was active again.
  if ([...changes].every(([sessionId, at]) => isFresh(at, before.get(sessionId)))) return undefined;
  const after = new Map(before);
  for (const [sessionId, at] of changes) {
    if (at === undefined) after.delete(sessionId);
    else after.set(sessionId, Math.max(at, before.get(sessionId) ?? 0));
  }
  const sessions = [...after]
    .map(([sessionId, at]) => ({ sessionId, at }))
    .sort((a, b) => b.at - a.at || (a.sessionId < b.sessionId ? -1 : 1))
    .slice(0, MAX_RECENT_SESSIONS);
  const isSame =
    sessions.length === before.size &&
    sessions.every(({ sessionId, at }) => before.has(sessionId) && isFresh(at, before.get(sessionId)));
  return isSame ? undefined : { sessions };
}

/** Removes a session that was deleted from the row of its account. */
export async function forgetRecentSession(b: Backbone, userId: string, sid: string): Promise<void> {
  const rows = recentSessionsRows(b);
  for (;;) {
    const found = await rows.get(userId);
    const next = found === undefined ? undefined : withRecentChanges(found.value, new Map([[sid, undefined]]));
    if (found === undefined || next === undefined) return;
    if ((await rows.update(userId, next, found.revision)).kind === 'stored') return;
  }
}
