import type { StreamConfig } from '@nats-io/jetstream';
import { partitionOf, partitionSubjects, WILDCARD } from '@pizzapi/protocol';

/** The streams and buckets of PizzaPi as data (PROTOCOL.md, "Streams"). Times are in nanoseconds, as the server has them. */

const SECOND = 1e9;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** A stream we need: every field named here must come back from the server as written. */
export type StreamSpec = Partial<StreamConfig> & { name: string };

export const LOG_FULL_POLICIES = ['refuse', 'drop_oldest'] as const;
export type LogFullPolicy = (typeof LOG_FULL_POLICIES)[number];

/** What an operator may choose; left out, an existing stream keeps what it has. */
export interface ProvisionOptions {
  /** How long the log keeps events, in ms; 0 = until deleted. */
  maxAge?: number;
  /** How large the log may grow, all partitions together, in bytes; -1 = without limit. */
  maxBytes?: number | undefined;
  /**
   * What becomes of an event that a full log has no room for. `refuse`, the default: it waits on the disk of its host,
   * and the session pauses when that is full too. `drop_oldest`: the oldest events of anybody make room.
   */
  whenFull?: LogFullPolicy | undefined;
  /** How large the store of all blobs may grow, in bytes; -1 = without limit. A full one refuses. */
  blobBytes?: number | undefined;
  /** The same of commands that wait, for a day at most. A full stream refuses. */
  commandBytes?: number | undefined;
  /** The same of the audit log. The oldest rows go first. */
  auditBytes?: number | undefined;
  /** The same of each bucket of state, but that of parts of blobs. A full one refuses. */
  stateBytes?: number | undefined;
  /** Copies of every stream and bucket: 3 in production. */
  replicas?: number;
}

/** How long a message id is remembered by the server: a resend within it is answered as a duplicate. */
export const DUPLICATE_WINDOW_MS = 10 * 60_000;
/** Readers that the log's stream allows at once. Long replays and projectors use one each; viewers none. */
export const MAX_SESSION_CONSUMERS = 4_096;

const eventStream: Partial<StreamConfig> = {
  retention: 'limits',
  storage: 'file',
  compression: 'none',
  max_msgs: -1,
  max_msgs_per_subject: -1,
  max_msg_size: -1,
  allow_direct: true,
  sealed: false,
  duplicate_window: DUPLICATE_WINDOW_MS * 1e6,
};

export const SESSIONS_STREAM = 'SESSIONS';
export const COMMANDS_STREAM = 'COMMANDS';
export const RUNNERS_STREAM = 'RUNNERS';
export const AUDIT_STREAM = 'AUDIT';

/** The stream of one partition of the log. */
export const partitionStream = (partitions: number, partition: number): string =>
  partitions === 1 ? SESSIONS_STREAM : `${SESSIONS_STREAM}_${partitions}_${partition}`;

/** Which stream holds a session. The only place that knows. */
export function streamOf({ partitions }: { readonly partitions: number }, sid: string): string {
  return partitions === 1 ? SESSIONS_STREAM : partitionStream(partitions, partitionOf(sid, partitions));
}

/** The streams that hold the logs of all sessions, by partition. */
export const sessionStreams = (partitions: number): string[] =>
  Array.from({ length: partitions }, (_, partition) => partitionStream(partitions, partition));

const SESSIONS_SPEC: StreamSpec = {
  ...eventStream,
  name: SESSIONS_STREAM,
  subjects: [WILDCARD.sessionEvents],
  max_consumers: MAX_SESSION_CONSUMERS,
  republish: { src: WILDCARD.sessionEvents, dest: 'live.session.{{wildcard(1)}}.events' },
};

/**
 * What the stream of one partition must be. The server maps the subject of an event to that of its partition, and the
 * stream maps it back before it stores the event: a stored event has the same subject with any number of partitions.
 */
export function sessionSpec(partitions: number, partition: number): StreamSpec {
  if (partitions === 1) return SESSIONS_SPEC;
  return { ...SESSIONS_SPEC, ...partitionInput(partitions, partition), name: partitionStream(partitions, partition) };
}

/** What a stream takes that receives the events of one partition under the subjects of the partition. */
export function partitionInput(
  partitions: number,
  partition: number,
): Required<Pick<StreamConfig, 'subjects' | 'subject_transform'>> {
  const src = partitionSubjects(partitions, partition);
  return { subjects: [src], subject_transform: { src, dest: 'session.{{wildcard(1)}}.events' } };
}

const OTHER_STREAMS: readonly StreamSpec[] = [
  {
    ...eventStream,
    name: COMMANDS_STREAM,
    subjects: [WILDCARD.runnerCommands],
    max_age: DAY,
    republish: { src: WILDCARD.runnerCommands, dest: 'live.runner.{{wildcard(1)}}.cmd' },
  },
  { ...eventStream, name: RUNNERS_STREAM, subjects: [WILDCARD.runnerEvents], max_age: 30 * DAY, discard: 'old' },
  { ...eventStream, name: AUDIT_STREAM, subjects: [WILDCARD.audit], max_age: 90 * DAY, discard: 'old' },
];

/** All streams that are no buckets. */
export const streamSpecs = (partitions: number): StreamSpec[] => [
  ...Array.from({ length: partitions }, (_, partition) => sessionSpec(partitions, partition)),
  ...OTHER_STREAMS,
];

/** The bucket of leases, beside the logs: hosts write it. */
export const LEASES = 'leases';

/** The buckets that hosts cannot reach. Values are one msgpack map each; the key is part of the subject. */
export const STATE_BUCKETS = [
  'session-meta',
  'sessions',
  'recent-sessions',
  'runners',
  'owners',
  'accounts',
  'api-keys',
  'shares',
  'blob-owners',
  'blob-parts',
  'usage',
  'projector',
  'notifications',
  'deployment',
] as const;
/** All key/value buckets. */
export const BUCKETS = [LEASES, ...STATE_BUCKETS] as const;
export type BucketName = (typeof BUCKETS)[number];

/** What may wait in the bucket of parts of blobs, in bytes: parts come with a TTL, so this is what hosts send at once. */
export const MAX_PARTS_BYTES = 512 * 1024 * 1024;

/** The stream behind a bucket. */
export const bucketStream = (bucket: string): string => `KV_${bucket}`;
/** The subject of a key. */
export const keySubject = (bucket: string, key: string): string => `$KV.${bucket}.${key}`;

/**
 * What the stream behind a bucket must be. Every bucket knows TTLs. Hosts write leases, and a message with the header
 * `Nats-Rollup: all` removes all others of its stream: so leases are not rolled up, and leave no marker when one runs
 * out, which the server allows only together.
 */
export function bucketSpec(bucket: string): StreamSpec {
  return {
    name: bucketStream(bucket),
    subjects: [keySubject(bucket, '>')],
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    max_msgs: -1,
    max_msgs_per_subject: 1,
    max_msg_size: -1,
    allow_direct: true,
    allow_rollup_hdrs: bucket !== LEASES,
    deny_delete: true,
    sealed: false,
    allow_msg_ttl: true,
    subject_delete_marker_ttl: 0,
    ...(bucket === 'blob-parts' ? { max_bytes: MAX_PARTS_BYTES } : {}),
  };
}

/** The object store for what is too large for an event. */
export const BLOB_STORE = 'session-blobs';
export const BLOB_SPEC: StreamSpec = {
  name: `OBJ_${BLOB_STORE}`,
  subjects: [`$O.${BLOB_STORE}.C.>`, `$O.${BLOB_STORE}.M.>`],
  retention: 'limits',
  storage: 'file',
  discard: 'new',
  allow_direct: true,
  allow_rollup_hdrs: true,
  sealed: false,
};
