import type { BigIntStats } from 'node:fs';
import type { FileFacts, FileKind } from '@pizzapi/protocol';
import { sleep } from '@pizzapi/process';
import { named, type BytePath } from './bytePath.js';

/**
 * How long the clock of a disk may stand still, in ms: two changes in this time can have the same time. A file that was
 * changed so recently is looked at again, so that its version is of its content.
 */
const CLOCK_STEP_MS = 20;

/** The version of a file: another one whenever it was written or replaced, also when a program sets its time back. */
export function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].map((part) => part.toString(36)).join('.');
}

export function kindOf(stats: Pick<BigIntStats, 'isFile' | 'isDirectory' | 'isSymbolicLink'>): FileKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'folder';
  return stats.isSymbolicLink() ? 'link' : 'other';
}

/** What a file or a folder is now. */
export function factsOf(path: BytePath, stats: BigIntStats): FileFacts {
  return {
    ...named(path),
    kind: stats.isDirectory() ? 'folder' : 'file',
    size: Number(stats.size),
    modified: Number(stats.mtimeMs),
    version: versionOf(stats),
  };
}

/** Waits until a change from now on gives a file another version than these facts of it have. */
export async function settled({ ctimeMs }: BigIntStats, now = Date.now()): Promise<void> {
  const age = now - Number(ctimeMs);
  if (age >= 0 && age < CLOCK_STEP_MS) await sleep(CLOCK_STEP_MS - age);
}
