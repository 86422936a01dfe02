import Type, { type Static } from 'typebox';
import { checker } from './check.js';
import { RunnerInfo, SessionInfo } from './info.js';
import { SessionMetaState } from './meta.js';

/** What the projections hold: the values of the buckets `sessions`, `session-meta` and `runners`. */

/** `count` events of the session lie at or before the offset `seq`. */
export const Checkpoint = Type.Object({ seq: Type.Number(), count: Type.Number() });
export type Checkpoint = Static<typeof Checkpoint>;

/** Bucket `sessions`, key: session id. */
export const SessionRow = Type.Object({
  info: SessionInfo,
  /** The last offset that was folded in. */
  lastSeq: Type.Number(),
  /** Events of the session so far, without those of a stale epoch. */
  count: Type.Number(),
  /** The highest epoch that wrote to the session. */
  epoch: Type.Number(),
  /** Rising; at most 64. */
  checkpoints: Type.Array(Checkpoint),
  /** What the log has stored of the session so far, in bytes, without events of a stale epoch. */
  logBytes: Type.Optional(Type.Number()),
});
export type SessionRow = Static<typeof SessionRow>;

/** Bucket `session-meta`, key: session id. `lastSeq` is the offset of the last event that changed the state. */
export const SessionMetaRow = Type.Object({ state: SessionMetaState, lastSeq: Type.Number() });
export type SessionMetaRow = Static<typeof SessionMetaRow>;

/** Bucket `runners`, key: runner id. */
export const RunnerRow = Type.Object({ info: RunnerInfo, lastSeq: Type.Number() });
export type RunnerRow = Static<typeof RunnerRow>;

export const isSessionRow = checker(SessionRow);
export const isSessionMetaRow = checker(SessionMetaRow);
export const isRunnerRow = checker(RunnerRow);

/**
 * The offset after which at least the last `n` events of a session lie, and as few more as its checkpoints allow; 0
 * reads it all. Events newer than the row only add to what is read.
 */
export function offsetBeforeLast(row: Pick<SessionRow, 'count' | 'checkpoints'>, n: number): number {
  const found = row.checkpoints.findLast((checkpoint) => checkpoint.count <= row.count - n);
  return found?.seq ?? 0;
}
