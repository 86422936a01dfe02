import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
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

const PROCESS = 'process-';
const DONE = '.done';
const FAILED = '.failed';
const MAKING_MS = 180_000;

/** Vitest calls this once for a run, in its own process. */
export default function setUpRun(project: TestProject): () => Promise<void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-run-')));
  project.provide('runFolder', folder);
  return async () => {
    const pids = readdirSync(folder).flatMap((name) =>
      name.startsWith(PROCESS) ? [Number(name.slice(PROCESS.length))] : [],
    );
    const roots = pids.map((pid) => readFileSync(join(folder, `${PROCESS}${pid}`), 'utf8'));
    for (const pid of pids) if (isRunning(pid)) process.kill(pid, 'SIGTERM');
    for (const pid of pids) await until(`the end of process ${pid}`, () => !isRunning(pid));
    for (const path of [folder, ...roots]) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  };
}

/** Leaves a process to the end of the run, which ends it and removes the folder `root` of its files. */
export function endWithRun(runFolder: string, pid: number, root: string): void {
  writeFileSync(join(runFolder, `${PROCESS}${pid}`), root);
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

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
