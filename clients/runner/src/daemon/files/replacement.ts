import { constants, type BigIntStats } from 'node:fs';
import { access, link, lstat, open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { CodedError } from '@pizzapi/protocol';
import type { Bounds } from './bounds.js';
import { joinPath, toText, type BytePath } from './bytePath.js';
import { openWithin, type OpenPath } from './confinement.js';
import { errnoOf } from './fileErrors.js';
import { factsOf, settled, versionOf } from './fileFacts.js';
import { changed } from './reading.js';

/** What may be replaced: a version of the file, whatever is there, or nothing. */
export type Replaces = { version: string } | 'anything' | 'nothing';

/** The file that a path leads to now, or undefined. A folder or a device is refused. */
export async function existing(
  bounds: Bounds,
  path: BytePath,
): Promise<{ real: BytePath; stats: BigIntStats } | undefined> {
  try {
    const opened = await openWithin(bounds, path, 'file');
    try {
      await access(opened.self, constants.W_OK).catch(() => {
        throw new CodedError('file_denied', toText(path));
      });
      return { real: opened.real, stats: opened.stats };
    } finally {
      await opened.close();
    }
  } catch (error) {
    if (error instanceof CodedError && error.code === 'file_not_found') return undefined;
    throw error;
  }
}

/** Throws `file_changed` or `file_exists` when what is there is not what may be replaced. */
export function checkReplaces(
  replaces: Replaces,
  current: { real: BytePath; stats: BigIntStats } | undefined,
  path: BytePath,
): void {
  if (replaces === 'anything') return;
  if (replaces === 'nothing') {
    if (current !== undefined) throw new CodedError('file_exists', toText(path));
    return;
  }
  if (current === undefined) throw changed(replaces.version, null);
  if (versionOf(current.stats) !== replaces.version)
    throw changed(replaces.version, factsOf(current.real, current.stats));
}

/** Makes the file that replaces another one later, beside it. The caller closes the handle. */
export function openTemporary(folder: OpenPath, name: BytePath): Promise<FileHandle> {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  return open(folder.at(name), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666);
}

/** Gives the new file the rights and the owner of the one that it replaces. */
export async function keepRights(handle: FileHandle, { mode, uid, gid }: BigIntStats): Promise<void> {
  await handle.chown(Number(uid), Number(gid)).catch(() => undefined);
  await handle.chmod(Number(mode) & 0o7777);
}

/**
 * Puts a complete file in its place in one step: a reader has the old one or the new one. Looks at the place once more just before.
 * Throws `file_changed` or `file_exists`, and leaves the temporary file.
 */
export async function putInPlace(
  folder: OpenPath,
  temporary: BytePath,
  name: BytePath,
  replaces: Replaces,
): Promise<{ real: BytePath; stats: BigIntStats }> {
  const real = joinPath(folder.real, name);
  if (replaces === 'nothing') await linkInPlace(folder, temporary, name);
  else {
    const stats = await lstat(folder.at(name), { bigint: true }).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (stats !== undefined && !stats.isFile()) throw new CodedError('not_a_file', toText(real));
    checkReplaces(replaces, stats && { real, stats }, real);
    await rename(folder.at(temporary), folder.at(name));
  }
  const stats = await lstat(folder.at(name), { bigint: true });
  await settled(stats);
  return { real, stats };
}

/** A link is refused where something is. On a disk without links the place is looked at instead. */
async function linkInPlace(folder: OpenPath, temporary: BytePath, name: BytePath): Promise<void> {
  try {
    await link(folder.at(temporary), folder.at(name));
    await unlink(folder.at(temporary));
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(errnoOf(error) ?? '')) throw error;
    const found = await lstat(folder.at(name)).catch(() => undefined);
    if (found !== undefined) throw new CodedError('file_exists', toText(name));
    await rename(folder.at(temporary), folder.at(name));
  }
}
