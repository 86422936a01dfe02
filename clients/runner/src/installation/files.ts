import { constants } from 'node:fs';
import { access, open, realpath, stat } from 'node:fs/promises';
import { isMap, type UnknownMap } from '@pizzapi/protocol';

/** The most bytes of a JSON file that are read. A package.json is smaller. */
const MAX_JSON_BYTES = 1024 * 1024;

/** Returns the path without symbolic links, undefined for a missing file and for links that form a loop. */
export async function realPath(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

/** Returns whether the path is a file that this process may execute, and not a folder, a pipe or a device. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false;
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** The first bytes of a file and its whole size. */
export interface FileHead {
  bytes: Buffer;
  size: number;
}

/**
 * Reads at most `limit` bytes from the beginning of a file. Returns undefined for anything but a readable file: a pipe is
 * not waited for.
 */
export async function readHead(path: string, limit: number): Promise<FileHead | undefined> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const about = await handle.stat();
      if (!about.isFile()) return undefined;
      const buffer = Buffer.alloc(Math.min(limit, about.size));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      return { bytes: buffer.subarray(0, bytesRead), size: about.size };
    } finally {
      await handle.close();
    }
  } catch {
    return undefined;
  }
}

/** Returns the object in a JSON file; undefined for a missing, large or damaged file. */
export async function readJsonFile(path: string): Promise<UnknownMap | undefined> {
  const head = await readHead(path, MAX_JSON_BYTES);
  if (head === undefined || head.bytes.length < head.size) return undefined;
  try {
    const value: unknown = JSON.parse(head.bytes.toString('utf8').replace(/^\uFEFF/, ''));
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
