import { isMap, PAGE_TOKEN, stringAt } from '@pizzapi/protocol';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ClusterStack } from '../bench/harness/clusterStack.js';
import { endWithThisProcess } from '../bench/harness/endWithThisProcess.js';
import { CLI } from '../support/cli.js';
import { TESTED_PI } from '../support/testedPi.js';

const PASSWORD = 'Quattro-Formaggi-4';

/** A person with an account of an invitation, and tokens of it. */
export interface InvitedPerson {
  userId: string;
  email: string;
  /** An API key. */
  token: string;
  runnerToken: string;
}

/** Invites a person, who signs up and in at the load balancer, as the page does. */
export async function invitePerson(stack: ClusterStack, name: string): Promise<InvitedPerson> {
  const origin = { origin: stack.pageUrl, 'content-type': 'application/json' };
  const post = async (path: string, body: object, headers: Record<string, string>) => {
    const reply = await fetch(stack.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${path}: ${reply.status} ${text}`);
    const json: unknown = text === '' ? {} : JSON.parse(text);
    return { cookie: (reply.headers.get('set-cookie') ?? '').split(';')[0]!, json: isMap(json) ? json : {} };
  };
  const invited = await post('/api/invitations', {}, { ...origin, authorization: `Bearer ${stack.token}` });
  const invitation = new URL(stringAt(invited.json, 'url') ?? '').hash.slice(1);
  const email = `${name}@example.com`;
  await post('/api/auth/signup', { email, password: PASSWORD, name, invitation }, origin);
  const { cookie, json } = await post('/api/auth/login', { email, password: PASSWORD }, origin);
  const signedIn = { ...origin, cookie, [PAGE_TOKEN.header]: stringAt(json, 'pageToken') ?? '' };
  const keyOf = async (kind: 'user' | 'runner') =>
    stringAt((await post('/api/keys', { name: `${name} ${kind}`, kind }, signedIn)).json, 'token') ?? '';
  const [token, runnerToken] = [await keyOf('user'), await keyOf('runner')];
  const reply = await fetch(`${stack.url}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } });
  const me: unknown = await reply.json();
  return { userId: isMap(me) ? (stringAt(me, 'userId') ?? '') : '', email, token, runnerToken };
}

/** A runner of a person on this machine. */
export interface OwnHost {
  /** What it has logged. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts a runner with a home of its own. The next one with the same name continues with the same home. */
export function startHost(stack: ClusterStack, name: string, token: string): OwnHost {
  const home = join(dirname(stack.home), name);
  mkdirSync(home, { recursive: true });
  const env = {
    ...process.env,
    ...{ HOME: dirname(stack.project), PIZZAPI_PI: TESTED_PI, PIZZAPI_DEMO_SPEED: '600' },
    ...{ PIZZAPI_NATS_URL: stack.natsUrl, PIZZAPI_RUNNER_TOKEN: token },
  };
  const args = [CLI, 'runner', '--home', home, '--name', name, '--roots', stack.project];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  endWithThisProcess(child, home);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let log = '';
  child.stderr.on('data', (data: Buffer) => (log += data.toString()));
  return {
    log: () => log,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
