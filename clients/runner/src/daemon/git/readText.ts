import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** The largest file of the repository's own that is read whole, in bytes. */
const MAX_TEXT_BYTES = 1024 * 1024;

/** The text of a small file, or nothing. Does not wait for what is no file, such as a named pipe. */
export async function readText(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (file === undefined) return '';
  try {
    const found = await file.stat();
    return found.isFile() && found.size <= MAX_TEXT_BYTES ? await file.readFile('utf8') : '';
  } finally {
    await file.close();
  }
}
