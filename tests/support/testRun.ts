import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { until } from './until.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder that all test processes of a run share. It is removed at the end of the run. */
    runFolder: string;
  }
}

const DONE = '.done';
const FAILED = '.failed';
const MAKING_MS = 180_000;

/** Vitest calls this once for a run, in its own process. */
export default function setUpRun(project: TestProject): () => void {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-run-')));
  project.provide('runFolder', folder);
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/**
 * Returns the folder `name` of the run. The first test process that asks fills it with `make`; the others wait for it.
 */
export async function onceInRun(
  runFolder: string,
  name: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(runFolder, name);
  try {
    await mkdir(folder);
  } catch {
    await until(`the folder ${name}`, () => existsSync(folder + DONE) || existsSync(folder + FAILED), MAKING_MS);
    if (existsSync(folder + FAILED)) throw new Error(readFileSync(folder + FAILED, 'utf8'));
    return folder;
  }
  try {
    await make(folder);
  } catch (error) {
    writeFileSync(folder + FAILED, String(error));
    throw error;
  }
  writeFileSync(folder + DONE, '');
  return folder;
}
