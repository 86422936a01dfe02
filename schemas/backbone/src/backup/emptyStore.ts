import { CodedError } from '@pizzapi/protocol';
import { internals, type Backbone, type BackboneConnection } from '../connection.js';
import { COPY_WINDOW_MS, createCopyTargets } from '../copyTargets.js';
import { bucket } from '../kv.js';
import { readPartitions, verifyMapping, writePartitions, DEPLOYMENT } from '../partitions.js';
import { provisionStream } from '../provisionStream.js';
import { infoOf } from '../streamInfo.js';
import {
  AUDIT_STREAM,
  BLOB_SPEC,
  bucketSpec,
  BUCKETS,
  bucketStream,
  COMMANDS_STREAM,
  LEASES,
  sessionStreams,
  streamSpecs,
  type StreamSpec,
} from '../streams.js';

/**
 * Offsets begin so far behind those of the backup: hosts know offsets and epochs that were given after the backup was made,
 * and a lower one would mean to them that they are ahead of the log.
 */
export const RESTORED_GAP = 1_000_000_000;

/** What may be in an installation into which a backup is restored: what its services write by themselves. */
const MAY_HAVE: ReadonlySet<string> = new Set(
  [LEASES, 'projector', 'deployment', 'notifications', 'usage', 'blob-parts']
    .map(bucketStream)
    .concat(AUDIT_STREAM, COMMANDS_STREAM),
);
/** Leases of services that write. */
const SERVICE_LEASE = /^(projector(\..*)?|blob-sweeper)$/;

export interface EmptyStoreOptions {
  partitions: number;
  replicas: number | undefined;
  /** By stream: the last offset that the backup knows; of the owners the highest epoch. */
  last: Readonly<Record<string, number>>;
}

interface Place {
  spec: StreamSpec;
  at: BackboneConnection;
}

/**
 * Makes the streams and buckets for a restore, with offsets behind all that hosts may know. Throws `services_running` while
 * a service runs, and `store_not_empty` where there is something that a restore would hide. What an interrupted restore has
 * left is removed: a restore always begins at its beginning.
 */
export async function prepareEmptyStore(b: Backbone, { partitions, replicas, last }: EmptyStoreOptions): Promise<void> {
  const connection = internals(b);
  const row = await readPartitions(b);
  const isOwn = row?.restoring === true;
  const counts = new Set([row?.partitions ?? 1, partitions]);
  const places = [
    ...new Map([...counts].flatMap((count) => placesOf(connection, count)).map((p) => [p.spec.name, p])).values(),
  ];
  await refuseRunning(b);
  if (!isOwn) await refuseFull(places);
  const settings = replicas === undefined ? {} : { num_replicas: replicas };
  await provisionStream(connection.forBucket(DEPLOYMENT), { ...bucketSpec(DEPLOYMENT), ...settings });
  // Services of an earlier version know `movingTo` only: they refuse to start for that.
  await writePartitions(b, { partitions, movingTo: partitions, restoring: true });
  for (const { spec, at } of places)
    if (spec.name !== bucketStream(DEPLOYMENT) && (await infoOf(at, spec.name)) !== undefined)
      await at.jsm.streams.delete(spec.name);
  connection.partitions = partitions;
  const logs = new Set(sessionStreams(partitions));
  const highest = Math.max(0, ...Object.values(last));
  await createCopyTargets(connection, partitions, { first_seq: highest + RESTORED_GAP, ...settings });
  if (partitions > 1) await verifyMapping(b);
  for (const { spec, at } of placesOf(connection, partitions)) {
    if (logs.has(spec.name) || spec.name === bucketStream(DEPLOYMENT)) continue;
    const first_seq = (last[spec.name] ?? 0) + RESTORED_GAP;
    // Copies have the message ids that they had: the server must not take one for a repeat.
    const window = spec.duplicate_window === undefined ? {} : { duplicate_window: COPY_WINDOW_MS * 1e6 };
    await provisionStream(at, { ...spec, ...settings, ...window, first_seq });
  }
}

function placesOf(connection: BackboneConnection, partitions: number): Place[] {
  return [
    ...streamSpecs(partitions).map((spec) => ({ spec, at: connection })),
    ...BUCKETS.map((name) => ({ spec: bucketSpec(name), at: connection.forBucket(name) })),
    { spec: BLOB_SPEC, at: connection.stateConnection },
  ];
}

async function refuseRunning(b: Backbone): Promise<void> {
  if ((await infoOf(internals(b), bucketStream(LEASES))) === undefined) return;
  const held = (await bucket(b, LEASES).keys()).filter((key) => SERVICE_LEASE.test(key));
  if (held.length > 0)
    throw new CodedError('services_running', `Services of this installation run (${held.join(', ')})`);
}

async function refuseFull(places: readonly Place[]): Promise<void> {
  for (const { spec, at } of places) {
    if (MAY_HAVE.has(spec.name)) continue;
    const messages = (await infoOf(at, spec.name))?.state.messages ?? 0;
    if (messages > 0) throw new CodedError('store_not_empty', `${spec.name} has ${messages} messages`);
  }
}
