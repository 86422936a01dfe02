import { CodedError } from '@pizzapi/protocol';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { renderConfig } from './config.js';
import { endWithThisProcess } from './parentDeathGuard.js';
import { run } from './run.js';

/** Time limit until a server accepts connections; it reads its streams first. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 15;
/** Time limit for a stop; then the server is killed. */
const STOP_TIMEOUT_MS = 15_000;
/** Time limit for the end of a server whose parent process died. */
const PREDECESSOR_TIMEOUT_MS = 10_000;
const PREDECESSOR_POLL_MS = 50;
/** Lines of the log that an error quotes. */
const LOG_TAIL_LINES = 8;

export interface LaunchOptions {
  /** Path of a nats-server, as `requireNatsServer` gives it. */
  binary: string;
  /** Folder of JetStream's files and the server's configuration. Created when it is missing. One server at a time. */
  storeDir: string;
  /** 0, the default, selects any free port. Set a port to keep the address after a restart. */
  port?: number;
  /** Port for NATS over WebSocket; 0 selects any free port. Default: no such port. */
  webSocketPort?: number;
  /** Text in nats-server's configuration language, such as users and permissions. Only the owner can read the file. */
  config?: string;
  /** JetStream's `sync_interval`; with `always` an acknowledged write survives a power cut. */
  syncInterval?: string;
  /** Path of the log file, by default `<storeDir>/nats-server.log`. The server appends to it and rotates it at 16 MiB. */
  log?: string;
}

/** Exit code or signal of an ended server. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface NatsServer {
  /** `nats://127.0.0.1:<port>` */
  url: string;
  port: number;
  /** Port for NATS over WebSocket, if it was asked for. */
  webSocketPort: number | undefined;
  pid: number;
  /** Path of the log file. */
  log: string;
  /** Resolves when the process has ended, for any reason. */
  exited: Promise<Exit>;
  /** Sends SIGTERM, then SIGKILL after a time limit. Resolves when the process has ended. Can be called again. */
  stop(): Promise<Exit>;
  /** Sends SIGKILL, to simulate a crash. Resolves when the process has ended. */
  kill(): Promise<Exit>;
}

/**
 * Starts a nats-server with JetStream on 127.0.0.1 and returns when it accepts connections. The server ends when this
 * process ends, including by SIGKILL.
 *
 * Throws `port_in_use`, `store_in_use` (another nats-server uses the folder) or, with the end of the log,
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
  const { config: extra, syncInterval, webSocketPort } = options;
  const text = renderConfig({ port, webSocketPort, storeDir, portsDir, pidFile, logFile: log, syncInterval, extra });
  await writeFile(configFile, text, { mode: 0o600 });
  await chmod(configFile, 0o600);

  // The log also receives output from before the server has read its configuration, and the text of a panic.
  const logHandle = await open(log, 'a');
  const logStart = (await logHandle.stat()).size;
  const child = spawn(options.binary, ['-c', configFile], {
    stdio: ['ignore', logHandle.fd, logHandle.fd],
    detached: true,
  });
  const exited = exitOf(child);
  await logHandle.close();
  if (child.pid === undefined) throw new CodedError('nats_start_failed', `${options.binary} cannot be executed`);
  const pid = child.pid;
  const releaseGuard = endWithThisProcess(pid);
  void exited.then(releaseGuard);

  const server = { pid, log, exited, kill: () => end(child, exited, 'SIGKILL'), stop: () => stop(child, exited) };
  const listening = await waitUntilReady(join(portsDir, `nats-server_${pid}.ports`), exited);
  if (listening === null) {
    await server.kill();
    throw await startError(log, logStart, port);
  }
  return { ...server, url: `nats://127.0.0.1:${listening.port}`, ...listening };
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

/** Returns the ports that the server wrote to its ports file; null when the server ended or the time limit passed. */
async function waitUntilReady(portsFile: string, exited: Promise<Exit>): Promise<Ports | null> {
  let over = false;
  void exited.then(() => (over = true));
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!over && Date.now() < deadline) {
    const ports = portsIn(await readFile(portsFile, 'utf8').catch(() => ''));
    if (ports !== null) return ports;
    await delay(READY_POLL_MS);
  }
  return null;
}

type Ports = Pick<NatsServer, 'port' | 'webSocketPort'>;

/**
 * Parses `{ "nats": ["nats://127.0.0.1:4222"], "websocket": ["ws://127.0.0.1:8080"] }`. Returns null for a file that is not
 * complete yet.
 */
function portsIn(text: string): Ports | null {
  const portOf = (name: string): number | undefined => {
    const port = new RegExp(`"${name}":\\s*\\[\\s*"[a-z]+://[^"]*:(\\d+)"\\s*\\]`).exec(text)?.[1];
    return port === undefined ? undefined : Number(port);
  };
  const port = text.trimEnd().endsWith('}') ? portOf('nats') : undefined;
  return port === undefined ? null : { port, webSocketPort: portOf('websocket') };
}

/** Waits for the server of a killed parent, which its guard is stopping. Two servers would corrupt one store. */
async function waitForPredecessor(pidFile: string, configFile: string): Promise<void> {
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return;
  const deadline = Date.now() + PREDECESSOR_TIMEOUT_MS;
  while (await isOurs(pid, configFile)) {
    if (Date.now() > deadline)
      throw new CodedError('store_in_use', `Process ${pid} is a nats-server that uses ${configFile}`);
    await delay(PREDECESSOR_POLL_MS);
  }
}

/** Returns whether the process is a server of this folder. The system may have given its id to another process. */
async function isOurs(pid: number, configFile: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return (await commandLine(pid)).includes(configFile);
}

/** Returns the command line of a process; empty when it has ended, including, on Linux, a zombie process. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  const result = await run('ps', ['-o', 'args=', '-p', String(pid)], { timeoutMs: STOP_TIMEOUT_MS });
  return result.kind === 'exited' ? result.output : '';
}

async function startError(log: string, from: number, port: number): Promise<CodedError> {
  const lines = (await readFile(log)).subarray(from).toString().trim().split('\n');
  if (lines.some((line) => line.includes('address already in use')))
    return new CodedError(
      'port_in_use',
      `nats-server cannot listen on 127.0.0.1:${port}, because another program uses that port`,
    );
  return new CodedError(
    'nats_start_failed',
    `nats-server did not start. ${log} ends with:\n${lines.slice(-LOG_TAIL_LINES).join('\n')}\n`,
  );
}
