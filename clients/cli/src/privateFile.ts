import { writePrivateJsonSync } from '@pizzapi/process';
import { errorInfo } from '@pizzapi/protocol';
import { Failure } from './io.js';

export { readJsonMap } from '@pizzapi/runner/access';

/** Writes a file that only its owner can read. Fails with `home_unusable`. */
export function writePrivateJson(file: string, value: unknown): void {
  try {
    writePrivateJsonSync(file, value);
  } catch (thrown) {
    const { code = 'unknown' } = thrown as NodeJS.ErrnoException;
    throw new Failure(errorInfo('home_unusable', `${file} cannot be written (${code})`));
  }
}
