import { connectBackbone, provision, verifyProvisioned, type BackboneOptions } from '@pizzapi/backbone';
import { startTestNats, type TestNats } from '@pizzapi/backbone/testing';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateCredentials, isCredentials, type Login } from './credentials.js';
import { authorizationConfig } from './natsConfig.js';
import { ROLES, type Role } from './roles.js';

const credentials = generateCredentials();
let nats: TestNats;

beforeAll(async () => {
  nats = await startTestNats({ config: authorizationConfig(credentials) });
});
afterAll(() => nats.stop());

/** What the server says to one line of its protocol, from a connection with this login. */
async function say(login: Login, line: string): Promise<string> {
  const socket: Socket = connect(nats.port, '127.0.0.1');
  let heard = '';
  socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
  const until = async (pattern: RegExp) => {
    while (!pattern.test(heard) && !socket.closed) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  try {
    await until(/^INFO .*\r\n/);
    const hello = { user: login.user, pass: login.password, verbose: false, pedantic: false, headers: true };
    socket.write(`CONNECT ${JSON.stringify(hello)}\r\n${line}\r\nPING\r\n`);
    await until(/PONG|-ERR/);
    return /-ERR '[^']*'/.exec(heard)?.[0] ?? 'ok';
  } finally {
    socket.destroy();
  }
}

const publish = (role: Role, subject: string) => say(credentials[role], `PUB ${subject} 2\r\nhi`);
const subscribe = (role: Role, subject: string) => say(credentials[role], `SUB ${subject} 1`);
const REFUSED = /Permissions Violation/;

describe('a connection', () => {
  it('needs the credentials that were made', async () => {
    expect(await say({ user: 'pizzapi-auditor', password: 'guess' }, 'SUB session.*.events 1')).toMatch(
      /Authorization/,
    );
    expect(isCredentials(JSON.parse(JSON.stringify(credentials)))).toBe(true);
    expect(new Set(ROLES.map((role) => credentials[role].password)).size).toBe(ROLES.length);
  });
});

describe('an auditor', () => {
  it('watches every log', async () => {
    for (const subject of ['session.*.events', 'live.session.*.events', 'runner.*.cmd', 'audit.>']) {
      expect(await subscribe('auditor', subject), subject).toBe('ok');
    }
    expect(await publish('auditor', '$JS.API.STREAM.INFO.SESSIONS')).toBe('ok');
  });

  it('changes nothing', async () => {
    const subjects = ['session.s.events', 'runner.r.cmd', '$KV.leases.x', '$JS.API.STREAM.PURGE.SESSIONS'];
    for (const subject of subjects) expect(await publish('auditor', subject), subject).toMatch(REFUSED);
    expect(await subscribe('auditor', '>')).toMatch(REFUSED);
  });
});

describe('a service', () => {
  it('is told whether the server syncs every write', async () => {
    const warnings: string[] = [];
    const quiet = () => undefined;
    const log: BackboneOptions['log'] = {
      ...{ debug: quiet, info: quiet, error: quiet, child: () => log! },
      warn: (_facts, text) => void warnings.push(text),
    };
    const dial = (login: Login) => connectBackbone({ url: nats.url, name: 'test', ...login, log });
    const admin = await dial(credentials.admin);
    await provision(admin);
    const runner = await dial(credentials.runner);
    await verifyProvisioned(runner);
    expect(warnings).toEqual([expect.stringContaining('could be lost in a power cut')]);
    await Promise.all([admin.close(), runner.close()]);
  });

  it('does what its work needs', async () => {
    expect(await publish('gateway', 'runner.r.cmd')).toBe('ok');
    expect(await publish('projector', '$KV.sessions.s')).toBe('ok');
    expect(await publish('runner', 'session.s.events')).toBe('ok');
  });

  it.each([
    ['gateway', 'session.s.events'],
    ['gateway', 'runner.r.events'],
    ['projector', 'runner.r.cmd'],
    ['projector', '$JS.API.STREAM.PURGE.SESSIONS'],
    ['runner', 'audit.login'],
    ['runner', '$JS.API.STREAM.PURGE.SESSIONS'],
    ['runner', 'live.session.s.events'],
  ] as const)('%s may not publish %s', async (role, subject) => {
    expect(await publish(role, subject)).toMatch(REFUSED);
  });

  it('never changes a stream: that is the provisioner’s', async () => {
    for (const role of ['gateway', 'projector', 'runner', 'auditor'] as const) {
      expect(await publish(role, '$JS.API.STREAM.DELETE.SESSIONS'), role).toMatch(REFUSED);
    }
    expect(await publish('admin', '$JS.API.STREAM.DELETE.SESSIONS')).toBe('ok');
  });
});
