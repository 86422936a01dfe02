import { link, readFile, rename, rm } from 'node:fs/promises';
import { isMap, numberAt, stringAt } from '@pizzapi/protocol';
import { sleep } from './backoff.js';
import { draftOf, writePrivateFile } from './privateFile.js';
import { isSameProcess, processStart } from './processStart.js';

const POLL_MS = 100;
/** Codes of file systems without hard links. */
const NO_LINKS: readonly unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

export interface PidLockOptions {
  /** How long to wait for a holder that is stopping, in ms. Default: not at all. */
  waitMs?: number;
  /** Takes over a lock that this same process holds. For a service that this process starts again. */
  isReentrant?: boolean;
}

export type PidLockOutcome =
  | { kind: 'acquired'; release: () => Promise<void> }
  /** Another living process has it. */
  | { kind: 'held'; pid: number };

interface Holder {
  text: string;
  /** Undefined when the holder does not run any more, or the file is damaged. */
  livingPid: number | undefined;
}

/**
 * Acquires a lock file for this process. The file contains the pid and the start of its holder, so that a lock of a
 * process that was killed is taken over, also after its pid was given to another process.
 */
export async function acquirePidLock(path: string, options: PidLockOptions = {}): Promise<PidLockOutcome> {
  const { waitMs = 0, isReentrant = false } = options;
  const text = JSON.stringify({ pid: process.pid, start: await processStart(process.pid) });
  const deadline = Date.now() + waitMs;
  for (;;) {
    const holder = await holderOf(path);
    if (holder === undefined) {
      if (await create(path, text)) return { kind: 'acquired', release: () => release(path, text) };
      continue;
    }
    const { livingPid: pid } = holder;
    if (pid === undefined || (isReentrant && pid === process.pid)) {
      await discard(path, holder.text);
      continue;
    }
    if (Date.now() >= deadline) return { kind: 'held', pid };
    await sleep(Math.min(POLL_MS, waitMs));
  }
}

async function holderOf(path: string): Promise<Holder | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const value = parse(text);
  const [pid, start] = isMap(value) ? [numberAt(value, 'pid'), stringAt(value, 'start')] : [];
  const lives = pid !== undefined && start !== undefined && (await isSameProcess(pid, start));
  return { text, livingPid: lives ? pid : undefined };
}

/** Creates the lock file with its content in one step. Returns false when another process was faster. */
async function create(path: string, text: string): Promise<boolean> {
  const draft = draftOf(path);
  await writePrivateFile(draft, text);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.includes(code)) throw error;
    await rename(draft, path);
    return true;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes the lock of a dead holder, unless another process has replaced it in the meantime. */
async function discard(path: string, stale: string): Promise<void> {
  const aside = draftOf(path);
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await readText(aside)) !== stale) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function release(path: string, text: string): Promise<void> {
  if ((await readText(path)) === text) await rm(path, { force: true });
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
