import { CodedError } from '@pizzapi/protocol';
import { internals, type Backbone } from '../connection.js';
import type { Tombstone } from '../erasure/tombstones.js';
import type { LogSummary } from '../logProof.js';
import { writePartitions } from '../partitions.js';
import { provision, refreshIdentity } from '../provision.js';
import { publishAudit } from '../publish.js';
import {
  AUDIT_STREAM,
  bucketStream,
  COMMANDS_STREAM,
  RUNNERS_STREAM,
  sessionStreams,
  type ProvisionOptions,
} from '../streams.js';
import { BACKUP_BUCKETS, FILE_ROWS, FILES } from './backup.js';
import type { BackupSource } from './backupFolder.js';
import { prepareEmptyStore } from './emptyStore.js';
import type { BackupManifest } from './manifest.js';
import { restoreLog, type RestoreLogOptions } from './restoreLog.js';
import { restoreBuckets, restoreFiles, restoreStreams } from './restoreRows.js';
import { RestoreScope } from './restoreScope.js';

export interface RestoreOptions extends RestoreLogOptions {
  source: BackupSource;
  /** How many partitions the log is to have; default: as many as it had. */
  partitions?: number | undefined;
  /** Limits and copies of the streams, as for `provision`. */
  storage?: ProvisionOptions;
  /** What was erased after the backup was made. */
  tombstones?: readonly Tombstone[];
  now?: () => number;
}

export interface RestoreOutcome {
  partitions: number;
  log: LogSummary;
  /** Rows and messages of each bucket and stream. */
  restored: Record<string, number>;
  /** What is left out: events of erased sessions, of sessions without an owner, and files without bytes. */
  left: { erased: number; unowned: number; missingFiles: number };
  tombstones: number;
  /** The sessions that were restored. */
  sids: string[];
}

/**
 * Restores a backup into an empty installation, whose log may have another number of partitions. Needs the provisioner's
 * login; the services are stopped, and refuse to start until it has ended. An interrupted restore begins again.
 *
 * Epochs, numbers, message ids and headers of events stay. Offsets and epochs that are given later are higher than all that
 * hosts know. Leases are not restored: hosts that still run claim their sessions again. Nothing that was erased is restored:
 * neither what the backup says, nor what `tombstones` names.
 */
export async function restore(b: Backbone, options: RestoreOptions): Promise<RestoreOutcome> {
  const { source, storage = {}, tombstones = [], now = Date.now, signal, onProgress } = options;
  const { manifest } = source;
  refuseForeign(manifest);
  const { partitions = manifest.partitions } = options;
  const scope = await RestoreScope.of(source, tombstones);
  const last = { ...manifest.cut, [bucketStream('owners')]: manifest.epoch };
  await prepareEmptyStore(b, { partitions, replicas: storage.replicas, last });
  const log = await restoreLog(b, source, scope, { signal, onProgress });
  const streams = await restoreStreams(b, source, scope, now());
  const { files, missing } = await restoreFiles(b, source, scope, { signal, onProgress });
  const rows = await restoreBuckets(b, source, scope, now());
  signal?.throwIfAborted();
  await writePartitions(b, { partitions });
  await provision(b, storage);
  await refreshIdentity(b);
  const { summary, erased, unowned } = log;
  const restored = { ...streams, ...rows, files };
  await publishAudit(b, { kind: 'restored', at: now(), from: manifest.updatedAt, log: summary.digest, restored });
  internals(b).partitions = partitions;
  return {
    ...{ partitions, log: summary, restored, left: { erased, unowned, missingFiles: missing } },
    tombstones: scope.tombstones.length,
    sids: [...scope.sessions.keys()],
  };
}

/** Throws `backup_invalid` for a backup of something else, or one that names a stream or bucket that no backup has. */
function refuseForeign({ of, segments, partitions }: BackupManifest): void {
  if (of.sid !== undefined)
    throw new CodedError('backup_invalid', 'This is the archive of one session; open it with `pizzapi open`');
  const allowed = new Set([
    ...[...sessionStreams(partitions), RUNNERS_STREAM, AUDIT_STREAM, COMMANDS_STREAM].map((name) => `stream ${name}`),
    ...[...BACKUP_BUCKETS, FILE_ROWS].map((name) => `bucket ${name}`),
    `files ${FILES}`,
  ]);
  const foreign = segments.find((segment) => !allowed.has(`${segment.kind} ${segment.of}`));
  if (foreign !== undefined)
    throw new CodedError('backup_invalid', `${foreign.file} is of ${foreign.of}, which no backup has`);
}
