import { spawn } from 'node:child_process';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, newId } from '@pizzapi/protocol';
import { sleep, type Logger, isSameProcess, processStart, withTimeout } from '@pizzapi/process';
import { WorkerIpcClient } from '../ipc/client.js';
import type { StopReason } from '../ipc/messages.js';
import { awaitExit, signalProcess, WORKER_SOCKET } from '../processes.js';

/** How long a new worker process may take until it listens, in ms. */
const WORKER_START_MS = 20_000;
const POLL_MS = 15;
/** How long a worker may take to answer a question that needs no work, in ms. */
const RESPONSE_MS = 3_000;
/** How long a worker may take to stop its session before it is killed, in ms: dialogs, queue, agent, shell, log. */
export const STOP_MS = 15_000;

/** A worker process, by what finds it again after a restart of the daemon, and the link to it. */
export interface WorkerHandle {
  readonly pid: number;
  readonly start: string;
  readonly socket: string;
  readonly link: WorkerIpcClient;
  /** Where its output goes, as long as it hosts no session. */
  readonly logFile?: string;
}

export interface WorkerPlace {
  /** The compiled `workerMain.js`. */
  main: string;
  sockets: string;
  logs: string;
  /** Environment of every worker: where NATS is, and as whom. */
  env: NodeJS.ProcessEnv;
}

/** Starts a worker process that outlives its daemon. Throws `runner_failed` when it does not come up. */
async function startWorker(place: WorkerPlace): Promise<WorkerHandle> {
  const id = newId('w').slice(0, 14);
  const socket = join(place.sockets, `${id}.sock`);
  const logFile = join(place.logs, `${id}.log`);
  const output = await open(logFile, 'a', 0o600);
  try {
    const child = spawn(process.execPath, ['--enable-source-maps', place.main], {
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      env: { ...place.env, [WORKER_SOCKET]: socket },
    });
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    child.unref();
    const { pid } = child;
    const start = pid === undefined ? undefined : await processStart(pid);
    const link = start === undefined ? undefined : await firstLink(socket, exited);
    if (pid === undefined || start === undefined || link === undefined) {
      if (pid !== undefined) signalProcess(pid, 'SIGKILL');
      throw new CodedError('runner_failed', `The worker process did not start (${logFile})`);
    }
    return { pid, start, socket, link, logFile };
  } finally {
    await output.close();
  }
}

async function firstLink(socket: string, exited: Promise<void>): Promise<WorkerIpcClient | undefined> {
  const stop = new AbortController();
  void exited.then(() => stop.abort());
  const until = Date.now() + WORKER_START_MS;
  while (!stop.signal.aborted && Date.now() < until) {
    const link = await WorkerIpcClient.connect(socket);
    if (link !== undefined) return link;
    await sleep(POLL_MS, stop.signal);
  }
  return undefined;
}

/** Finds a worker that an earlier daemon started. Undefined when it is gone or cannot be reached. */
export async function findWorker(kept: {
  pid: number;
  start: string;
  socket: string;
}): Promise<WorkerHandle | undefined> {
  if (!(await isSameProcess(kept.pid, kept.start))) return undefined;
  const link = await WorkerIpcClient.connect(kept.socket);
  return link === undefined ? undefined : { ...kept, link };
}

/** Makes sure a worker is gone: waits `patienceMs` for it to leave, then SIGTERM, then SIGKILL. */
export async function endWorker(
  worker: Pick<WorkerHandle, 'pid' | 'start' | 'socket'>,
  patienceMs: number,
): Promise<void> {
  const signals = [undefined, 'SIGTERM', 'SIGKILL'] as const;
  for (const signal of signals) {
    if (!(await isSameProcess(worker.pid, worker.start))) break;
    if (signal !== undefined) signalProcess(worker.pid, signal);
    if (await awaitExit(worker.pid, signal === undefined ? patienceMs : 1_000)) break;
  }
  await rm(worker.socket, { force: true });
}

/**
 * Has a worker end its session for good. False when it does not answer or does not come to an end: the caller ends the
 * process then.
 */
export async function stopForGood(
  { link }: Pick<WorkerHandle, 'link'>,
  reason: Extract<StopReason, { kind: 'kill' }>,
): Promise<boolean> {
  // A worker that spins answers nothing, however simple.
  const alive = await withTimeout(link.request('outcome', { commandId: reason.commandId }), RESPONSE_MS);
  if (alive === undefined) return false;
  const stopped = await withTimeout(link.request('stop', { reason }), STOP_MS);
  return stopped?.kind === 'answered';
}

/** Keeps one worker ready, with the SDK loaded and a connection made, so that a new session answers fast. */
export class WorkerPool {
  private spare: Promise<WorkerHandle | undefined> | undefined;
  private closed = false;

  constructor(
    private readonly place: WorkerPlace,
    private readonly log: Logger,
  ) {}

  /** Starts the spare worker unless there is one. */
  refill(): void {
    if (this.closed || this.spare !== undefined) return;
    this.spare = startWorker(this.place).catch((error: unknown) => {
      this.log.warn({ err: error }, 'spare worker did not start');
      return undefined;
    });
  }

  /** A worker for a session; its output goes on in `logFile`. Throws `runner_failed`. */
  async take(logFile: string): Promise<WorkerHandle> {
    const taken = this.spare;
    this.spare = undefined;
    const spare = await taken;
    const alive = spare !== undefined && (await isSameProcess(spare.pid, spare.start));
    const worker = alive ? spare : await startWorker(this.place);
    if (worker.logFile !== undefined) await rename(worker.logFile, logFile).catch(() => undefined);
    return worker;
  }

  async close(): Promise<void> {
    this.closed = true;
    const spare = await this.spare;
    this.spare = undefined;
    if (spare === undefined) return;
    spare.link.close();
    await endWorker(spare, 2_000);
    if (spare.logFile !== undefined) await rm(spare.logFile, { force: true });
  }
}
