import { connectBackbone, type Backbone } from '@pizzapi/backbone';
import { localToken, readGatewaySecret } from '@pizzapi/process';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from './bench.js';
import { eventually } from './clock.js';
import { builtMain } from './processes.js';
import { stopChild } from './program.js';

const READY_MS = 60_000;

/** Starts everything as `npm start` does, in a home of its own: nats-server, gateway, projector, runner, dashboard. */
export interface BenchStack {
  url: string;
  loginUrl: string;
  token: string;
  /** A folder in which sessions may start. */
  project: string;
  /** The gateway's HTTP API. */
  api(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<{ status: number; body: unknown }>;
  /** Connects to nats-server with the rights of a role. */
  connect(role: 'admin' | 'auditor'): Promise<Backbone>;
}

interface Address {
  url: string;
  loginUrl: string;
  natsUrl: string;
}

export async function startBenchStack({ defer }: BenchContext, env: NodeJS.ProcessEnv = {}): Promise<BenchStack> {
  const parts = [
    'services/authenticator',
    'services/gateway',
    'services/meta-projector',
    'clients/runner',
    'deploy/local',
  ];
  const [main] = parts.map((part) => builtMain(`${part}/dist/bundle/main.js`)).reverse() as [string];
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-bench-stage-')));
  defer(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
  const home = join(root, 'state');
  const project = join(root, 'person', 'project');
  mkdirSync(project, { recursive: true });
  const child = spawn(process.execPath, [main, '--home', home, '--port', '0', '--no-open', '--json'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      // The stack has its own home, but uses the nats-server that was downloaded already.
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
      HOME: join(root, 'person'),
      PIZZAPI_LOG_LEVEL: 'warn',
      ...env,
    },
  });
  defer(() => stopChild(child));
  const address = await firstLine(child);
  const secret = readGatewaySecret(home);
  if (secret === undefined) throw new Error('the gateway left no secret');
  const token = localToken(secret);
  const { users } = JSON.parse(readFileSync(join(home, 'nats', 'credentials.json'), 'utf8')) as {
    users: { admin: { nkeySeed: string }; auditor: { user: string; password: string } };
  };
  return {
    url: address.url,
    loginUrl: address.loginUrl,
    token,
    project,
    api: async (method, path, body) => {
      const reply = await fetch(address.url + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(30_000),
      });
      const text = await reply.text();
      return { status: reply.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
    },
    connect: async (role) => {
      const login =
        role === 'admin' ? { nkey: users.admin.nkeySeed, provisioner: true } : { ...users.auditor, imports: true };
      const b = await connectBackbone({ url: address.natsUrl, name: `bench-${role}`, ...login });
      defer(() => b.close());
      return b;
    },
  };
}

async function firstLine(child: ChildProcess): Promise<Address> {
  let out = '';
  let err = '';
  child.stdout!.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr!.on('data', (data: Buffer) => (err = (err + data.toString()).slice(-4_000)));
  const ready = await eventually(() => out.includes('\n') || child.exitCode !== null, READY_MS, 50);
  if (!ready || child.exitCode !== null) throw new Error(`the local run did not become ready:\n${err}`);
  return JSON.parse(out.slice(0, out.indexOf('\n'))) as Address;
}

/** Returns the id of the only runner of a stack. */
export async function runnerOf(stage: BenchStack): Promise<string> {
  const { body } = await stage.api('GET', '/api/runners');
  return (body as { runners: { runnerId: string }[] }).runners[0]!.runnerId;
}

/** Starts a session and returns its id. Throws when the reply is not 201. */
export async function createSession(stage: BenchStack, body: object): Promise<string> {
  const reply = await stage.api('POST', '/api/sessions', body);
  if (reply.status !== 201)
    throw new Error(`a new session was answered with ${reply.status} ${JSON.stringify(reply.body)}`);
  return (reply.body as { sessionId: string }).sessionId;
}
