import { readPrivateFileSync, writePrivateJsonSync } from '@pizzapi/process';
import { errorInfo, isMap, type UnknownMap } from '@pizzapi/protocol';
import { Failure } from './io.js';

/** Writes a file that only its owner can read. Fails with `home_unusable`. */
export function writePrivateJson(file: string, value: unknown): void {
  try {
    writePrivateJsonSync(file, value);
  } catch (thrown) {
    const { code = 'unknown' } = thrown as NodeJS.ErrnoException;
    throw new Failure(errorInfo('home_unusable', `${file} cannot be written (${code})`));
  }
}

/** Returns the map in a file of JSON, or undefined when the file cannot be read or contains something else. */
export function readJsonMap(file: string): UnknownMap | undefined {
  try {
    const value = readPrivateFileSync(file);
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
