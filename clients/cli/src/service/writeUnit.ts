import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CodedError } from '@pizzapi/protocol';

/** Writes the file of a service at once, for its owner only. Throws `service_failed`. */
export async function writeUnit(file: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    const draft = `${file}.new`;
    await writeFile(draft, text, { mode: 0o600 });
    await rename(draft, file);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new CodedError('service_failed', `${file} cannot be written (${code})`);
  }
}
