import { CodedError } from '@pizzapi/protocol';
import { open, type FileHandle } from 'node:fs/promises';

/**
 * Writes all parts at the end of a file. A disk that becomes full takes a part of a write without an error, and refuses the next
 * one: so the rest is written until all of it is there. Throws `disk_full`.
 */
export async function writeParts(handle: Pick<FileHandle, 'writev'>, parts: readonly Uint8Array[]): Promise<void> {
  let rest = parts.filter(({ byteLength }) => byteLength > 0);
  while (rest.length > 0) {
    const written = await writeSome(handle, rest);
    if (written === 0) throw full();
    rest = behind(rest, written);
  }
}

async function writeSome(handle: Pick<FileHandle, 'writev'>, parts: readonly Uint8Array[]): Promise<number> {
  try {
    return (await handle.writev([...parts])).bytesWritten;
  } catch (cause) {
    throw ['ENOSPC', 'EDQUOT', 'EFBIG'].includes((cause as NodeJS.ErrnoException).code ?? '') ? full(cause) : cause;
  }
}

const full = (cause?: unknown): CodedError => new CodedError('disk_full', 'The disk of the backup is full', { cause });

/** What is left of parts behind so many bytes. */
function behind(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  return parts.flatMap((part) => {
    const skipped = Math.min(skip, part.byteLength);
    skip -= skipped;
    return skipped === part.byteLength ? [] : [part.subarray(skipped)];
  });
}

/** Codes of file systems that cannot be told to keep a folder. */
const NO_SYNC: readonly unknown[] = ['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM', 'EACCES'];

/** Has the disk keep a file, or the names of the files in a folder, before the next step. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!NO_SYNC.includes((error as NodeJS.ErrnoException).code)) throw error;
  } finally {
    await handle.close();
  }
}
