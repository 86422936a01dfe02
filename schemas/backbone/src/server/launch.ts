import { CodedError } from '@pizzapi/protocol';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { renderConfig } from './config.js';
import { tieToThisProcess } from './lifeline.js';
import { run } from './run.js';

/** How long a server may take until it accepts connections; it reads its streams first. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 15;
/** How long a server may take to stop before it is killed. */
const STOP_TIMEOUT_MS = 15_000;
/** How long to wait for a server whose starter died, and which is just stopping. */
const PREDECESSOR_TIMEOUT_MS = 10_000;
const PREDECESSOR_POLL_MS = 50;
/** Lines of the log that an error quotes. */
const LOG_TAIL_LINES = 8;

export interface LaunchOptions {
  /** Path of a nats-server, as `requireNatsServer` gives it. */
  binary: string;
  /** Holds JetStream's files and the server's configuration; made when it is not there. One server at a time. */
  storeDir: string;
  /** 0, the default, takes any free port. Name one to come back on the same address. */
  port?: number;
  /** Text in nats-server's configuration language, such as users and permissions. The file is for the owner only. */
  config?: string;
  /** JetStream's `sync_interval`; `always` makes an acknowledged write survive a power cut. */
  syncInterval?: string;
  /** Path of the log file; `<storeDir>/nats-server.log` without. Appended to, rotated at 16 MiB. */
  log?: string;
}

/** How a server ended: by itself or by a signal. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface NatsServer {
  /** `nats://127.0.0.1:<port>` */
  url: string;
  port: number;
  pid: number;
  /** Path of the log file. */
  log: string;
  /** Settles when the process is gone, whatever the cause. */
  exited: Promise<Exit>;
  /** SIGTERM, and SIGKILL if that does not end it in time. Settles when the process is gone. May be called again. */
  stop(): Promise<Exit>;
  /** SIGKILL, as a crash would be. Settles when the process is gone. */
  kill(): Promise<Exit>;
}

/**
 * Starts a nats-server with JetStream on 127.0.0.1 and returns when it accepts connections. It ends with this process,
 * even when this process is killed.
 *
 * Throws `port_in_use`, `store_in_use` (another nats-server has the folder) or, with the end of the log,
 * `nats_start_failed`.
 */
export async function launchNatsServer(options: LaunchOptions): Promise<NatsServer> {
  const storeDir = resolve(options.storeDir);
  const configFile = join(storeDir, 'nats-server.conf');
  const pidFile = join(storeDir, 'nats-server.pid');
  const portsDir = join(storeDir, 'ports');
  const log = resolve(options.log ?? join(storeDir, 'nats-server.log'));
  const port = options.port ?? 0;

  await mkdir(storeDir, { recursive: true, mode: 0o700 });
  await waitForPredecessor(pidFile, configFile);
  await rm(portsDir, { recursive: true, force: true });
  await mkdir(portsDir);
  const { config: extra, syncInterval } = options;
  const text = renderConfig({ port, storeDir, portsDir, pidFile, logFile: log, syncInterval, extra });
  await writeFile(configFile, text, { mode: 0o600 });
  await chmod(configFile, 0o600);

  // What the server says before it has read its configuration, and a panic, go to the same file.
  const logHandle = await open(log, 'a');
  const logStart = (await logHandle.stat()).size;
  const child = spawn(options.binary, ['-c', configFile], {
    stdio: ['ignore', logHandle.fd, logHandle.fd],
    detached: true,
  });
  const exited = exitOf(child);
  await logHandle.close();
  if (child.pid === undefined) throw new CodedError('nats_start_failed', `${options.binary} does not run`);
  const pid = child.pid;
  const release = tieToThisProcess(pid);
  void exited.then(release);

  const server = { pid, log, exited, kill: () => end(child, exited, 'SIGKILL'), stop: () => stop(child, exited) };
  const listening = await waitUntilReady(join(portsDir, `nats-server_${pid}.ports`), exited);
  if (listening === null) {
    await server.kill();
    throw await startError(log, logStart, port);
  }
  return { ...server, url: `nats://127.0.0.1:${listening}`, port: listening };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: 127, signal: null }));
  });
}

async function end(child: ChildProcess, exited: Promise<Exit>, signal: NodeJS.Signals): Promise<Exit> {
  child.kill(signal);
  return exited;
}

async function stop(child: ChildProcess, exited: Promise<Exit>): Promise<Exit> {
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  try {
    return await end(child, exited, 'SIGTERM');
  } finally {
    clearTimeout(timer);
  }
}

/** The port the server wrote down once it accepted connections; null when it ended instead, or took too long. */
async function waitUntilReady(portsFile: string, exited: Promise<Exit>): Promise<number | null> {
  let over = false;
  void exited.then(() => (over = true));
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!over && Date.now() < deadline) {
    const port = portIn(await readFile(portsFile, 'utf8').catch(() => ''));
    if (port !== null) return port;
    await delay(READY_POLL_MS);
  }
  return null;
}

/** The file holds `{ "nats": ["nats://127.0.0.1:4222"] }`; it may be half written when it is read. */
function portIn(text: string): number | null {
  const port = /"nats":\s*\[\s*"nats:\/\/[^"]*:(\d+)"\s*\]/.exec(text)?.[1];
  return port === undefined ? null : Number(port);
}

/** A server whose starter was killed is being stopped by its lifeline: two on one store would ruin it. */
async function waitForPredecessor(pidFile: string, configFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return;
  const deadline = Date.now() + PREDECESSOR_TIMEOUT_MS;
  while (await isOurs(pid, configFile)) {
    if (Date.now() > deadline) throw new CodedError('store_in_use', `nats-server ${pid} runs with ${configFile}`);
    await delay(PREDECESSOR_POLL_MS);
  }
}

/** Whether the process is a server of this folder, and not one that got the same number later. */
async function isOurs(pid: number, configFile: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return (await commandLine(pid)).includes(configFile);
}

/** The command line of a process; empty for one that is gone or, on Linux, has ended and waits to be reaped. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const result = await run('ps', ['-o', 'args=', '-p', String(pid)], { timeoutMs: STOP_TIMEOUT_MS });
  return result.kind === 'exited' ? result.output : '';
}

async function startError(log: string, from: number, port: number): Promise<CodedError> {
  const said = (await readFile(log)).subarray(from).toString().trim().split('\n');
  if (said.some((line) => line.includes('address already in use')))
    return new CodedError('port_in_use', `127.0.0.1:${port} is taken, nats-server cannot listen there`);
  return new CodedError(
    'nats_start_failed',
    `nats-server did not start. ${log} ends with:\n${said.slice(-LOG_TAIL_LINES).join('\n')}\n`,
  );
}
