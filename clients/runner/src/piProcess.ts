import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError, type ErrorInfo, type SessionEvent } from '@pizzapi/protocol';
import { awaitExit, signalProcess } from './processes.js';
import type { LoadedPi, PiInstallation } from './installation/types.js';
import { LineReader } from './ipc/lines.js';
import type { ImportRequest, ImportSummary, IpcRequestName, IpcRequests, IpcResponse } from './ipc/messages.js';
import { refusal } from './ipc/refusal.js';
import { startWorker, type StartedWorker } from './ipc/startWorker.js';
import { withoutSecrets } from './workerEnvironment.js';
import { workerProgram } from './workerProgram.js';

export type { ImportSummary } from './ipc/messages.js';

/** How long the process may take to leave before it is killed, in ms. */
const LEAVE_MS = 1_000;

/** A file that was read, and its events, which are fetched part by part. */
export type ReadFile =
  | { kind: 'ok'; summary: ImportSummary; events: () => AsyncGenerator<SessionEvent> }
  | { kind: 'refused'; error: ErrorInfo };

/** A process with pi in it, for one task. */
export interface PiProcess {
  readonly pi: LoadedPi;
  /** Reads and checks a pi session file. Read its events once, before the next file. */
  read(request: ImportRequest): Promise<ReadFile>;
}

/**
 * Starts a process with an installation of pi, and ends it when `use` is done. This process loads no pi. Throws
 * `runner_failed` when it does not start.
 */
export async function withPiProcess<T>(
  installation: PiInstallation,
  use: (pi: PiProcess) => Promise<T>,
  { env = process.env, main = workerProgram() }: { env?: NodeJS.ProcessEnv; main?: string } = {},
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pizzapi-pi-'));
  try {
    const place = { main, sockets: folder, logs: folder, env: withoutSecrets(env) };
    const worker = await startWorker(place, installation);
    try {
      return await use({ pi: worker.pi, read: (request) => read(worker, request) });
    } finally {
      // It leaves by itself when its only link is closed.
      worker.link.close();
      if (!(await awaitExit(worker.pid, LEAVE_MS))) signalProcess(worker.pid, 'SIGKILL');
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function read(worker: StartedWorker, request: ImportRequest): Promise<ReadFile> {
  const asked = await worker.link.request('import', request);
  if (asked.kind === 'refused') return asked;
  if (asked.kind === 'gone') throw gone();
  return { kind: 'ok', summary: asked.answer, events: () => eventsOf(worker) };
}

async function* eventsOf(worker: StartedWorker): AsyncGenerator<SessionEvent> {
  const lines = new LineReader();
  for (;;) {
    const part = await ask(worker, 'imported', {});
    if (part.byteLength === 0) return;
    for (const line of lines.push(part)) yield JSON.parse(line) as SessionEvent;
  }
}

async function ask<N extends IpcRequestName>(
  { link }: StartedWorker,
  type: N,
  question: IpcRequests[N]['ask'],
): Promise<IpcResponse<N>> {
  const asked = await link.request(type, question);
  if (asked.kind === 'answered') return asked.answer;
  if (asked.kind === 'refused') throw refusal(asked.error);
  throw gone();
}

const gone = () => new CodedError('runner_failed', 'The process with pi ended before it answered');
