import { WILDCARD } from './subjects.js';

/**
 * The partitions of the log (docs/protocol/partitions.md). With more than one partition nats-server maps the subject of a
 * session's log to one of several streams. Publishers and viewers use the same subjects as with one.
 */

/** The most partitions of a deployment. Each has a stream, a lease and a reader of its own. */
export const MAX_PARTITIONS = 64;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Returns the partition of a session: FNV-1a of its id with 32 bits, modulo the number, as nats-server computes it. */
export function partitionOf(sid: string, partitions: number): number {
  if (partitions === 1) return 0;
  let hash = FNV_OFFSET;
  for (let at = 0; at < sid.length; at++) hash = Math.imul(hash ^ sid.charCodeAt(at), FNV_PRIME);
  return (hash >>> 0) % partitions;
}

/** The subjects of one partition. Only nats-server and the provisioner publish there. */
export const partitionSubjects = (partitions: number, partition: number): string =>
  `partition.${partitions}.${partition}.*`;

/** Returns what the account of the logs maps: nothing with one partition. */
export function partitionMapping(partitions: number): { from: string; to: string } | undefined {
  if (partitions === 1) return undefined;
  const to = `partition.${partitions}.{{partition(${partitions},1)}}.{{wildcard(1)}}`;
  return { from: WILDCARD.sessionEvents, to };
}

/** Where the copy of a session's log is written while a deployment moves to another number of partitions. */
export const partitionSubject = (partitions: number, sid: string): string =>
  `partition.${partitions}.${partitionOf(sid, partitions)}.${sid}`;
