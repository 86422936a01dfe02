import { readPrivateFileSync } from '@pizzapi/process';
import { isMap, type UnknownMap } from '@pizzapi/protocol';

/** Returns the map in a file of JSON, or undefined when the file cannot be read or contains something else. */
export function readJsonMap(file: string): UnknownMap | undefined {
  try {
    const value = readPrivateFileSync(file);
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
