import { logStreams, partitionsOf, type Backbone } from '@pizzapi/backbone';
import { partitionOf } from '@pizzapi/protocol';

/**
 * The part of the log that one term folds. Everything that belongs to no session is done by the term of partition 0: the
 * rows of runners, the reapers, the sweeper of orphaned rows, and the orchestrator, whose pending commands lead from a
 * session of one partition to a session of another.
 */
export interface PartitionScope {
  partition: number;
  partitions: number;
  /** The stream with the logs of its sessions. */
  stream: string;
}

/** The scope of one partition of the deployment. */
export function scopeOf(b: Backbone, partition = 0): PartitionScope {
  const stream = logStreams(b)[partition];
  if (stream === undefined) throw new RangeError(`There is no partition ${partition}`);
  return { partition, partitions: partitionsOf(b), stream };
}

/** Whether the scope is the one that also does what belongs to no session. */
export const isFirst = ({ partition }: PartitionScope): boolean => partition === 0;

/** Whether the log of a session is in the scope. */
export const isInScope = ({ partition, partitions }: PartitionScope, sid: string): boolean =>
  partitionOf(sid, partitions) === partition;

/** The key of a row that each partition has: that of earlier versions with one partition. */
export const scopedKey = ({ partition, partitions }: PartitionScope, key: string): string =>
  partitions === 1 ? key : `${key}.${partition}`;
