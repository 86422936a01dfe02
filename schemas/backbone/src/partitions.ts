import { CodedError, compareSemver, isMap, MAX_PARTITIONS } from '@pizzapi/protocol';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { bucket } from './kv.js';
import type { Bucket } from './bucket.js';
import type { LogSummary } from './logProof.js';
import { headerText, payloadOf, statusOf, writeHeaders } from './message.js';
import { infoOf } from './streamInfo.js';
import { bucketStream, SESSIONS_STREAM, sessionStreams } from './streams.js';

/** Into how many partitions the log of a deployment is divided. */
export interface PartitionsRow {
  partitions: number;
  /** The log moves to so many. Services refuse to start until the move has ended. */
  movingTo?: number;
  /** A backup is being restored: the installation has a part of it. */
  restoring?: boolean;
  /** The logs were compared and are equal: the move can only be finished. */
  proven?: ProvenMove;
}

/** What a move has found before it switches. */
export interface ProvenMove {
  before: LogSummary;
  after: LogSummary;
  /** Messages on no session's subject, which are left out. */
  foreign: number;
  /** What an operator had chosen for the log. */
  limits: LogLimits;
}

/** Limits of the whole log. */
export interface LogLimits {
  max_age: number;
  max_bytes: number;
  discard: 'new' | 'old';
}

const KEY = 'partitions';
/** The bucket of what is fixed for a deployment. The provisioner writes it. */
export const DEPLOYMENT = 'deployment';
/** The subject of a probe: no session has this id, because an id has no `$`. */
const PROBE_SUBJECT = 'session.$probe.events';
/** No stream has this name, so that the stream that receives a probe refuses it and names itself. */
const PROBE_HEADERS = [['Nats-Expected-Stream', 'none']] as const;
const PROBE_MS = 3_000;
/** The oldest server that was tried with several partitions on a cluster. 2.11.0 fails. */
const CLUSTER_SERVER = '2.15.0';

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_PARTITIONS;

function isPartitionsRow(value: unknown): value is PartitionsRow {
  if (!isMap(value) || !isCount(value['partitions'])) return false;
  return value['movingTo'] === undefined || isCount(value['movingTo']);
}

const rowsOf = (b: Backbone): Bucket<PartitionsRow> => bucket<PartitionsRow>(b, DEPLOYMENT, { check: isPartitionsRow });

/** The row of a deployment, or undefined before it was provisioned. Throws `unavailable`. */
export async function readPartitions(b: Backbone): Promise<PartitionsRow | undefined> {
  if ((await infoOf(internals(b).forBucket(DEPLOYMENT), bucketStream(DEPLOYMENT))) === undefined) return undefined;
  return (await rowsOf(b).get(KEY))?.value;
}

export async function writePartitions(b: Backbone, row: PartitionsRow): Promise<void> {
  await rowsOf(b).put(KEY, row);
}

/**
 * Reads how many partitions the deployment has, for this connection from now on. Throws `partitions_differ` when the
 * connection was opened for another number, and `partitions_moving` while the log moves.
 */
export async function adoptPartitions(b: Backbone): Promise<PartitionsRow | undefined> {
  const connection = internals(b);
  const row = await readPartitions(b);
  connection.partitions = check(connection, row);
  return row;
}

/**
 * Like `adoptPartitions`, and fixes the number for a deployment that has none yet: one where a log without partitions
 * exists, else that of the connection. Needs the provisioner's login and the bucket.
 */
export async function settlePartitions(b: Backbone): Promise<void> {
  const connection = internals(b);
  if ((await adoptPartitions(b)) !== undefined) return;
  const isOld = (await infoOf(connection, SESSIONS_STREAM)) !== undefined;
  const partitions = isOld ? 1 : (connection.wantedPartitions ?? 1);
  connection.partitions = check(connection, { partitions });
  if ((await rowsOf(b).create(KEY, { partitions })).kind === 'conflict') await adoptPartitions(b);
}

function check({ wantedPartitions }: BackboneConnection, row: PartitionsRow | undefined): number {
  if (row === undefined) return wantedPartitions ?? 1;
  const { partitions, movingTo, restoring } = row;
  if (restoring === true)
    throw new CodedError('restore_unfinished', 'A restore into this installation was not finished');
  if (movingTo !== undefined)
    throw new CodedError('partitions_moving', `The log moves from ${partitions} to ${movingTo} partitions`);
  if (wantedPartitions !== undefined && wantedPartitions !== partitions)
    throw new CodedError(
      'partitions_differ',
      `PIZZAPI_PARTITIONS is ${wantedPartitions}, the deployment has ${partitions}`,
    );
  return partitions;
}

/**
 * Checks with a message that no stream stores whether nats-server maps the log to the streams of this many partitions.
 * Throws `partitions_unmapped`, and `nats_too_old` for a cluster that cannot have partitions. Without an answer it only warns.
 * Needs a login that may publish events of every session.
 */
export async function verifyMapping(b: Backbone): Promise<void> {
  const connection = internals(b);
  const { partitions, nc } = connection;
  refuseOldCluster(partitions, nc.info);
  const found = await streamOfProbe(connection);
  if (found === 'unknown')
    return connection.log.warn({ partitions }, 'nats-server did not say which stream receives events; not checked');
  if (found !== undefined && sessionStreams(partitions).includes(found)) return;
  const what = found === undefined ? 'no stream receives' : `the stream ${found} receives`;
  throw new CodedError(
    'partitions_unmapped',
    `nats-server at ${connection.nc.getServer()} does not map the log to ${partitions} partitions: ${what} its events`,
  );
}

/**
 * On a cluster, older servers compare the expected offset of an event with the subject of the partition, on which nothing
 * is stored: they refuse every second event of a session. Throws `nats_too_old`.
 */
export function refuseOldCluster(
  partitions: number,
  info: { version: string; cluster?: string | undefined } | undefined,
): void {
  if (partitions === 1 || info?.cluster === undefined || compareSemver(info.version, CLUSTER_SERVER) >= 0) return;
  const what = `several partitions on a cluster need ${CLUSTER_SERVER} or newer`;
  throw new CodedError('nats_too_old', `nats-server ${info.version} runs: ${what}`);
}

/** The stream that receives events, undefined for none, `unknown` when the server does not answer in time. */
function streamOfProbe({ mux }: BackboneConnection): Promise<string | undefined> {
  return new Promise((resolve) => {
    const token = mux.request(PROBE_SUBJECT, new Uint8Array(), writeHeaders(PROBE_HEADERS), PROBE_MS, (reply) => {
      mux.done(token);
      if (reply === undefined) return resolve('unknown');
      if (statusOf(headerText(reply)) !== 0) return resolve(undefined);
      const ack: unknown = JSON.parse(Buffer.from(payloadOf(reply)).toString());
      const stream = isMap(ack) ? ack['stream'] : undefined;
      resolve(typeof stream === 'string' ? stream : undefined);
    });
  });
}
