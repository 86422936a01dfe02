import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { RunnerInfo, SessionInfo } from './info.js';
import { SessionMetaState } from './meta.js';

/** The rows of the projections: the values of the buckets `sessions`, `session-meta` and `runners`. */

/** `count` events of the session have an offset of at most `seq`. */
export const Checkpoint = Type.Object({ seq: Type.Number(), count: Type.Number() });
export type Checkpoint = Static<typeof Checkpoint>;

/** Bucket `sessions`, key: session id. */
export const SessionRow = Type.Object({
  info: SessionInfo,
  /** The last folded offset. */
  lastSeq: Type.Number(),
  /** The number of events of the session so far, without those of a stale epoch. */
  count: Type.Number(),
  /** The highest epoch that wrote to the session. */
  epoch: Type.Number(),
  /** In rising order; at most 64. */
  checkpoints: Type.Array(Checkpoint),
  /** The stored bytes of the session's log so far, without events of a stale epoch. */
  logBytes: Type.Optional(Type.Number()),
});
export type SessionRow = Static<typeof SessionRow>;

/**
 * Bucket `recent-sessions`, key: the id of an account. The sessions of the account that were active last, so that the first
 * page of a list is read without reading all of them. `at` is a lower bound of the last activity.
 */
export const RecentSessionsRow = Type.Object({
  sessions: Type.Array(Type.Object({ sessionId: Type.String(), at: Type.Number() })),
});
export type RecentSessionsRow = Static<typeof RecentSessionsRow>;
/** How many sessions a row of `recent-sessions` names at most. */
export const MAX_RECENT_SESSIONS = 200;

/** Bucket `session-meta`, key: session id. `lastSeq` is the offset of the last event that changed the state. */
export const SessionMetaRow = Type.Object({ state: SessionMetaState, lastSeq: Type.Number() });
export type SessionMetaRow = Static<typeof SessionMetaRow>;

/** Bucket `runners`, key: runner id. */
export const RunnerRow = Type.Object({ info: RunnerInfo, lastSeq: Type.Number() });
export type RunnerRow = Static<typeof RunnerRow>;

export const isSessionRow = checker(SessionRow);
export const isRecentSessionsRow = checker(RecentSessionsRow);
export const isSessionMetaRow = checker(SessionMetaRow);
export const isRunnerRow = checker(RunnerRow);

/**
 * Returns an offset after which at least the last `n` events of a session are stored, and as few more as its
 * checkpoints allow. Returns 0 when the whole log has to be read. Events that are newer than the row are read in
 * addition.
 */
export function offsetBeforeLast(row: Pick<SessionRow, 'count' | 'checkpoints'>, n: number): number {
  const found = row.checkpoints.findLast((checkpoint) => checkpoint.count <= row.count - n);
  return found?.seq ?? 0;
}
