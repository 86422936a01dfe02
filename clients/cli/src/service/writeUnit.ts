import { writePrivateFile } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';

/** Writes the file of a service at once, for its owner only. Throws `service_failed`. */
export async function writeUnit(file: string, text: string): Promise<void> {
  try {
    await writePrivateFile(file, text);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new CodedError('service_failed', `${file} cannot be written (${code})`);
  }
}
