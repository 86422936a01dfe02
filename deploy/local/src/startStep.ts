import { withTimeout } from '@pizzapi/process';
import { CodedError, formatBytes } from '@pizzapi/protocol';
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { diskSpace, FULL_BYTES } from './diskGuard.js';

/** What a new home needs at least: the streams, the logs of the processes, and some sessions. */
const NEW_HOME_BYTES = 48 * 1024 ** 2;

/** Throws `disk_full` when the disk of a home has too little room to start. */
export async function requireRoom(home: string, isNew: boolean): Promise<void> {
  const { free } = await diskSpace(existingFolder(resolve(home)));
  const needed = isNew ? NEW_HOME_BYTES : FULL_BYTES;
  if (free >= needed) return;
  const what = isNew
    ? `a new home needs at least ${formatBytes(needed)}`
    : `at least ${formatBytes(needed)} are needed`;
  throw new CodedError('disk_full', `The disk of ${home} has ${formatBytes(free)} free; ${what}`);
}

/** Runs one step of the start. Throws `start_failed` with its sentence after `ms`, and `disk_full` for a full disk. */
export async function startStep<T>(sentence: string, ms: number, work: () => Promise<T>): Promise<T> {
  try {
    return await withTimeout(work(), ms, () => {
      throw new CodedError('start_failed', `${sentence} took longer than ${ms / 1000} s`);
    });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw thrown;
    throw new CodedError('disk_full', `${sentence} failed: no space is left on the disk (${code})`, { cause: thrown });
  }
}

function existingFolder(path: string): string {
  return existsSync(path) || path === dirname(path) ? path : existingFolder(dirname(path));
}
