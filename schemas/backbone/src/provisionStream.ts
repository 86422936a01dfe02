import { JetStreamApiError, type StreamConfig, type StreamInfo } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';
import { sleep } from '@pizzapi/process';
import { CodedError, formatBytes } from '@pizzapi/protocol';
import type { BackboneConnection } from './connection.js';
import { drift, driftOf, isReservation } from './streamDrift.js';
import { RetryDelay } from './retryDelay.js';
import { infoOf } from './streamInfo.js';
import type { StreamSpec } from './streams.js';

/** The server's code for "the disk has no room for this stream". */
const NO_STORAGE = 10047;
/** The server's codes for "not so many copies": it is no cluster, or one with fewer servers. */
const TOO_FEW_SERVERS: readonly number[] = [10074, 10005];
/** The least that is reserved for a stream whose reservation depends on the disk. */
const MIN_RESERVED_BYTES = 4 * 1024 * 1024;
const COPIES_POLL_MS = 50;
/** How long a server of a cluster that is starting may be missing, in ms. */
const JOIN_MS = 15_000;

/** Fields no update can change: a stream that differs in one of them is not ours to touch. */
const FIXED: readonly (keyof StreamConfig)[] = ['retention', 'storage', 'max_consumers', 'sealed'];

/** What `provision` did with one stream. A bucket is the stream `KV_<name>`, the store of files `OBJ_session-blobs`. */
export type StreamChange =
  { kind: 'created'; stream: string; replicas: number } | { kind: 'updated'; stream: string; fields: FieldChange[] };

/** One setting of a stream, under the name that nats-server has for it. */
export interface FieldChange {
  field: string;
  before: unknown;
  after: unknown;
}

/**
 * Creates a stream or updates its settings; undefined when it was right. Throws `stream_drift` for a difference that
 * cannot be mended. Does not wait until the copies of a replicated stream are complete: see `copiesComplete`.
 */
export async function provisionStream(
  connection: BackboneConnection,
  spec: StreamSpec,
): Promise<StreamChange | undefined> {
  const found = await infoOf(connection, spec.name);
  const before = found?.config ?? (await addStream(connection, spec));
  const updated = await updateStream(connection, spec, before);
  if (found === undefined) return { kind: 'created', stream: spec.name, replicas: before.num_replicas };
  return updated.length === 0 ? undefined : { kind: 'updated', stream: spec.name, fields: updated };
}

async function updateStream(
  { jsm: { streams }, log }: BackboneConnection,
  spec: StreamSpec,
  before: StreamConfig,
): Promise<FieldChange[]> {
  const fields = driftOf(spec, before);
  if (fields.length === 0) return [];
  const fixed = fields.find((field) => FIXED.includes(field));
  if (fixed !== undefined) throw drift(spec, before, fixed);
  log.warn({ stream: spec.name, fields }, 'stream configuration differs; updating it');
  const after = await whenServersJoined(() => streams.update(spec.name, { ...spec })).catch((cause: unknown) => {
    throw tooFewServers(spec, cause) ?? drift(spec, before, fields[0]!, cause);
  });
  // A server that does not know a field drops it without a word: what came back counts.
  const [left] = driftOf(spec, after.config);
  if (left !== undefined) throw drift(spec, after.config, left);
  return fields.map((field) => ({ field, before: before[field], after: after.config[field] }));
}

/**
 * Tries again while the leader of the cluster does not know a server that has just started, and when a busy cluster gives
 * no answer in time. The same request twice changes nothing more.
 */
async function whenServersJoined<T>(request: () => Promise<T>): Promise<T> {
  const retry = new RetryDelay();
  const deadline = Date.now() + JOIN_MS;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      const isOffline = error instanceof JetStreamApiError && error.message.includes('peer offline');
      const isLate = error instanceof errors.TimeoutError;
      if (!(isOffline || isLate) || Date.now() > deadline) throw error;
      await retry.wait();
    }
  }
}

function tooFewServers({ name, num_replicas = 1 }: StreamSpec, cause: unknown): CodedError | undefined {
  if (!(cause instanceof JetStreamApiError) || !TOO_FEW_SERVERS.includes(cause.code) || num_replicas < 2)
    return undefined;
  const what = `nats-server cannot keep ${num_replicas} copies of the stream ${name}: ${cause.message}`;
  return new CodedError('bad_option', `${what}. Start as many servers as one cluster, or ask for fewer copies.`, {
    cause,
  });
}

/**
 * Resolves when a stream has a leader and all its copies are complete: only then the loss of a server costs nothing.
 * Throws `unavailable` when that takes longer than `patienceMs`.
 */
export async function copiesComplete(
  connection: BackboneConnection,
  stream: string,
  patienceMs: number,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const info = await infoOf(connection, stream);
    if (info === undefined || areCopiesComplete(info)) return;
    if (Date.now() > deadline) {
      const what = `The copies of the stream ${stream} are not complete after ${patienceMs / 1_000} s`;
      throw new CodedError('unavailable', `${what}. Run the command again to wait longer.`);
    }
    await sleep(COPIES_POLL_MS);
  }
}

/** Whether every copy that the settings ask for exists and has all messages. A single server reports no cluster. */
export function areCopiesComplete({ config, cluster }: Pick<StreamInfo, 'config' | 'cluster'>): boolean {
  if (cluster === undefined) return true;
  const followers = cluster.replicas ?? [];
  const isLed = cluster.leader !== undefined && cluster.leader !== '';
  return (
    isLed &&
    followers.length === config.num_replicas - 1 &&
    followers.every(({ current, offline, lag }) => current && offline !== true && (lag ?? 0) === 0)
  );
}

/**
 * Creates a stream. nats-server reserves `max_bytes` of its disk: on a small disk the reservation is halved until it
 * fits. Throws `disk_full` when there is no room even then.
 */
async function addStream({ jsm, log }: BackboneConnection, spec: StreamSpec): Promise<StreamConfig> {
  for (let bytes = spec.max_bytes ?? -1; ; bytes = Math.floor(bytes / 2)) {
    try {
      const { config } = await whenServersJoined(() =>
        jsm.streams.add({ ...spec, ...(bytes > 0 ? { max_bytes: bytes } : {}) }),
      );
      if (bytes !== (spec.max_bytes ?? -1)) log.warn({ stream: spec.name, bytes }, 'small disk: reserved less for it');
      return config;
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== NO_STORAGE) throw tooFewServers(spec, error) ?? error;
      if (isReservation(spec) && bytes / 2 >= MIN_RESERVED_BYTES) continue;
      const needed = bytes > 0 ? `needs ${formatBytes(bytes)}` : 'needs room';
      throw new CodedError('disk_full', `nats-server has too little disk space: the stream ${spec.name} ${needed}`, {
        cause: error,
      });
    }
  }
}
