import { CodedError, isBlobRow, numberAt, parseSubject, type BlobRow } from '@pizzapi/protocol';
import { hashOf, putObject } from '../blobs.js';
import { parseBlobKey } from '../blobStore.js';
import { internals, type Backbone } from '../connection.js';
import { concernsSession, decoded, namesAccount } from '../erasure/messageRemoval.js';
import { putTombstone } from '../erasure/tombstones.js';
import { StreamCopy } from '../logCopy.js';
import { header, writeHeaders, type StoredMessage } from '../message.js';
import { isFull } from '../publisher.js';
import { retryUntilDeadline } from '../retryDelay.js';
import { NO_STORAGE_LIMITS, storageSums, StorageUsage } from '../storageUsage.js';
import { infoOf } from '../streamInfo.js';
import {
  AUDIT_STREAM,
  COMMANDS_STREAM,
  DUPLICATE_WINDOW_MS,
  keySubject,
  RUNNERS_STREAM,
  type BucketName,
} from '../streams.js';
import { blobRows } from '../tables.js';
import { BACKUP_BUCKETS, FILE_ROWS, FILES } from './backup.js';
import type { BackupSource } from './backupFolder.js';
import type { RestoreLogOptions } from './restoreLog.js';
import { keyIn, messagesIn, type RestoreScope } from './restoreScope.js';

const TTL_HEADER = 'Nats-TTL';
/** Rows that are written at once. */
const ROWS_AT_ONCE = 64;

type Restored = Record<string, number>;

/** Restores the streams beside the logs: events of runners, the audit log, and commands that have not expired. */
export async function restoreStreams(
  b: Backbone,
  source: BackupSource,
  scope: RestoreScope,
  now: number,
): Promise<Restored> {
  const counts: Restored = {};
  const streams = [
    { stream: RUNNERS_STREAM, kind: 'runner_events' },
    { stream: AUDIT_STREAM, kind: 'audit' },
    { stream: COMMANDS_STREAM, kind: 'runner_commands' },
  ] as const;
  for (const { stream, kind } of streams) {
    const connection = internals(b);
    const copy = new StreamCopy(connection, stream, (await infoOf(connection, stream))?.state.last_seq ?? 0, 0);
    let count = 0;
    for await (const message of messagesIn(source, 'stream', stream)) {
      const parsed = parseSubject(message.subject);
      // What lies on another subject, such as a probe of a gateway, is never published.
      if (parsed?.kind !== kind) continue;
      const rid = 'rid' in parsed ? parsed.rid : undefined;
      if (isLeftOut(scope, kind, rid, decoded(message.payload), now)) continue;
      await copy.add(message, message.subject);
      count++;
    }
    await copy.flush();
    await connection.jsm.streams.update(stream, { duplicate_window: DUPLICATE_WINDOW_MS * 1e6 });
    counts[stream] = count;
  }
  return counts;
}

function isLeftOut(
  scope: RestoreScope,
  kind: 'runner_events' | 'audit' | 'runner_commands',
  rid: string | undefined,
  value: Record<string, unknown> | undefined,
  now: number,
): boolean {
  if (kind === 'audit') return value !== undefined && namesAccount(value, scope.isErasedAccount);
  if (rid === undefined || !scope.runners.has(rid)) return true;
  if (value === undefined) return false;
  if (kind === 'runner_commands' && (numberAt(value, 'expiresAt') ?? 0) <= now) return true;
  return concernsSession(value, scope.isErasedSession);
}

export interface RestoredFiles {
  files: number;
  /** Rows whose bytes are not in the backup: the files were deleted while it was made. */
  missing: number;
}

/** Restores the files of sessions, and what they count. A file whose bytes do not match its hash throws `backup_invalid`. */
export async function restoreFiles(
  b: Backbone,
  source: BackupSource,
  scope: RestoreScope,
  { signal, onProgress }: RestoreLogOptions,
): Promise<RestoredFiles> {
  const rows = new Map<string, BlobRow>();
  for await (const message of messagesIn(source, 'bucket', FILE_ROWS)) {
    const key = keyIn(FILE_ROWS, message);
    const place = parseBlobKey(key);
    const row = decoded(message.payload);
    if (place === undefined || scope.sessions.get(place.sid) !== place.userId) continue;
    if (isBlobRow(row) && row.leaving !== true) rows.set(key, row);
  }
  const restored = new Map<string, BlobRow>();
  for await (const { subject: key, text: mediaType, payload } of messagesIn(source, 'files', FILES)) {
    signal?.throwIfAborted();
    const row = rows.get(key);
    if (row === undefined || restored.has(key)) continue;
    if (hashOf(payload) !== parseBlobKey(key)?.hash)
      throw new CodedError('backup_invalid', 'The bytes of a file do not match its hash');
    if ((await putObject(b, key, payload, mediaType)) === 'full')
      throw new CodedError('storage_full', 'The store of files has no room for the backup');
    await blobRows(b).put(key, row);
    restored.set(key, row);
    onProgress?.({ phase: 'files', done: restored.size, of: rows.size });
  }
  await new StorageUsage(b, NO_STORAGE_LIMITS).recount(new Map(), storageSums(restored), 0);
  return { files: restored.size, missing: rows.size - restored.size };
}

/** Restores the buckets. The last row of a key counts. Tombstones stay, and newer ones are added. */
export async function restoreBuckets(
  b: Backbone,
  source: BackupSource,
  scope: RestoreScope,
  now: number,
): Promise<Restored> {
  for (const tombstone of scope.tombstones) await putTombstone(b, tombstone);
  const counts: Restored = {};
  for (const bucket of BACKUP_BUCKETS) {
    let count = 0;
    let batch: Promise<void>[] = [];
    // A key that was written while the backup was made comes twice, the later one last.
    const rows = new Map<string, StoredMessage>();
    for await (const message of messagesIn(source, 'bucket', bucket)) rows.set(keyIn(bucket, message), message);
    for (const [key, message] of rows) {
      const ttl = lifetimeOf(message, now);
      if (ttl === 'over' || scope.isLeftOut(bucket, key, decoded(message.payload))) continue;
      batch.push(putRow(b, bucket, key, message, ttl));
      count++;
      if (batch.length < ROWS_AT_ONCE) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
    counts[bucket] = count;
  }
  return counts;
}

/** How long a row still lives, in s; undefined: until it is deleted. Its life began when it was stored. */
function lifetimeOf({ text, at }: StoredMessage, now: number): number | 'over' | undefined {
  const whole = /^(\d+)s$/.exec(header(text, TTL_HEADER) ?? '')?.[1];
  if (whole === undefined) return undefined;
  const left = Math.ceil(Number(whole) - (now - at) / 1_000);
  return left > 0 ? left : 'over';
}

async function putRow(
  b: Backbone,
  bucket: BucketName,
  key: string,
  { payload }: StoredMessage,
  ttl: number | undefined,
): Promise<void> {
  const { publisher } = internals(b).forBucket(bucket);
  const headers = writeHeaders([
    ['Nats-Msg-Id', `${bucket}.${crypto.randomUUID()}`],
    ...(ttl === undefined ? [] : [[TTL_HEADER, `${ttl}s`] as const]),
  ]);
  await retryUntilDeadline(async () => {
    const outcome = await publisher.publish(keySubject(bucket, key), payload, headers);
    if (outcome.kind === 'stored') return true;
    if (outcome.kind === 'unavailable' && isFull(outcome))
      throw new CodedError('storage_full', `The bucket ${bucket} has no room for the backup`);
    return undefined;
  });
}
