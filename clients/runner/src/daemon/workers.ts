import { rm } from 'node:fs/promises';
import { isSameProcess, withTimeout } from '@pizzapi/process';
import { WorkerIpcClient } from '../ipc/client.js';
import type { StopReason } from '../ipc/messages.js';
import type { WorkerHandle } from '../ipc/startWorker.js';
import { awaitExit, signalProcess } from '../processes.js';

/** How long a worker may take to answer a question that needs no work, in ms. */
const RESPONSE_MS = 3_000;
/** How long a worker may take to stop its session before it is killed, in ms: dialogs, queue, agent, shell, log. */
export const STOP_MS = 15_000;

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
