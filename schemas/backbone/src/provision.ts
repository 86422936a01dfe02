import { JetStreamApiError, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import { CodedError, subjects } from '@pizzapi/protocol';
import { createHash } from 'node:crypto';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { reportDurability } from './durability.js';
import { adoptPartitions, DEPLOYMENT, settlePartitions, verifyMapping } from './partitions.js';
import { copiesComplete, provisionStream, type StreamChange } from './provisionStream.js';
import { drift, driftOf } from './streamDrift.js';
import { infoOf, NO_SUCH_STREAM } from './streamInfo.js';
import {
  AUDIT_STREAM,
  BLOB_SPEC,
  bucketSpec,
  BUCKETS,
  bucketStream,
  COMMANDS_STREAM,
  sessionStreams,
  STATE_BUCKETS,
  streamOf,
  streamSpecs,
  type ProvisionOptions,
  type StreamSpec,
} from './streams.js';

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

/** How long `provision` waits until all copies of a stream are complete, in ms, where no other time is given. */
export const COPIES_PATIENCE_MS = 5 * 60_000;

/**
 * Creates the streams, buckets and object store that are missing and mends those that differ, and waits until every copy
 * of every stream is complete. Returns what it changed; running it again changes nothing. A difference that cannot be
 * mended throws `stream_drift` and names the field (`SESSIONS.retention …`). Another number of partitions than the
 * deployment has throws `partitions_differ`.
 */
export async function provision(
  b: Backbone,
  { patienceMs = COPIES_PATIENCE_MS, ...options }: ProvisionOptions & { patienceMs?: number } = {},
): Promise<StreamChange[]> {
  const connection = internals(b);
  const deployment: Place = { spec: bucketSpec(DEPLOYMENT), at: connection.forBucket(DEPLOYMENT) };
  const changes: StreamChange[] = [];
  const settle = async ({ spec, at }: Place) => {
    const change = await provisionStream(at, withOptions(spec, options, connection.partitions));
    if (change !== undefined) changes.push(change);
  };
  await settle(deployment);
  await settlePartitions(b);
  const all = places(connection);
  for (const place of all) await settle(place);
  if (connection.isClustered)
    await Promise.all([deployment, ...all].map(({ spec, at }) => copiesComplete(at, spec.name, patienceMs)));
  await Promise.all([refreshIdentity(b), verifyMapping(b)]);
  return changes;
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
