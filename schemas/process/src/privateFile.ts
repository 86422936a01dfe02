import { readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces a file atomically and durably: readers see the old text or the new one, also after a crash. The file is
 * readable by its owner only, whatever the mode of an earlier one. Creates the folder when it is missing.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const draft = draftOf(path);
  const file = await openDraft(draft);
  try {
    await file.writeFile(text);
    // Before the rename: otherwise a power loss could leave the new name with no content.
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}

/** As `writePrivateFile`, with a value as indented JSON. */
export async function writePrivateJson(path: string, value: unknown): Promise<void> {
  await writePrivateFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Returns the JSON value in a file, or undefined when the file is missing or contains no JSON. */
export async function readPrivateFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    return undefinedIfMissing(error);
  }
}

/** As `readPrivateFile`, for callers that cannot wait. */
export function readPrivateFileSync(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown;
  } catch (error) {
    return undefinedIfMissing(error);
  }
}

let drafts = 0;

/** A name for a new version of a file, unique in this process. */
export function draftOf(path: string): string {
  return `${path}.${process.pid}-${++drafts}.tmp`;
}

/** Opens a new file: one that a crashed process left could have another mode. */
async function openDraft(path: string) {
  await rm(path, { force: true });
  try {
    return await open(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return open(path, 'wx', 0o600);
  }
}

function undefinedIfMissing(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof SyntaxError || code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  throw error;
}
