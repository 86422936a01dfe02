import { JetStreamApiError, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import { CodedError, subjects } from '@pizzapi/protocol';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { reportDurability } from './durability.js';
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
  SESSIONS_STREAM,
  STATE_BUCKETS,
  STREAMS,
  streamOf,
  type ProvisionOptions,
  type StreamSpec,
} from './streams.js';

interface Place {
  spec: StreamSpec;
  /** The connection to the account it is in. */
  at: BackboneConnection;
}

const places = (connection: BackboneConnection): Place[] => [
  ...STREAMS.map((spec) => ({ spec, at: connection })),
  ...BUCKETS.map((bucket) => ({ spec: bucketSpec(bucket), at: connection.forBucket(bucket) })),
  { spec: BLOB_SPEC, at: connection.stateConnection },
];

/** How long `provision` waits until all copies of a stream are complete, in ms, where no other time is given. */
export const COPIES_PATIENCE_MS = 5 * 60_000;

/**
 * Creates the streams, buckets and object store that are missing and mends those that differ, and waits until every copy
 * of every stream is complete. Returns what it changed; running it again changes nothing. A difference that cannot be
 * mended throws `stream_drift` and names the field (`SESSIONS.retention …`).
 */
export async function provision(
  b: Backbone,
  { patienceMs = COPIES_PATIENCE_MS, ...options }: ProvisionOptions & { patienceMs?: number } = {},
): Promise<StreamChange[]> {
  const connection = internals(b);
  const all = places(connection);
  const changes: StreamChange[] = [];
  for (const { spec, at } of all) {
    const change = await provisionStream(at, withOptions(spec, options));
    if (change !== undefined) changes.push(change);
  }
  if (connection.isClustered) await Promise.all(all.map(({ spec, at }) => copiesComplete(at, spec.name, patienceMs)));
  await refreshIdentity(b);
  return changes;
}

/**
 * Checks what `provision` made, changing nothing: `not_provisioned` names streams that are missing, `stream_drift` the
 * first field that differs. Warns in the log when the server could lose an acknowledged write in a power cut.
 */
export async function verifyProvisioned(b: Backbone): Promise<void> {
  const connection = internals(b);
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
  return (await internals(b).jsm.streams.purge(streamOf(sid), { filter: subjects.sessionEvents(sid) })).purged;
}

/** What is stored, in bytes, of what may be; a limit of 0 means no limit. */
export interface StoredBytes {
  used: number;
  limit: number;
}

/** How full the log and the store of all blobs are. Throws `unavailable`. */
export async function storedBytes(b: Backbone): Promise<{ log: StoredBytes; files: StoredBytes }> {
  const connection = internals(b);
  const [log, files] = await Promise.all([
    infoOf(connection, SESSIONS_STREAM),
    infoOf(connection.stateConnection, BLOB_SPEC.name),
  ]);
  const of = (info: StreamInfo | undefined): StoredBytes => ({
    used: info?.state.bytes ?? 0,
    limit: Math.max(0, info?.config.max_bytes ?? 0),
  });
  return { log: of(log), files: of(files) };
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
  connection.identifying ??= infoOf(connection, SESSIONS_STREAM)
    .then((info) => (connection.identity = info?.created))
    .finally(() => (connection.identifying = undefined));
  return connection.identifying;
}

function withOptions(spec: StreamSpec, options: ProvisionOptions): StreamSpec {
  const { replicas } = options;
  return { ...spec, ...limitsOf(spec.name, options), ...(replicas === undefined ? {} : { num_replicas: replicas }) };
}

/** What of the operator's choice concerns one stream; nothing that is not chosen. */
function limitsOf(name: string, options: ProvisionOptions): Partial<StreamConfig> {
  const { maxAge, maxBytes, whenFull, blobBytes, commandBytes, auditBytes, stateBytes } = options;
  const bytes = (most: number | undefined): Partial<StreamConfig> => (most === undefined ? {} : { max_bytes: most });
  const refusing = (most: number | undefined): Partial<StreamConfig> =>
    most === undefined ? {} : { max_bytes: most, discard: 'new' };
  switch (name) {
    case SESSIONS_STREAM:
      return {
        ...(maxAge === undefined ? {} : { max_age: maxAge * 1e6 }),
        ...refusing(maxBytes),
        ...(whenFull === undefined ? {} : { discard: whenFull === 'refuse' ? 'new' : 'old' }),
      };
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

/** The streams behind buckets whose size is the operator's to limit. */
const STATE_STREAMS: ReadonlySet<string> = new Set(
  STATE_BUCKETS.filter((name) => name !== 'blob-parts').map(bucketStream),
);
