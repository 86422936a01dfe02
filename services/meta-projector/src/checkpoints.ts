import type { Checkpoint } from '@pizzapi/protocol';

/** Events between two checkpoints of a session that is not long. */
export const CHECKPOINT_SPACING = 250;
/** Checkpoints of one session, at most: then every other goes, and the spacing doubles. */
export const MAX_CHECKPOINTS = 64;

/** How far apart the checkpoints of a session of `count` events are. A function of the count alone, so that a refold agrees. */
export function spacingOf(count: number): number {
  let spacing = CHECKPOINT_SPACING;
  while (count > spacing * MAX_CHECKPOINTS) spacing *= 2;
  return spacing;
}

/** The checkpoints after the event at `seq`, which was the session's `count`-th. */
export function withCheckpoint(checkpoints: readonly Checkpoint[], seq: number, count: number): Checkpoint[] {
  const spacing = spacingOf(count);
  const kept =
    checkpoints.length < MAX_CHECKPOINTS ? checkpoints : checkpoints.filter((one) => one.count % spacing === 0);
  const due = count % spacing === 0;
  if (!due && kept === checkpoints) return checkpoints as Checkpoint[];
  return due ? [...kept, { seq, count }] : [...kept];
}
