import {
  backUp,
  checkFolder,
  compareFolds,
  openBackupFolder,
  ownerRows,
  readBackupFolder,
  readTombstones,
  restore,
  storageLimitsOf,
  streamSink,
  verifyProvisioned,
  type Backbone,
} from '@pizzapi/backbone';
import { CodedError, formatBytes } from '@pizzapi/protocol';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withStore } from '../withStore.js';
import { runArchive, runOpen } from './archives.js';
import { statOf, withBackup } from './openBackup.js';
import {
  PIPE,
  SPOKEN,
  storeOf,
  type MaintenanceContext,
  type MaintenanceOptions,
  type MaintenanceOutcome,
  type MaintenanceRequest,
  type RequestOf,
} from './request.js';

/** Carries out a request. Throws `CodedError`. */
export function runMaintenance(
  request: MaintenanceRequest,
  options: MaintenanceOptions,
  context: MaintenanceContext,
): Promise<MaintenanceOutcome> {
  switch (request.command) {
    case 'backup':
      return runBackup(request, options, context);
    case 'restore':
      return runRestore(request, options, context);
    case 'archive':
      return runArchive(request, options, context);
    case 'open':
      return runOpen(request, options, context);
  }
}

function runBackup(
  { to, verify }: RequestOf<'backup'>,
  options: MaintenanceOptions,
  context: MaintenanceContext,
): Promise<MaintenanceOutcome> {
  if (to === PIPE && verify) throw new CodedError('bad_option', '--verify reads the backup again, and needs a folder');
  return withStore({ ...storeOf(options, 'backup'), whenRunning: 'use' }, context, async (admin) => {
    await verifyProvisioned(admin);
    const sink = to === PIPE ? streamSink(context.stdout) : await openBackupFolder(to);
    const began = performance.now();
    try {
      const outcome = await backUp(admin, {
        ...{ sink, ...SPOKEN, signal: context.signal },
        onProgress: ({ of, messages, bytes }) =>
          context.progress(`${of}: ${messages} messages, ${formatBytes(bytes)} so far`),
      });
      const { manifest, messages, bytes } = outcome;
      const all = manifest.segments.reduce((sum, segment) => sum + segment.bytes, 0);
      const lines = [
        `${sink.known === undefined ? 'Backed up' : 'Added'} ${messages} messages, ${rate(bytes, began)}.`,
        `The backup has ${manifest.segments.length} files, ${formatBytes(all)}.`,
      ];
      const verified = verify ? await verifyBackup(admin, to, context) : undefined;
      if (verified !== undefined)
        lines.push(`Verified: ${verified.equal} sessions fold to the same state as those of the installation.`);
      if ((verified?.gone ?? 0) > 0) lines.push(`${verified?.gone} sessions were deleted meanwhile.`);
      return { lines, json: { messages, bytes, files: manifest.segments.length, totalBytes: all, verified } };
    } finally {
      await sink.close();
    }
  });
}

async function verifyBackup(admin: Backbone, folder: string, { signal, progress }: MaintenanceContext) {
  const source = await readBackupFolder(folder);
  await checkFolder(folder, source.manifest);
  const sids = await sessionsIn(admin);
  const onProgress = ({ done, of }: { done: number; of: number }): void => progress(`refolded ${done} of ${of} parts`);
  return compareFolds(admin, source, { sids, signal, onProgress });
}

/** The sessions of an installation, by their owners. */
async function sessionsIn(admin: Backbone): Promise<string[]> {
  const sids: string[] = [];
  for await (const { key, value } of ownerRows(admin).list('*')) if (value.erasedAt === undefined) sids.push(key);
  return sids;
}

async function runRestore(
  { from, verify, tombstones: list }: RequestOf<'restore'>,
  options: MaintenanceOptions,
  context: MaintenanceContext,
): Promise<MaintenanceOutcome> {
  const tombstones = list === undefined ? [] : readTombstones(await readList(list));
  return withBackup(from, context, async (source) => {
    const { partitions = source.manifest.partitions, replicas } = options;
    const storage = { replicas, ...storageLimitsOf(options) };
    const store = { ...storeOf(options, 'restore'), whenRunning: 'refuse', create: { partitions } } as const;
    return withStore(store, context, async (admin) => {
      const began = performance.now();
      const { signal } = context;
      const onProgress = ({ phase, done, of }: { phase: string; done: number; of: number }): void =>
        context.progress(`${phase}: ${done} of ${of}`);
      const outcome = await restore(admin, { source, partitions, storage, tombstones, signal, onProgress });
      const { log, restored, left, sids } = outcome;
      const bytes = source.manifest.segments.reduce((sum, segment) => sum + segment.bytes, 0);
      const folds = verify ? await compareFolds(admin, source, { sids, signal, isRestored: true }) : undefined;
      const lines = [
        `Restored ${log.sessions} sessions, ${log.messages} events, SHA-256 ${log.digest}`,
        `Restored ${restored['files'] ?? 0} files, ${restored['accounts'] ?? 0} rows of accounts, ${rate(bytes, began)}.`,
        ...(folds === undefined ? [] : [`Verified: ${folds.equal} sessions fold to the same state as in the backup.`]),
        ...leftLines(left, outcome.tombstones),
        `Start the services with PIZZAPI_PARTITIONS=${partitions}. Hosts that still run claim their sessions again.`,
      ];
      return { lines, json: { partitions, log, restored, left, tombstones: outcome.tombstones, verified: folds } };
    });
  });
}

function leftLines(left: { erased: number; unowned: number; missingFiles: number }, tombstones: number): string[] {
  const { erased, unowned, missingFiles } = left;
  return [
    ...(tombstones > 0
      ? [`Kept ${tombstones} tombstones of what was erased, and left out ${erased} events of it.`]
      : []),
    ...(unowned > 0 ? [`Left out ${unowned} events of sessions without an owner.`] : []),
    ...(missingFiles > 0 ? [`${missingFiles} files are not in the backup: they were deleted while it was made.`] : []),
  ];
}

/** A list of tombstones: a file, or the folder of a newer backup. */
async function readList(path: string): Promise<string> {
  const isFolder = (await statOf(path)).isDirectory();
  return readFile(isFolder ? join(path, 'tombstones.jsonl') : path, 'utf8');
}

function rate(bytes: number, began: number): string {
  const s = (performance.now() - began) / 1_000;
  return `${formatBytes(bytes)} in ${s.toFixed(1)} s (${formatBytes(bytes / Math.max(s, 0.001))}/s)`;
}
