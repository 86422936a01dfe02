import { accessSync, constants } from 'node:fs';

/** Whether a file may be executed by this process. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
