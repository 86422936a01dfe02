import { JetStreamApiError, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import { CodedError, formatBytes, subjects } from '@pizzapi/protocol';
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { RetryDelay } from './retryDelay.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { reportDurability } from './durability.js';
import { adoptPartitions, DEPLOYMENT, settlePartitions, verifyMapping } from './partitions.js';
import {
  AUDIT_STREAM,
  BLOB_SPEC,
  bucketSpec,
  BUCKETS,
  bucketStream,
  COMMANDS_STREAM,
  MAX_PARTS_BYTES,
  sessionStreams,
  STATE_BUCKETS,
  streamOf,
  streamSpecs,
  type ProvisionOptions,
  type StreamSpec,
} from './streams.js';

/** The server's code for "there is no such stream". */
const NO_SUCH_STREAM = 10059;
/** The server's code for "the disk has no room for this stream". */
const NO_STORAGE = 10047;
/** The least that is reserved for a stream whose reservation depends on the disk. */
const MIN_RESERVED_BYTES = 4 * 1024 * 1024;
/** Attempts against a server that is still starting or electing before its error is thrown. */
const ATTEMPTS = 10;

/** Fields no update can change: a stream that differs in one of them is not ours to touch. */
const FIXED: readonly (keyof StreamConfig)[] = ['retention', 'storage', 'max_consumers', 'sealed'];

interface Place {
  spec: StreamSpec;
  /** The connection to the account it is in. */
  at: BackboneConnection;
}

const places = (connection: BackboneConnection): Place[] => [
  ...streamSpecs(connection.partitions).map((spec) => ({ spec, at: connection })),
  ...BUCKETS.map((bucket) => ({ spec: bucketSpec(bucket), at: connection.forBucket(bucket) })),
  { spec: BLOB_SPEC, at: connection.stateConnection },
];

/**
 * Creates the streams, buckets and object store that are missing and mends those that differ. Running it again changes
 * nothing. A difference that cannot be mended throws `stream_drift` and names the field (`SESSIONS.retention …`). Another
 * number of partitions than the deployment has throws `partitions_differ`.
 */
export async function provision(b: Backbone, options: ProvisionOptions = {}): Promise<void> {
  const connection = internals(b);
  await provisionStream(connection.forBucket(DEPLOYMENT), withOptions(bucketSpec(DEPLOYMENT), options));
  await settlePartitions(b);
  for (const { spec, at } of places(connection)) {
    await provisionStream(at, withOptions(spec, options, connection.partitions));
  }
  await Promise.all([refreshIdentity(b), verifyMapping(b)]);
}

/**
 * Checks what `provision` made, changing nothing: `not_provisioned` names streams that are missing, `stream_drift` the
 * first field that differs, `partitions_differ` another number of partitions. Warns in the log when the server could lose
 * an acknowledged write in a power cut.
 */
export async function verifyProvisioned(b: Backbone): Promise<void> {
  const connection = internals(b);
  await adoptPartitions(b);
  const missing: string[] = [];
  const found = await Promise.all(
    places(connection).map(async ({ spec, at }) => ({ spec, info: await infoOf(at, spec.name) })),
  );
  for (const { spec, info } of found) {
    if (info === undefined) {
      missing.push(spec.name);
      continue;
    }
    const [field] = driftOf(spec, info.config);
    if (field !== undefined) throw drift(spec, info.config, field);
  }
  if (missing.length > 0) throw new CodedError('not_provisioned', `Missing: ${missing.join(', ')}`);
  await Promise.all([refreshIdentity(b), reportDurability(connection)]);
}

/** Makes a bucket outside the fixed set, such as a projection that is being rebuilt. Idempotent. */
export async function ensureBucket(b: Backbone, bucket: string, options: ProvisionOptions = {}): Promise<void> {
  await provisionStream(
    internals(b).forBucket(bucket),
    withOptions(bucketSpec(bucket), { replicas: options.replicas }),
  );
}

/** Deletes a bucket with everything in it; false when there was none. */
export async function deleteBucket(b: Backbone, bucket: string): Promise<boolean> {
  const { jsm } = internals(b).forBucket(bucket);
  try {
    return await jsm.streams.delete(bucketSpec(bucket).name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === NO_SUCH_STREAM) return false;
    throw error;
  }
}

/** Deletes all events of a session from the log, for good; how many there were. */
export async function purgeSession(b: Backbone, sid: string): Promise<number> {
  const connection = internals(b);
  return (await connection.jsm.streams.purge(streamOf(connection, sid), { filter: subjects.sessionEvents(sid) }))
    .purged;
}

/** What is stored, in bytes, of what may be; a limit of 0 means no limit. */
export interface StoredBytes {
  used: number;
  limit: number;
}

/** How full the log and the store of all blobs are. Throws `unavailable`. */
export async function storedBytes(b: Backbone): Promise<{ log: StoredBytes; files: StoredBytes }> {
  const connection = internals(b);
  const [logs, files] = await Promise.all([
    Promise.all(sessionStreams(connection.partitions).map((stream) => infoOf(connection, stream))),
    infoOf(connection.stateConnection, BLOB_SPEC.name),
  ]);
  const of = (info: StreamInfo | undefined): StoredBytes => ({
    used: info?.state.bytes ?? 0,
    limit: Math.max(0, info?.config.max_bytes ?? 0),
  });
  return { log: fullest(logs.map(of)), files: of(files) };
}

/**
 * How full a log of several partitions is. A full partition refuses events while others have room: as full as the fullest
 * of them, times their number.
 */
function fullest(parts: readonly StoredBytes[]): StoredBytes {
  const limit = parts.reduce((sum, part) => sum + part.limit, 0);
  const used = parts.reduce((sum, part) => sum + part.used, 0);
  if (limit === 0) return { used, limit };
  return { used: Math.max(...parts.map((part) => part.used)) * parts.length, limit };
}

/**
 * Which log this is: offsets of one identity mean nothing in another. Known after `provision` or `verifyProvisioned`;
 * before that it throws `not_provisioned`.
 */
export function streamIdentity(b: Backbone): string {
  const { identity } = internals(b);
  if (identity === undefined) throw new CodedError('not_provisioned');
  return identity;
}

/** Asks the server for the log's identity, once however many ask at a time. Undefined when there is no log. */
export function refreshIdentity(b: Backbone): Promise<string | undefined> {
  const connection = internals(b);
  connection.identifying ??= readIdentity(connection)
    .then((identity) => (connection.identity = identity))
    .finally(() => (connection.identifying = undefined));
  return connection.identifying;
}

/** With several partitions, one replaced stream makes another log: the offsets of its sessions have no meaning. */
async function readIdentity(connection: BackboneConnection): Promise<string | undefined> {
  const streams = sessionStreams(connection.partitions);
  const created = await Promise.all(streams.map(async (stream) => (await infoOf(connection, stream))?.created));
  if (created.length === 1 || created.includes(undefined)) return created[0];
  return `${created.length}-${createHash('sha256').update(created.join(' ')).digest('base64url')}`;
}

function withOptions(spec: StreamSpec, options: ProvisionOptions, partitions = 1): StreamSpec {
  const { replicas } = options;
  const limits = limitsOf(spec.name, options, partitions);
  return { ...spec, ...limits, ...(replicas === undefined ? {} : { num_replicas: replicas }) };
}

/** What of the operator's choice concerns one stream; nothing that is not chosen. */
function limitsOf(name: string, options: ProvisionOptions, partitions: number): Partial<StreamConfig> {
  const { maxAge, maxBytes, whenFull, blobBytes, commandBytes, auditBytes, stateBytes } = options;
  const bytes = (most: number | undefined): Partial<StreamConfig> => (most === undefined ? {} : { max_bytes: most });
  const refusing = (most: number | undefined): Partial<StreamConfig> =>
    most === undefined ? {} : { max_bytes: most, discard: 'new' };
  if (sessionStreams(partitions).includes(name)) {
    return {
      ...(maxAge === undefined ? {} : { max_age: maxAge * 1e6 }),
      ...refusing(shareOf(maxBytes, partitions)),
      ...(whenFull === undefined ? {} : { discard: whenFull === 'refuse' ? 'new' : 'old' }),
    };
  }
  switch (name) {
    case COMMANDS_STREAM:
      return refusing(commandBytes);
    case AUDIT_STREAM:
      return bytes(auditBytes);
    case BLOB_SPEC.name:
      return bytes(blobBytes);
    default:
      return STATE_STREAMS.has(name) ? bytes(stateBytes) : {};
  }
}

/** What one of the partitions may hold. */
const shareOf = (bytes: number | undefined, partitions: number): number | undefined =>
  bytes === undefined || bytes < 0 ? bytes : Math.ceil(bytes / partitions);

/** The streams behind buckets whose size is the operator's to limit. */
const STATE_STREAMS: ReadonlySet<string> = new Set(
  STATE_BUCKETS.filter((name) => name !== 'blob-parts').map(bucketStream),
);

export async function provisionStream(connection: BackboneConnection, spec: StreamSpec): Promise<void> {
  const { streams } = connection.jsm;
  const found = await infoOf(connection, spec.name);
  const before = found?.config ?? (await addStream(connection, spec));
  const fields = driftOf(spec, before);
  if (fields.length === 0) return;
  const fixed = fields.find((field) => FIXED.includes(field));
  if (fixed !== undefined) throw drift(spec, before, fixed);
  connection.log.warn({ stream: spec.name, fields }, 'stream configuration differs; updating it');
  const after = await streams.update(spec.name, { ...spec }).catch((cause: unknown) => {
    throw drift(spec, before, fields[0]!, cause);
  });
  // A server that does not know a field drops it without a word: what came back counts.
  const [left] = driftOf(spec, after.config);
  if (left !== undefined) throw drift(spec, after.config, left);
}

/**
 * Creates a stream. nats-server reserves `max_bytes` of its disk: on a small disk the reservation is halved until it
 * fits. Throws `disk_full` when there is no room even then.
 */
async function addStream({ jsm, log }: BackboneConnection, spec: StreamSpec): Promise<StreamConfig> {
  for (let bytes = spec.max_bytes ?? -1; ; bytes = Math.floor(bytes / 2)) {
    try {
      const { config } = await jsm.streams.add({ ...spec, ...(bytes > 0 ? { max_bytes: bytes } : {}) });
      if (bytes !== (spec.max_bytes ?? -1)) log.warn({ stream: spec.name, bytes }, 'small disk: reserved less for it');
      return config;
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== NO_STORAGE) throw error;
      if (isReservation(spec) && bytes / 2 >= MIN_RESERVED_BYTES) continue;
      const needed = bytes > 0 ? `needs ${formatBytes(bytes)}` : 'needs room';
      throw new CodedError('disk_full', `nats-server has too little disk space: the stream ${spec.name} ${needed}`, {
        cause: error,
      });
    }
  }
}

export async function infoOf(connection: BackboneConnection, stream: string): Promise<StreamInfo | undefined> {
  const retry = new RetryDelay();
  for (let attempt = 1; ; attempt++) {
    try {
      return await connection.whileConnected(connection.jsm.streams.info(stream));
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_SUCH_STREAM) return undefined;
      if (attempt >= ATTEMPTS)
        throw new CodedError('unavailable', `Could not read the stream ${stream}`, { cause: error });
      await connection.connected();
      await retry.wait();
    }
  }
}

/** Fields whose absence from the server's answer means a default of ours. */
const ABSENT: Partial<Record<keyof StreamConfig, unknown>> = {
  max_age: 0,
  sealed: false,
  allow_direct: false,
  deny_delete: false,
  allow_rollup_hdrs: false,
  allow_msg_ttl: false,
  subject_delete_marker_ttl: 0,
};

/** Whether a stream gets less than it wants on a small disk: parts of blobs, which leave it soon. */
const isReservation = ({ name, max_bytes }: StreamSpec): boolean =>
  name === bucketStream('blob-parts') && max_bytes === MAX_PARTS_BYTES;
const isLess = (bytes = 0, than = 0): boolean => bytes > 0 && bytes < than;

/** The fields of `spec` that `actual` does not have as written. */
export function driftOf(spec: StreamSpec, actual: Partial<StreamConfig>): (keyof StreamConfig)[] {
  return (Object.keys(spec) as (keyof StreamConfig)[]).filter(
    (field) =>
      !isDeepStrictEqual(spec[field], actual[field] ?? ABSENT[field]) &&
      !(field === 'max_bytes' && isReservation(spec) && isLess(actual.max_bytes, spec.max_bytes)),
  );
}

function drift(
  spec: StreamSpec,
  actual: Partial<StreamConfig>,
  field: keyof StreamConfig,
  cause?: unknown,
): CodedError {
  const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
  const what = `${spec.name}.${field} is ${show(actual[field])}, needed is ${show(spec[field])}`;
  return new CodedError('stream_drift', what, cause === undefined ? undefined : { cause });
}
