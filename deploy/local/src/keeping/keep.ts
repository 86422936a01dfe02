import {
  addRemoved,
  archiveSession,
  backUp,
  checkFolder,
  compareFolds,
  eraseArchived,
  hashOfIds,
  openArchive,
  openBackupFolder,
  ownerRows,
  parseSessionRowKey,
  publishAudit,
  readBackupFolder,
  readTombstones,
  restore,
  sessionRows,
  storageLimitsOf,
  streamSink,
  syncPath,
  unpackStream,
  verifyProvisioned,
  type Backbone,
  type BACKUP_OPTIONS,
  type BackupSource,
  type RESTORE_OPTIONS,
} from '@pizzapi/backbone';
import { packageVersion, type OptionValues } from '@pizzapi/process';
import { CodedError, formatBytes, isId, spokenVersion } from '@pizzapi/protocol';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { withStore, type StoreContext } from '../withStore.js';

/** What the program that `pizzapi backup`, `restore`, `archive` and `open` run is asked to do. */
export type KeepRequest =
  | { command: 'backup'; to: string; verify: boolean }
  | { command: 'restore'; from: string; verify: boolean; tombstones?: string }
  | { command: 'archive'; sid?: string; olderThanMs?: number; to: string; keep: boolean }
  | { command: 'open'; file: string; userId: string };

/** What the program prints: lines for people, and the same as JSON. */
export interface KeepOutcome {
  lines: string[];
  json: Record<string, unknown>;
}

export interface KeepContext extends StoreContext {
  stdin: AsyncIterable<Uint8Array | string>;
  stdout: NodeJS.WritableStream;
}

export type KeepOptions = OptionValues<typeof RESTORE_OPTIONS>;

/** The name for a pipe. */
const PIPE = '-';
/** The names of archives. */
const ARCHIVE_ENDING = '.pizzapi';

const { version: product, wire } = spokenVersion(packageVersion(import.meta.url));
const storeOf = ({ home, natsUrl, adminNkey }: OptionValues<typeof BACKUP_OPTIONS>, command: string) => ({
  ...{ home, natsUrl, adminNkey, name: `pizzapi-${command}` },
});

/** Carries out a request. Throws `CodedError`. */
export function keep(request: KeepRequest, options: KeepOptions, context: KeepContext): Promise<KeepOutcome> {
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

type RequestOf<C extends KeepRequest['command']> = Extract<KeepRequest, { command: C }>;

function runBackup(
  { to, verify }: RequestOf<'backup'>,
  options: KeepOptions,
  context: KeepContext,
): Promise<KeepOutcome> {
  if (to === PIPE && verify) throw new CodedError('bad_option', '--verify reads the backup again, and needs a folder');
  return withStore({ ...storeOf(options, 'backup'), whenRunning: 'use' }, context, async (admin) => {
    await verifyProvisioned(admin);
    const sink = to === PIPE ? streamSink(context.stdout) : await openBackupFolder(to);
    const began = performance.now();
    try {
      const outcome = await backUp(admin, {
        ...{ sink, product, wire, signal: context.signal },
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

async function verifyBackup(admin: Backbone, folder: string, { signal, progress }: KeepContext) {
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
  options: KeepOptions,
  context: KeepContext,
): Promise<KeepOutcome> {
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
  const isFolder = (await stat(path)).isDirectory();
  return readFile(isFolder ? join(path, 'tombstones.jsonl') : path, 'utf8');
}

/** Opens a backup after every checksum was compared. One that comes through a pipe, or is one file, is unpacked before. */
async function withBackup<T>(
  from: string,
  context: KeepContext,
  work: (source: BackupSource) => Promise<T>,
): Promise<T> {
  const isFolder = from !== PIPE && (await statOf(from)).isDirectory();
  const folder = isFolder ? from : await mkdtemp(join(tmpdir(), 'pizzapi-restore-'));
  try {
    if (!isFolder) await unpackStream(from === PIPE ? context.stdin : createReadStream(from), folder);
    const source = await readBackupFolder(folder);
    await checkFolder(folder, source.manifest, (done, of) =>
      context.progress(`checked ${formatBytes(done)} of ${formatBytes(of)}`),
    );
    return await work(source);
  } finally {
    if (!isFolder) await rm(folder, { recursive: true, force: true });
  }
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (cause) {
    throw new CodedError('file_not_found', `${path} does not exist`, { cause });
  }
}

function runArchive(
  { sid, olderThanMs, to, keep: isKept }: RequestOf<'archive'>,
  options: KeepOptions,
  context: KeepContext,
): Promise<KeepOutcome> {
  return withStore({ ...storeOf(options, 'archive'), whenRunning: 'use' }, context, async (admin) => {
    await verifyProvisioned(admin);
    await mkdir(to, { recursive: true, mode: 0o700 });
    const sids = sid === undefined ? await endedBefore(admin, Date.now() - (olderThanMs ?? 0)) : [sid];
    const archived: { sid: string; file: string; events: number; files: number }[] = [];
    let sum: Record<string, number> = {};
    for (const one of sids) {
      context.signal.throwIfAborted();
      const file = join(to, `${one}${ARCHIVE_ENDING}`);
      const written = await writeArchive(admin, one, file, context);
      const { events, files } = written;
      const ids = hashOfIds([one]);
      const row = { kind: 'archived', at: Date.now(), ids, events, files };
      if ((await publishAudit(admin, row)).kind === 'unavailable')
        throw new CodedError('unavailable', 'The audit log does not store the row of an archive');
      if (!isKept) await eraseArchived(admin, one, written);
      archived.push({ sid: one, file, events, files });
      sum = addRemoved(sum, { events, files });
      context.progress(`archived ${archived.length} of ${sids.length} sessions`);
    }
    const lines = archived.map(({ file, events, files }) => `${file}: ${events} events, ${files} files`);
    if (archived.length === 0) lines.push('No session is that old.');
    else if (!isKept) lines.push('The authenticators erase these sessions. `pizzapi open <file>` shows one again.');
    return { lines, json: { archived, erased: !isKept, ...sum } };
  });
}

/** Writes an archive, reads it back, compares it with the log, and only then gives it its name. */
async function writeArchive(admin: Backbone, sid: string, file: string, context: KeepContext) {
  if (!isId(sid)) throw new CodedError('invalid_id', 'Name the whole id of a session');
  const draft = `${file}.part`;
  await rm(draft, { force: true });
  const out = createWriteStream(draft, { flags: 'wx', mode: 0o600 });
  const failed = new Promise<never>((_, reject) => out.once('error', reject));
  const { signal } = context;
  const writing = archiveSession(admin, sid, { sink: streamSink(out), product, wire, signal });
  const archived = await Promise.race([writing, failed]).catch(async (error: unknown) => {
    out.destroy();
    await rm(draft, { force: true });
    throw error;
  });
  await Promise.race([new Promise<void>((resolve) => out.end(resolve)), failed]);
  await withBackup(draft, context, async (source) => {
    const { equal } = await compareFolds(admin, source, { sids: [sid], signal });
    if (equal !== 1) throw new CodedError('backup_invalid', `The archive of ${sid} differs from its log`);
  });
  // From the next step on the archive is the only copy.
  await syncPath(draft);
  await rename(draft, file);
  await syncPath(dirname(file));
  return archived;
}

async function endedBefore(admin: Backbone, before: number): Promise<string[]> {
  const found: { sid: string; at: number }[] = [];
  for await (const { key, value } of sessionRows(admin).list()) {
    const parsed = parseSessionRowKey(key);
    const { state, endedAt = value.info.lastActivityAt } = value.info;
    if (parsed?.userId !== undefined && state === 'ended' && endedAt < before)
      found.push({ sid: parsed.sid, at: endedAt });
  }
  return found.sort((a, b) => a.at - b.at).map(({ sid }) => sid);
}

function runOpen(
  { file, userId }: RequestOf<'open'>,
  options: KeepOptions,
  context: KeepContext,
): Promise<KeepOutcome> {
  return withBackup(file, context, (source) =>
    withStore({ ...storeOf(options, 'open'), whenRunning: 'use' }, context, async (admin) => {
      await verifyProvisioned(admin);
      const opened = await openArchive(admin, source, userId);
      const { sessionId, events, files } = opened;
      return { lines: [`${sessionId}  ${events} events, ${files} files`], json: { ...opened } };
    }),
  );
}

function rate(bytes: number, began: number): string {
  const s = (performance.now() - began) / 1_000;
  return `${formatBytes(bytes)} in ${s.toFixed(1)} s (${formatBytes(bytes / Math.max(s, 0.001))}/s)`;
}
