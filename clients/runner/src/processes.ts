import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isSameProcess, processStart } from '@pizzapi/process';
import { errorInfo } from '@pizzapi/protocol';
import type { WorkerCommandOutcome } from './ipc/messages.js';

const run = promisify(execFile);

/** Every process of a session has this variable in its environment, set to the session's id. */
export const SESSION_TAG = 'PIZZAPI_SESSION';

/** The variable that tells a worker where to listen. */
export const WORKER_SOCKET = 'PIZZAPI_WORKER_SOCKET';

/** The variable with the folder of the pi that a worker loads. Without it a worker runs on the bundled pi. */
export const PI_ROOT = 'PIZZAPI_PI_ROOT';

/** How long a swept process has between SIGTERM and SIGKILL, in ms. */
const SWEEP_GRACE_MS = 500;
const SWEEP_ROUNDS = 5;
const POLL_MS = 25;

/** Signals a process; false when there is none. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function isAlive(pid: number): boolean {
  return signalProcess(pid, 0);
}

/** The processes that carry the tag of a session. */
export async function taggedProcesses(sid: string): Promise<number[]> {
  return process.platform === 'linux' ? taggedInProc(sid) : taggedByPs(sid);
}

async function taggedInProc(sid: string): Promise<number[]> {
  const tag = `\0${SESSION_TAG}=${sid}\0`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const tagged = await Promise.all(
    pids.map(async (pid) => {
      const environ = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
      return `\0${environ}\0`.includes(tag) ? pid : undefined;
    }),
  );
  return tagged.filter((pid) => pid !== undefined);
}

async function taggedByPs(sid: string): Promise<number[]> {
  const { stdout } = await run('ps', ['-E', '-ax', '-o', 'pid=,command='], { maxBuffer: 64 * 1024 * 1024 });
  const tag = `${SESSION_TAG}=${sid}`;
  return stdout
    .split('\n')
    .filter((line) => ` ${line} `.includes(` ${tag} `))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => Number.isInteger(pid));
}

/**
 * Ends every process that carries the tag of a session, except `spare`: SIGTERM, then SIGKILL, looking again until
 * none is left, since a process may start another while it is ended. Returns those that survived all of it.
 */
export function sweepSession(sid: string, spare: readonly number[] = []): Promise<number[]> {
  return sweepProcesses(() => othersOf(sid, spare));
}

/** Ends all processes that `find` returns, with the signal `first` and then with SIGKILL. Returns those that survived it. */
export async function sweepProcesses(
  find: () => Promise<number[]>,
  first: NodeJS.Signals = 'SIGTERM',
): Promise<number[]> {
  let left: number[] = [];
  for (let round = 0; round < SWEEP_ROUNDS; round++) {
    left = await find();
    if (left.length === 0) return left;
    for (const pid of left) signalProcess(pid, round === 0 ? first : 'SIGKILL');
    await allGone(left, SWEEP_GRACE_MS);
  }
  return left.filter(isAlive);
}

/** Looks twice before it says that there is none: for a moment around its `exec` a process shows no environment. */
async function othersOf(sid: string, spare: readonly number[]): Promise<number[]> {
  const look = async () => (await taggedProcesses(sid)).filter((pid) => !spare.includes(pid));
  const found = await look();
  if (found.length > 0) return found;
  await sleep(POLL_MS);
  return look();
}

/** Ends all that a killed session left running: what the command that killed it is answered. */
export async function sweepForGood(sid: string, spare: readonly number[] = []): Promise<WorkerCommandOutcome> {
  const survivors = await sweepSession(sid, spare);
  if (survivors.length === 0) return { ok: true };
  return { ok: false, error: errorInfo('command_failed', `Processes ${survivors.join(', ')} do not end`) };
}

/** Waits until a process is gone; false when it outlives `ms`. */
export async function awaitExit(pid: number, ms: number): Promise<boolean> {
  return allGone([pid], ms);
}

async function allGone(pids: readonly number[], ms: number): Promise<boolean> {
  const starts = new Map(await Promise.all(pids.map(async (pid) => [pid, await processStart(pid)] as const)));
  const until = Date.now() + ms;
  for (;;) {
    let waiting = false;
    for (const [pid, start] of starts) waiting ||= start !== undefined && (await isSameProcess(pid, start));
    if (!waiting) return true;
    if (Date.now() >= until) return false;
    await sleep(POLL_MS);
  }
}
