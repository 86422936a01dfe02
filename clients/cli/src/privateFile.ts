import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorInfo, isMap, type UnknownMap } from '@pizzapi/protocol';
import { Failure } from './io.js';

/**
 * Writes a file that only its owner can read, whatever the mode of one that was there before. Whoever reads it meanwhile
 * sees the old text or the new one, never a half. Fails with `home_unusable`.
 */
export function writePrivateJson(file: string, value: unknown): void {
  const fresh = `${file}.${process.pid}.new`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    rmSync(fresh, { force: true });
    writeFileSync(fresh, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(fresh, file);
  } catch (thrown) {
    const { code = 'unknown' } = thrown as NodeJS.ErrnoException;
    throw new Failure(errorInfo('home_unusable', `${file} cannot be written (${code})`));
  }
}

/** The map in a file of JSON; undefined when there is none that can be read. */
export function readJsonMap(file: string): UnknownMap | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
