import { connectBackbone, provision, type Backbone } from '@pizzapi/backbone';
import {
  launchNatsServer,
  processContext,
  requireNatsServer,
  type NatsServer,
  findFreePort,
} from '@pizzapi/nats-server';
import { ensureGatewaySecret, GATEWAY_NODE_FLAGS, localToken } from '@pizzapi/process';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CannotRun, type BenchContext } from './bench.js';
import { eventually } from './clock.js';
import { CORES, pin, pinned } from './cpu.js';
import { profileFlags } from './profile.js';
import { stopChild } from './program.js';
import { repository } from './repository.js';

const READY_MS = 60_000;

/** Returns the path of a built main file. Throws `CannotRun` when it is missing. */
export function builtMain(path: string): string {
  const file = repository(path);
  if (!existsSync(file)) throw new CannotRun(`${path} is not built`);
  return file;
}

export interface Nats {
  url: string;
  pid: number;
  version: string;
  b: Backbone;
}

/**
 * Starts a provisioned nats-server, on the cores of the load or unpinned, and connects to it. Keeps its store in a
 * folder when one is given.
 */
export async function startNats(
  { defer }: BenchContext,
  { storeDir, unpinned = false }: { storeDir?: string; unpinned?: boolean } = {},
): Promise<Nats> {
  const { binary, version } = await requireNatsServer(processContext());
  const folder = storeDir ?? (await mkdtemp(join(tmpdir(), 'pizzapi-bench-nats-')));
  const server: NatsServer = await launchNatsServer({ binary, storeDir: folder });
  defer(async () => {
    await server.stop();
    if (storeDir === undefined) await rm(folder, { recursive: true, force: true });
  });
  if (!unpinned) pin(server.pid, CORES?.load);
  const b = await connectBackbone({ url: server.url, name: 'bench' });
  defer(() => b.close());
  await provision(b);
  return { url: server.url, pid: server.pid, version, b };
}

export interface MemoryUse {
  rss: number;
  heapUsed: number;
  external: number;
  arrayBuffers: number;
}

/** The real gateway as a separate process. */
export interface BenchGateway {
  url: string;
  token: string;
  pid: number;
  /** Returns a value of `/metrics`, summed over all labels. */
  metric(name: string): Promise<number>;
  /** Returns the memory after a garbage collection. Works only for a gateway that was started with `memory`. */
  memory(): Promise<MemoryUse>;
  /** Waits until the gateway lists a session. */
  knows(sid: string): Promise<void>;
  stop(): Promise<void>;
}

export interface BenchGatewayOptions {
  memory?: boolean;
}

/** Starts the gateway on the core of the server. */
export async function startGateway(
  { defer }: BenchContext,
  nats: Nats,
  options: BenchGatewayOptions = {},
): Promise<BenchGateway> {
  const main = builtMain('services/gateway/dist/bundle/main.js');
  const home = await mkdtemp(join(tmpdir(), 'pizzapi-bench-home-'));
  defer(() => rm(home, { recursive: true, force: true }));
  const token = localToken(ensureGatewaySecret(home));
  const gc = fileURLToPath(new URL('../programs/gcOnRequest.js', import.meta.url));
  const flags = [
    ...GATEWAY_NODE_FLAGS,
    ...(options.memory === true ? ['--expose-gc', '--import', gc] : []),
    ...profileFlags('gateway'),
  ];
  const [command, args] = pinned(CORES?.server, process.execPath, [...flags, main]);
  const health = await findFreePort();
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      PIZZAPI_HOME: home,
      PIZZAPI_HOST: '127.0.0.1',
      PIZZAPI_PORT: '0',
      PIZZAPI_HEALTH_PORT: String(health),
      PIZZAPI_NATS_URL: nats.url,
      PIZZAPI_LOG_LEVEL: 'warn',
    },
  });
  const stop = () => stopChild(child);
  defer(stop);
  const url = await listening(child);
  const headers = { authorization: `Bearer ${token}` };
  const get = (path: string) => fetch(url + path, { headers, signal: AbortSignal.timeout(5_000) });
  const isReady = async () => {
    return (await get('/readyz').catch(() => undefined))?.ok === true;
  };
  if (!(await eventually(isReady, READY_MS, 50))) throw new Error('the gateway did not become ready');
  return {
    url,
    token,
    pid: child.pid!,
    metric: async (name) => sumOf(await (await fetch(`http://127.0.0.1:${health}/metrics`)).text(), name),
    memory: () => memoryOf(child),
    knows: async (sid) => {
      const isListed = async () => (await get(`/api/sessions/${sid}`)).ok;
      if (!(await eventually(isListed, 10_000))) throw new Error(`the gateway does not know session ${sid}`);
    },
    stop,
  };
}

function sumOf(text: string, name: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

function memoryOf(child: ChildProcess): Promise<MemoryUse> {
  return new Promise((resolve) => {
    const listen = (message: { memory?: MemoryUse }) => {
      if (message.memory === undefined) return;
      child.off('message', listen);
      resolve(message.memory);
    };
    child.on('message', listen);
    child.kill('SIGUSR2');
  });
}

/** Returns the address that the gateway reports to its parent. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the gateway does not listen')), READY_MS);
    child.once('exit', (code) => reject(new Error(`the gateway ended with exit code ${code}`)));
    child.on('message', (message: { kind?: string; url?: string }) => {
      if (message.kind !== 'listening' || message.url === undefined) return;
      clearTimeout(timer);
      resolve(message.url);
    });
  });
}
