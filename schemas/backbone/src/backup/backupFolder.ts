import { CodedError } from '@pizzapi/protocol';
import { acquirePidLock } from '@pizzapi/process';
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoredMessage } from '../message.js';
import {
  isBackupFile,
  isSegmentFile,
  MANIFEST_FILE,
  MAX_MANIFEST_BYTES,
  parseManifest,
  type BackupManifest,
  type SegmentEntry,
} from './manifest.js';
import { readSegment } from './segment.js';
import { syncPath, writeParts } from './writtenFile.js';

/** Bytes that one read of a file asks for. */
const READ_BYTES = 1024 * 1024;
const LOCK_FILE = 'lock';
/** The manifest of a run that has not reached its end. */
const PROGRESS_FILE = 'progress.json';
const PART = '.part';
/** A file is a file: never a link to one elsewhere, and never a pipe or a device. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Where a backup is written to: a folder, or a stream. */
export interface BackupSink {
  /** What an earlier run has written. */
  readonly known: BackupManifest | undefined;
  put(file: string, parts: readonly Uint8Array[]): Promise<void>;
  /** Called after every file: what it names is there. */
  save(manifest: BackupManifest): Promise<void>;
  close(): Promise<void>;
}

/** Where a backup is read from. */
export interface BackupSource {
  readonly manifest: BackupManifest;
  /** The messages of a segment. */
  read(segment: SegmentEntry): AsyncIterable<StoredMessage>;
}

/** A folder that a backup is written to. Only its owner can read its files. Throws `store_in_use` while another one writes. */
export async function openBackupFolder(path: string): Promise<BackupSink> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const lock = await acquirePidLock(join(path, LOCK_FILE));
  if (lock.kind === 'held')
    throw new CodedError('store_in_use', `Another backup writes to ${path} (process ${lock.pid})`);
  try {
    const files = await readdir(path);
    const complete = files.includes(MANIFEST_FILE) ? await readManifest(path) : undefined;
    const known = files.includes(PROGRESS_FILE) ? await readManifest(path, PROGRESS_FILE) : complete;
    if (known === undefined && files.some((file) => file !== LOCK_FILE && !isDraft(file)))
      throw new CodedError('backup_differs', `${path} has files and no ${MANIFEST_FILE}`);
    await chmod(path, 0o700);
    // What a run that was killed has not finished, or what a later run does not name any more.
    const named = new Set([complete, known].flatMap((manifest) => manifest?.segments ?? []).map(({ file }) => file));
    for (const file of files) if (!named.has(file) && isLeftover(file)) await rm(join(path, file), { force: true });
    return new FolderSink(path, known, lock.release);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Whether a file is the draft of one that a backup writes. */
function isDraft(file: string): boolean {
  const whole = file.slice(0, -PART.length);
  return file.endsWith(PART) && (isBackupFile(whole) || whole === PROGRESS_FILE);
}
/** Whether a file is one that a run may leave behind: a segment, or a draft. */
const isLeftover = (file: string): boolean => isDraft(file) || isSegmentFile(file);

class FolderSink implements BackupSink {
  constructor(
    private readonly path: string,
    readonly known: BackupManifest | undefined,
    private readonly release: () => Promise<void>,
  ) {}

  async put(file: string, parts: readonly Uint8Array[]): Promise<void> {
    const draft = join(this.path, file + PART);
    await rm(draft, { force: true });
    const handle = await open(draft, 'wx', 0o600);
    try {
      await writeParts(handle, parts);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, join(this.path, file));
  }

  async save(manifest: BackupManifest): Promise<void> {
    const file = manifest.isComplete ? MANIFEST_FILE : PROGRESS_FILE;
    // What it names has to be there after a power cut too.
    await syncPath(this.path);
    await this.put(file, [Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`)]);
    await syncPath(this.path);
    // Until the run is complete, the earlier backup stays as it is and can be restored.
    if (!manifest.isComplete) return;
    await rm(join(this.path, PROGRESS_FILE), { force: true });
    const named = new Set(manifest.segments.map(({ file }) => file));
    for (const file of await readdir(this.path))
      if (isLeftover(file) && !named.has(file)) await rm(join(this.path, file), { force: true });
  }

  close(): Promise<void> {
    return this.release();
  }
}

/** Opens a backup in a folder. Throws `backup_invalid`, also where no run has reached its end. */
export async function readBackupFolder(path: string): Promise<BackupSource> {
  const manifest = await readManifest(path);
  if (!manifest.isComplete) throw new CodedError('backup_invalid', 'The backup was not finished');
  return new FolderSource(path, manifest);
}

async function readManifest(path: string, file = MANIFEST_FILE): Promise<BackupManifest> {
  const bytes = await readWhole(path, file, MAX_MANIFEST_BYTES);
  return parseManifest(bytes.toString('utf8'));
}

class FolderSource implements BackupSource {
  constructor(
    private readonly path: string,
    readonly manifest: BackupManifest,
  ) {}

  async *read({ file, bytes }: SegmentEntry): AsyncGenerator<StoredMessage, void, void> {
    yield* readSegment(file, chunksOf(this.path, file, bytes));
  }
}

/** The SHA-256 of parts, in hex. */
export function sha256Of(parts: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Compares every file with the size and the SHA-256 of the manifest. Throws `backup_invalid` with the first that differs. */
export async function checkFolder(
  path: string,
  { segments }: BackupManifest,
  onProgress: (done: number, of: number) => void = () => undefined,
): Promise<void> {
  const of = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const { file, bytes, sha256 } of segments) {
    const hash = createHash('sha256');
    for await (const chunk of chunksOf(path, file, bytes)) hash.update(chunk);
    if (hash.digest('hex') !== sha256)
      throw new CodedError('backup_invalid', `${file}: its content is not what ${MANIFEST_FILE} says`);
    done += bytes;
    onProgress(done, of);
  }
}

async function readWhole(path: string, file: string, most: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of chunksOf(path, file, undefined, most)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The bytes of a file of a backup, which has `size` bytes where that is known, and at most `most`. */
async function* chunksOf(
  path: string,
  file: string,
  size: number | undefined,
  most = size,
): AsyncGenerator<Uint8Array, void, void> {
  const handle = await openFile(join(path, file), file);
  try {
    const found = await handle.stat();
    refuseWrong(found, file, size, most);
    for (let at = 0; at < found.size;) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, found.size - at));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw new CodedError('backup_invalid', `${file} became shorter while it was read`);
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

function refuseWrong(found: Stats, file: string, size: number | undefined, most: number | undefined): void {
  if (!found.isFile()) throw new CodedError('backup_invalid', `${file} is not a file`);
  if (size !== undefined && found.size !== size)
    throw new CodedError('backup_invalid', `${file} has ${found.size} bytes, not ${size}`);
  if (found.size > (most ?? Infinity)) throw new CodedError('backup_invalid', `${file} has ${found.size} bytes`);
}

async function openFile(path: string, file: string): Promise<FileHandle> {
  try {
    return await open(path, READ_FLAGS);
  } catch (cause) {
    const isLink = await lstat(path).then(
      (found) => found.isSymbolicLink(),
      () => false,
    );
    throw new CodedError('backup_invalid', isLink ? `${file} is a link` : `${file} cannot be opened`, { cause });
  }
}
