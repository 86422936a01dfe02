import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readlink, realpath, type FileHandle } from 'node:fs/promises';
import { posix } from 'node:path';
import { CodedError } from '@pizzapi/protocol';
import type { Bounds } from './bounds.js';
import { bytePath, fromBuffer, joinPath, nameOf, parentOf, toBuffer, toText, type BytePath } from './bytePath.js';
import { errnoOf, withFileErrors } from './fileErrors.js';

/**
 * Opens what a path leads to and lies within bounds. What was opened is compared, not what the path said before: a folder
 * or a link that is swapped meanwhile gains nothing. Files are never opened by a path a second time.
 */

/** Linux: a handle that names a file and does not open it, so that no device is touched and no FIFO waits. */
const O_PATH = 0o10000000;
/** macOS: refuses a path in which any part is a symbolic link. */
const O_NOFOLLOW_ANY = 0x20000000;
/** Symbolic links in one path, as Linux has it. */
const MAX_LINKS = 40;

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;

export type PathKind = 'file' | 'folder';

/**
 * How what was opened is found again. `handles`: by its handle below /proc, wherever it has moved. `paths`: by its real path,
 * which is compared again after use.
 */
export type Strategy = 'handles' | 'paths';
const OF_PLATFORM: Strategy = process.platform === 'linux' ? 'handles' : 'paths';

/** A file or a folder within bounds, held by a handle. */
export class OpenPath {
  constructor(
    private readonly held: FileHandle,
    /** Where it lay when it was opened. */
    readonly real: BytePath,
    readonly stats: BigIntStats,
    private readonly strategy: Strategy,
  ) {}

  /** A path for the operating system that leads to it. */
  get self(): Buffer {
    return this.strategy === 'handles' ? Buffer.from(`/proc/self/fd/${this.held.fd}`) : toBuffer(this.real);
  }

  /** A path for the operating system of a name in this folder. The caller never follows a link there. */
  at(name: BytePath): Buffer {
    if (name === '' || name === '.' || name === '..' || name.includes('/')) throw new CodedError('path_invalid');
    return Buffer.concat([this.self, Buffer.from('/'), toBuffer(name)]);
  }

  /** Opens the content of this file. The caller closes it. */
  async content(): Promise<FileHandle> {
    if (this.strategy === 'handles') return open(this.self, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    const handle = await open(this.self, O_RDONLY | O_NONBLOCK | O_NOCTTY | noFollow());
    const now = await handle.stat({ bigint: true });
    if (isSame(now, this.stats)) return handle;
    await handle.close();
    throw new CodedError('file_not_found', `${toText(this.real)} was replaced meanwhile`);
  }

  /** Throws when a folder that is found by its path is no longer the one that was opened. */
  async confirm(): Promise<void> {
    if (this.strategy === 'handles') return;
    const now = await lstat(this.self, { bigint: true });
    const real = fromBuffer(await realpath(this.self, { encoding: 'buffer' }));
    if (real !== this.real || !isSame(now, this.stats)) throw new CodedError('path_outside', toText(this.real));
  }

  async close(): Promise<void> {
    await this.held.close();
  }
}

const noFollow = (): number => (process.platform === 'darwin' ? O_NOFOLLOW_ANY : O_NOFOLLOW);

/** True for the same file of the same disk. */
export const isSame = (a: BigIntStats, b: BigIntStats): boolean => a.dev === b.dev && a.ino === b.ino;

/** Opens what a path leads to, also by symbolic links within bounds. The caller closes it. Throws a coded error. */
export async function openWithin(
  bounds: Bounds,
  path: BytePath,
  kind: PathKind | 'any',
  strategy: Strategy = OF_PLATFORM,
): Promise<OpenPath> {
  return withFileErrors(toText(path), async () => {
    const real = await realWithin(bounds, bounds.locate(path));
    if (strategy === 'paths') await requirePlain(real);
    const flags = strategy === 'handles' ? O_PATH | O_NOFOLLOW : O_RDONLY | O_NONBLOCK | O_NOCTTY | noFollow();
    const held = await open(toBuffer(real), flags);
    try {
      const stats = await held.stat({ bigint: true });
      const now = strategy === 'handles' ? await pathOf(held) : await pathAgain(real, stats);
      if (!bounds.has(now)) throw outside(path);
      if (stats.nlink === 0n) throw new CodedError('file_not_found', toText(path));
      const opened = new OpenPath(held, now, stats, strategy);
      requireKind(opened, kind, path);
      return opened;
    } catch (error) {
      await held.close();
      throw error;
    }
  });
}

/** Opens the folder that a name lies in, which need not exist. Never follows the name itself. */
export async function openParent(
  bounds: Bounds,
  path: BytePath,
  strategy: Strategy = OF_PLATFORM,
): Promise<{ folder: OpenPath; name: BytePath }> {
  const asked = bounds.locate(path);
  const name = nameOf(asked);
  if (name === '') throw outside(path);
  const folder = await openWithin(bounds, parentOf(asked), 'folder', strategy);
  if (bounds.has(joinPath(folder.real, name))) return { folder, name };
  await folder.close();
  throw outside(path);
}

/** Opens a folder of a folder that is open. A link is refused. */
export async function openChild(
  bounds: Bounds,
  folder: OpenPath,
  name: BytePath,
  strategy: Strategy = OF_PLATFORM,
): Promise<OpenPath> {
  const real = joinPath(folder.real, name);
  if (strategy === 'paths') return openWithin(bounds, real, 'folder', strategy);
  if (!bounds.has(real)) throw outside(real);
  const held = await open(folder.at(name), O_PATH | O_NOFOLLOW);
  try {
    const child = new OpenPath(held, real, await held.stat({ bigint: true }), strategy);
    requireKind(child, 'folder', real);
    return child;
  } catch (error) {
    await held.close();
    throw error;
  }
}

/** Runs work with what a path leads to, and closes it. */
export async function withPath<T>(
  bounds: Bounds,
  path: BytePath,
  kind: PathKind | 'any',
  work: (opened: OpenPath) => Promise<T>,
): Promise<T> {
  const opened = await openWithin(bounds, path, kind);
  try {
    return await withFileErrors(toText(path), async () => {
      const result = await work(opened);
      await opened.confirm();
      return result;
    });
  } finally {
    await opened.close();
  }
}

/** Runs work with the folder of a name, and closes it. */
export async function withParent<T>(
  bounds: Bounds,
  path: BytePath,
  work: (folder: OpenPath, name: BytePath) => Promise<T>,
): Promise<T> {
  const { folder, name } = await openParent(bounds, path);
  try {
    return await withFileErrors(toText(path), async () => {
      await folder.confirm();
      return work(folder, name);
    });
  } finally {
    await folder.close();
  }
}

const outside = (path: BytePath): CodedError => new CodedError('path_outside', toText(path));

/** The real path, which lies within bounds. Whether something exists outside is not answered. */
async function realWithin(bounds: Bounds, path: BytePath): Promise<BytePath> {
  try {
    const real = fromBuffer(await realpath(toBuffer(path), { encoding: 'buffer' }));
    if (!bounds.has(real)) throw outside(path);
    return real;
  } catch (error) {
    if (error instanceof CodedError) throw error;
    // A path whose last existing part lies outside is outside, whatever is missing there.
    if (!bounds.has(await lastPart(path, MAX_LINKS))) throw outside(path);
    throw error;
  }
}

/** Follows a path as far as it leads, and returns where the first missing part would lie. */
async function lastPart(path: BytePath, links: number): Promise<BytePath> {
  let at = bytePath('/');
  const parts = path.split('/').filter((part) => part !== '');
  for (const [index, part] of parts.entries()) {
    const next = joinPath(at, bytePath(part));
    let target: Buffer;
    try {
      target = await readlink(toBuffer(next), { encoding: 'buffer' });
    } catch (error) {
      // EINVAL: it is there, and is no link.
      if (errnoOf(error) !== 'EINVAL') return next;
      at = next;
      continue;
    }
    if (links === 0) return next;
    const rest = parts.slice(index + 1).join('/');
    return lastPart(bytePath(posix.resolve(at, target.toString('latin1'), rest)), links - 1);
  }
  return at;
}

/** Where what a handle names lies now, as the kernel says. */
const pathOf = async (held: FileHandle): Promise<BytePath> =>
  fromBuffer(await readlink(`/proc/self/fd/${held.fd}`, { encoding: 'buffer' }));

/** Without such handles: the path must still lead to what was opened. */
async function pathAgain(real: BytePath, stats: BigIntStats): Promise<BytePath> {
  const again = fromBuffer(await realpath(toBuffer(real), { encoding: 'buffer' }));
  if (again === real && isSame(await lstat(toBuffer(real), { bigint: true }), stats)) return again;
  throw new CodedError('path_outside', toText(real));
}

/** Opening a device can do something, so it is not tried. */
async function requirePlain(real: BytePath): Promise<void> {
  const stats = await lstat(toBuffer(real));
  if (!stats.isFile() && !stats.isDirectory()) throw new CodedError('not_a_file', toText(real));
}

function requireKind({ stats }: OpenPath, kind: PathKind | 'any', path: BytePath): void {
  if (stats.isSymbolicLink()) throw outside(path);
  if (!stats.isFile() && !stats.isDirectory()) throw new CodedError('not_a_file', toText(path));
  if (kind === 'file' && !stats.isFile()) throw new CodedError('not_a_file', toText(path));
  if (kind === 'folder' && !stats.isDirectory()) throw new CodedError('not_a_folder', toText(path));
}
