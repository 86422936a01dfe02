import {
  BlobStore,
  bucket,
  connectBackbone,
  LOG_API,
  stateSeedOf,
  verifyProvisioned,
  type BackboneOptions,
} from '@pizzapi/backbone';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateCredentials, isCredentials } from './credentials.js';
import type { ServiceRole } from './roles.js';
import { say, startSecuredNats, type RawLogin, type SecuredNats } from './testing/index.js';

let s: SecuredNats;
beforeAll(async () => {
  s = await startSecuredNats();
});
afterAll(() => s.stop());

const REFUSED = /Permissions Violation/;

/** The login of a service in the account of the logs, or of the state. */
function login(role: ServiceRole, account: 'log' | 'state' = 'log'): RawLogin {
  const { nkeySeed } = s.credentials[role];
  return { nkey: account === 'log' ? nkeySeed : stateSeedOf(nkeySeed) };
}
const auditor = (): RawLogin => ({ user: s.credentials.auditor.user, pass: s.credentials.auditor.password });
const publish = (who: RawLogin, subject: string) => say(s.nats.port, who, `PUB ${subject} 2\r\nhi`);
const subscribe = (who: RawLogin, subject: string) => say(s.nats.port, who, `SUB ${subject} 1`);

describe('credentials', () => {
  it('are a login for every role, each of its own, and survive a file', () => {
    const credentials = generateCredentials();
    expect(isCredentials(JSON.parse(JSON.stringify(credentials)))).toBe(true);
    expect(isCredentials({ ...credentials, gateway: { user: 'u', password: 'p' } })).toBe(false);
    expect(isCredentials({ ...credentials, issuerSeed: credentials.gateway.nkeySeed })).toBe(false);
    expect(isCredentials(undefined)).toBe(false);
    const { admin, gateway, projector, authenticator } = credentials;
    expect(new Set([admin, gateway, projector, authenticator].map(({ nkeySeed }) => nkeySeed)).size).toBe(4);
  });

  it('of another installation open nothing', async () => {
    const { gateway } = generateCredentials();
    expect(await say(s.nats.port, { nkey: gateway.nkeySeed }, '')).toMatch(/Authorization/);
    expect(await say(s.nats.port, { ...auditor(), pass: 'guess' }, '')).toMatch(/Authorization/);
  });
});

describe('a service', () => {
  it('finds the logs in one account and the state in another, over one backbone', async () => {
    const gateway = await s.connectAs('gateway');
    await verifyProvisioned(gateway);
    const rows = bucket<{ of: string }>(gateway, 'accounts');
    await rows.put('user.u', { of: 'u' });
    expect((await rows.get('user.u'))?.value).toEqual({ of: 'u' });
    const stored = await new BlobStore(gateway, { account: 9, session: 9, link: 9 }).put(
      { userId: 'u', sid: 's' },
      Buffer.from('bytes'),
      'text/plain',
      { link: 'l', keep: true },
    );
    expect(stored).toMatchObject({ kind: 'stored', ref: { size: 5 } });
  });

  it('is told whether the server syncs every write', async () => {
    const warnings: string[] = [];
    const quiet = () => undefined;
    const log: BackboneOptions['log'] = {
      ...{ debug: quiet, info: quiet, error: quiet, child: () => log! },
      warn: (_facts, text) => void warnings.push(text),
    };
    await verifyProvisioned(await s.connectAs('projector', { log }));
    expect(warnings).toEqual([expect.stringContaining('could be lost in a power cut')]);
  });

  it('is refused with a seed that is none, before anything is sent', async () => {
    const wrong = connectBackbone({ url: s.url, name: 'test', nkey: 'SUAB' });
    await expect(wrong).rejects.toMatchObject({ code: 'bad_option' });
  });

  it.each([
    [
      'gateway',
      'log',
      ['runner.r.cmd', 'runner.r.rpc.folders', 'session.s.partial', 'audit.login', 'desk.purge', 'gateway.spawns'],
    ],
    ['gateway', 'state', ['$KV.accounts.x', '$KV.api-keys.x', '$KV.shares.x', '$O.session-blobs.M.x']],
    [
      'projector',
      'log',
      [
        'session.s.events',
        'runner.r.cmd',
        'attention.s',
        '$KV.leases.projector',
        `${LOG_API}.CONSUMER.CREATE.SESSIONS.x`,
      ],
    ],
    [
      'projector',
      'state',
      ['$KV.sessions.s', '$KV.session-meta.s', '$KV.runners.r', '$KV.owners.s', '$KV.notifications.vapid'],
    ],
    ['authenticator', 'log', ['audit.runner_refused', `${LOG_API}.DIRECT.GET.SESSIONS`]],
    ['authenticator', 'state', ['$KV.owners.s', '$KV.blob-owners.x', '$KV.api-keys.x']],
  ] as const)('%s may publish, in the account of the %s', async (role, account, subjects) => {
    for (const subject of subjects) expect(await publish(login(role, account), subject), subject).toBe('ok');
  });

  it.each([
    [
      'gateway',
      'log',
      [
        'session.s.events',
        'runner.r.events',
        'runner.r.terminals.t_x',
        'live.session.s.events',
        '$KV.leases.session.s',
      ],
    ],
    ['gateway', 'state', ['$KV.projector.x', '$KV.runners.r', '$SYS.REQ.USER.AUTH']],
    ['projector', 'log', ['runner.r.events', 'audit.login', '$KV.leases.session.s', 'desk.purge', 'gateway.spawns']],
    ['projector', 'state', ['$KV.accounts.x', '$KV.api-keys.x', '$O.session-blobs.M.x']],
    ['authenticator', 'log', ['session.s.events', 'runner.r.cmd', '$KV.leases.session.s']],
    ['authenticator', 'state', ['$KV.accounts.x', '$KV.sessions.s', '$KV.shares.x', '$KV.notifications.vapid']],
  ] as const)('%s may not publish, in the account of the %s', async (role, account, subjects) => {
    for (const subject of subjects) expect(await publish(login(role, account), subject), subject).toMatch(REFUSED);
  });

  it('never changes, purges or deletes what is stored: that is the provisioner’s', async () => {
    for (const verb of ['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'MSG.DELETE', 'RESTORE', 'SNAPSHOT']) {
      for (const role of ['gateway', 'projector', 'authenticator'] as const) {
        for (const account of ['log', 'state'] as const) {
          const answer = await publish(login(role, account), `$JS.API.STREAM.${verb}.SESSIONS`);
          expect(answer, `${role} ${account} ${verb}`).toMatch(REFUSED);
        }
      }
      expect(await publish(auditor(), `$JS.API.STREAM.${verb}.SESSIONS`), verb).toMatch(REFUSED);
    }
    expect(await publish(login('admin'), '$JS.API.STREAM.PURGE.NONE')).toBe('ok');
  });

  it('hears nothing that is not meant for it: no other’s inbox, no question about who may connect', async () => {
    for (const role of ['gateway', 'projector'] as const) {
      for (const account of ['log', 'state'] as const) {
        for (const subject of ['>', '_INBOX.>', '$SYS.>', '$SYS.REQ.USER.AUTH', 'desk.>', '$KV.>']) {
          const answer = await subscribe(login(role, account), subject);
          expect(answer, `${role} ${account} ${subject}`).toMatch(REFUSED);
        }
      }
    }
  });
});

describe('the authenticator', () => {
  it('finds and ends connections of hosts, and asks the server for nothing else', async () => {
    expect(await publish(login('authenticator'), '$SYS.REQ.SERVER.PING.CONNZ')).toBe('ok');
    for (const subject of ['$SYS.REQ.SERVER.X.RELOAD', '$SYS.REQ.CLAIMS.UPDATE', '$SYS.REQ.SERVER.PING.SUBSZ'])
      expect(await publish(login('authenticator'), subject), subject).toMatch(REFUSED);
    expect(await subscribe(login('authenticator'), '$SYS.>')).toMatch(REFUSED);
  });
});

describe('an auditor', () => {
  it('watches every log', async () => {
    for (const subject of ['session.*.events', 'live.session.*.events', 'runner.*.cmd', 'audit.>', '_INBOX.x']) {
      expect(await subscribe(auditor(), subject), subject).toBe('ok');
    }
    expect(await publish(auditor(), `${LOG_API}.STREAM.INFO.SESSIONS`)).toBe('ok');
  });

  it('sees no terminal of a host', async () => {
    for (const subject of ['runner.*.terminals.*', 'runner.>', 'runner.r.terminals.t_x'])
      expect(await subscribe(auditor(), subject), subject).toMatch(REFUSED);
  });

  it('changes nothing', async () => {
    for (const subject of ['session.s.events', 'runner.r.cmd', '$KV.leases.x', 'audit.login', 'desk.purge']) {
      expect(await publish(auditor(), subject), subject).toMatch(REFUSED);
    }
    expect(await subscribe(auditor(), '>')).toMatch(REFUSED);
  });
});
