import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError, newId, oneLine, shorten } from '@pizzapi/protocol';
import { processStart, sleep, withTimeout } from '@pizzapi/process';
import type { LoadedPi, PiInstallation } from '../installation/types.js';
import { PI_ROOT, signalProcess, WORKER_SOCKET } from '../processes.js';
import { WorkerIpcClient } from './client.js';

/** How long a new worker process may take until it listens, and then until pi is loaded, in ms. */
const WORKER_START_MS = 20_000;
const POLL_MS = 15;
/** How much of the output of a failed worker is read, and how much of it an error states, in characters. */
const OUTPUT_READ = 16_384;
const REASON_LENGTH = 300;

/** A worker process, by what finds it again after a restart of the daemon, and the link to it. */
export interface WorkerHandle {
  readonly pid: number;
  readonly start: string;
  readonly socket: string;
  readonly link: WorkerIpcClient;
  /** The pi that it has loaded; unknown for a worker that an earlier version of this product started. */
  readonly pi?: LoadedPi | undefined;
  /** Where its output goes, as long as it hosts no session. */
  readonly logFile?: string;
}

/** A worker that has loaded pi. */
export interface StartedWorker extends WorkerHandle {
  readonly logFile: string;
  readonly pi: LoadedPi;
}

export interface WorkerPlace {
  /** The compiled `workerMain.js`. The loader of another pi is beside it. */
  main: string;
  sockets: string;
  logs: string;
  /** Environment of every worker: where NATS is, and as whom. */
  env: NodeJS.ProcessEnv;
}

/** The program beside `workerMain.js` that loads a pi which is not bundled. */
const LOADER = 'workerLoader.js';

/**
 * Starts a worker process that outlives this one, and waits until it has loaded its pi. Throws `runner_failed` with the
 * reason when it does not come up; no process is left then.
 */
export async function startWorker(place: WorkerPlace, installation: PiInstallation): Promise<StartedWorker> {
  const id = newId('w').slice(0, 14);
  const socket = join(place.sockets, `${id}.sock`);
  const logFile = join(place.logs, `${id}.log`);
  const output = await open(logFile, 'a', 0o600);
  try {
    const { root, node } = installation;
    const { [PI_ROOT]: _inherited, ...env } = place.env;
    const program = root === null ? place.main : join(dirname(place.main), LOADER);
    const child = spawn(node.path, [program], {
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      env: { ...env, [WORKER_SOCKET]: socket, ...(root === null ? {} : { [PI_ROOT]: root }) },
    });
    let failure: string | undefined;
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', (error) => {
        failure = error.message;
        resolve();
      });
    });
    child.unref();
    const { pid } = child;
    const start = pid === undefined ? undefined : await processStart(pid);
    const link = start === undefined ? undefined : await firstLink(socket, exited);
    const pi = link === undefined ? undefined : await describe(link);
    if (pid !== undefined && start !== undefined && link !== undefined && pi !== undefined)
      return { pid, start, socket, link, logFile, pi };
    link?.close();
    if (pid === undefined) await exited;
    else signalProcess(pid, 'SIGKILL');
    throw new CodedError('runner_failed', await describeFailure(installation, logFile, failure));
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

async function describe(link: WorkerIpcClient): Promise<LoadedPi | undefined> {
  const described = await withTimeout(link.request('describe', {}), WORKER_START_MS);
  return described?.kind === 'answered' ? described.answer : undefined;
}

/** What did not start, and the last error in its output. */
async function describeFailure(
  { version, node }: PiInstallation,
  logFile: string,
  failure: string | undefined,
): Promise<string> {
  const output = await readFile(logFile, 'utf8').catch(() => '');
  const lines = output
    .slice(-OUTPUT_READ)
    .split('\n')
    .map(oneLine)
    .filter((line) => line !== '');
  const last = failure ?? lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1);
  const reason = last === undefined ? '' : `: ${shorten(last, REASON_LENGTH)}`;
  return `The worker process with pi ${version} on Node ${node.version} did not start (${logFile})${reason}`;
}
