import { readClusterState, type ClusterState } from '@pizzapi/cluster';
import { localToken, readGatewaySecret } from '@pizzapi/process';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { eventually } from './clock.js';
import { endWithThisProcess } from './endWithThisProcess.js';
import { builtMain } from './processes.js';

const READY_MS = 180_000;
/** Time limit until a process that ended runs again and is ready. */
const RESTART_MS = 60_000;

/** The distributed installation that `npm run cluster` starts. */
export interface ClusterStack {
  /** The address of the load balancer, which is that of the page too. */
  url: string;
  pageUrl: string;
  loginUrl: string;
  natsUrl: string;
  natsUrls: string[];
  gateways: string[];
  home: string;
  /** A folder in which sessions may start. */
  project: string;
  /** The owner's bearer token. */
  token: string;
  /** Process id of the program that supervises the others. */
  pid: number;
  /** What runs now. */
  state(): Promise<ClusterState>;
  /** Ends a process with a signal and waits until the next one is ready. */
  restart(name: string, signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Waits until the process that followed `pid` is ready. */
  untilReady(name: string, pid: number): Promise<void>;
  /** Returns the name of the projector that is active. */
  activeProjector(): Promise<string>;
  /** Ends the program with a signal and returns how it ended. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Stops it, if it runs, and removes its files. */
  clear(): Promise<void>;
}

interface Printed {
  url: string;
  loginUrl: string;
  natsUrls: string[];
  gateways: string[];
  pids: Record<string, number>;
}

export interface ClusterStackOptions {
  env?: NodeJS.ProcessEnv;
  /** An existing folder for the home and the person. Default: a new one. */
  root?: string;
}

/** Starts the program and waits until it has printed its line. */
export async function startClusterStack({
  env = {},
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-cluster-stack-'))),
}: ClusterStackOptions = {}): Promise<ClusterStack> {
  const home = join(root, 'state');
  const person = join(root, 'person');
  const project = join(person, 'project');
  mkdirSync(project, { recursive: true });
  const child = startProgramOfCluster(['--json', '--home', home], { ...env, HOME: person });
  endWithThisProcess(child, root);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  const printed = await firstLine(child);
  const secret = readGatewaySecret(home);
  if (secret === undefined) throw new Error('the gateways left no secret');
  const state = async (): Promise<ClusterState> => {
    const now = await readClusterState(home);
    if (now === undefined) throw new Error(`${home} has no state of a cluster`);
    return now;
  };
  const untilReady = async (name: string, pid: number): Promise<void> => {
    const isBack = async () => {
      const { pids, health } = await state();
      return pids[name] !== pid && (health[name] === undefined || (await isReady(name, health[name])));
    };
    if (!(await eventually(isBack, RESTART_MS, 50))) throw new Error(`${name} did not become ready again`);
  };
  const stack: ClusterStack = {
    ...{ url: printed.url, pageUrl: printed.url, loginUrl: printed.loginUrl, gateways: printed.gateways },
    ...{ natsUrl: printed.natsUrls.join(','), natsUrls: printed.natsUrls, home, project },
    token: localToken(secret),
    pid: child.pid!,
    state,
    untilReady,
    restart: async (name, signal = 'SIGTERM') => {
      const pid = (await state()).pids[name];
      if (pid === undefined) throw new Error(`the cluster has no process ${name}`);
      process.kill(pid, signal);
      await untilReady(name, pid);
    },
    activeProjector: async () => {
      let found: string | undefined;
      const look = async () => (found = await findActive(await state())) !== undefined;
      if (!(await eventually(look, RESTART_MS, 50))) throw new Error('no projector is active');
      return found!;
    },
    stop: async (signal = 'SIGTERM') => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return exited;
    },
    clear: async () => {
      await stack.stop();
      rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
  return stack;
}

/** Starts the program with the demo model's speed of the tests. Its output can be read. */
export function startProgramOfCluster(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const full: NodeJS.ProcessEnv = {
    ...process.env,
    // A new home reuses the nats-server that was downloaded already.
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
    PIZZAPI_DEMO_SPEED: '600',
    ...env,
  };
  for (const name of Object.keys(full)) if (/_API_KEY$/.test(name)) delete full[name];
  const main = builtMain('deploy/cluster/dist/bundle/main.js');
  return spawn(process.execPath, [main, ...args], { env: full, stdio: ['ignore', 'pipe', 'pipe'], cwd: dirname(main) });
}

async function isReady(name: string, address: string): Promise<boolean> {
  const path = name.startsWith('nats-') ? '/healthz' : '/readyz';
  return fetch(address + path, { signal: AbortSignal.timeout(2_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function findActive({ health }: ClusterState): Promise<string | undefined> {
  for (const [name, address] of Object.entries(health)) {
    if (!name.startsWith('projector-')) continue;
    const metrics = await fetch(`${address}/metrics`).then(
      (reply) => reply.text(),
      () => '',
    );
    if (/^pizzapi_projector_active(\{[^}]*\})? 1$/m.test(metrics)) return name;
  }
  return undefined;
}

async function firstLine(child: ChildProcess): Promise<Printed> {
  let out = '';
  let err = '';
  child.stdout!.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr!.on('data', (data: Buffer) => (err = (err + data.toString()).slice(-8_000)));
  await eventually(() => out.includes('\n') || child.exitCode !== null, READY_MS, 50);
  if (!out.includes('\n')) throw new Error(`the cluster did not become ready:\n${err}`);
  return JSON.parse(out.slice(0, out.indexOf('\n'))) as Printed;
}
