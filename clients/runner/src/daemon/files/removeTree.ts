import { constants } from 'node:fs';
import { lstat, open, readdir, rmdir, unlink } from 'node:fs/promises';
import { CodedError } from '@pizzapi/protocol';

/** Folders in folders that are removed at most: each holds one handle while what is in it is removed. */
const MAX_DEPTH = 2_000;
const O_PATH = 0o10000000;

/**
 * Removes a name with all that is below it. No link is followed: on Linux each folder is held by a handle, so that a folder that is
 * swapped for a link meanwhile leads nowhere.
 */
export async function removeTree(path: Buffer, depth = 0): Promise<void> {
  const found = await lstat(path);
  if (!found.isDirectory()) return unlink(path);
  if (depth > MAX_DEPTH) throw new CodedError('path_invalid', 'The folders are nested too deep');
  const { O_NOFOLLOW, O_DIRECTORY, O_RDONLY } = constants;
  const isLinux = process.platform === 'linux';
  const handle = await open(path, (isLinux ? O_PATH : O_RDONLY) | O_NOFOLLOW | O_DIRECTORY);
  try {
    const folder = isLinux ? Buffer.from(`/proc/self/fd/${handle.fd}`) : path;
    for (const name of await readdir(folder, { encoding: 'buffer' })) {
      await removeTree(Buffer.concat([folder, Buffer.from('/'), name]), depth + 1);
    }
  } finally {
    await handle.close();
  }
  await rmdir(path);
}
