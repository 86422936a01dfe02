import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { processStart, sleep } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import { signalProcess } from '../processes.js';
import { TerminalClient } from './client.js';

/** The variable that tells the process of a terminal where to listen. */
export const TERMINAL_SOCKET = 'PIZZAPI_TERMINAL_SOCKET';

/** How long the process may take until it listens, in ms. */
const START_MS = 15_000;
const POLL_MS = 15;

/** Where the processes of terminals are. */
export interface TerminalPlace {
  /** The compiled `ptyMain.js`. */
  main: string;
  sockets: string;
  logs: string;
  /** The environment of the processes; what their shells have is in what they open. */
  env: NodeJS.ProcessEnv;
}

/** The process of a terminal, by what finds it again after a restart of the daemon, and the connection to it. */
export interface TerminalHandle {
  readonly pid: number;
  readonly start: string;
  readonly socket: string;
  readonly client: TerminalClient;
}

/**
 * Starts the process of a terminal, which outlives this one. Throws `terminal_failed` when it does not come up; no process is
 * left then.
 */
export async function startTerminal(place: TerminalPlace, name: string): Promise<TerminalHandle> {
  const socket = join(place.sockets, `${name}.sock`);
  const logFile = join(place.logs, `terminal-${name}.log`);
  const output = await open(logFile, 'a', 0o600);
  try {
    const child = spawn(process.execPath, [place.main], {
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      env: { ...place.env, [TERMINAL_SOCKET]: socket },
    });
    const stop = new AbortController();
    for (const event of ['exit', 'error'] as const) child.once(event, () => stop.abort());
    child.unref();
    const { pid } = child;
    const start = pid === undefined ? undefined : await processStart(pid);
    const client = start === undefined ? undefined : await firstClient(socket, stop.signal);
    if (pid !== undefined && start !== undefined && client !== undefined) return { pid, start, socket, client };
    if (pid !== undefined) signalProcess(pid, 'SIGKILL');
    throw new CodedError('terminal_failed', `The process of the terminal did not start (${logFile})`);
  } finally {
    await output.close();
  }
}

async function firstClient(socket: string, signal: AbortSignal): Promise<TerminalClient | undefined> {
  const until = performance.now() + START_MS;
  while (!signal.aborted && performance.now() < until) {
    const client = await TerminalClient.connect(socket);
    if (client !== undefined) return client;
    await sleep(POLL_MS, signal);
  }
  return undefined;
}
