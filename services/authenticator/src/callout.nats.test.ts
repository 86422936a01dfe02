import {
  bucket,
  connectBackbone,
  consumeStream,
  AUDIT_STREAM,
  claimSession,
  runnerOwnerKey,
  runnerOwnerRows,
  stateSeedOf,
} from '@pizzapi/backbone';
import { decode, IMPORTED, natsUserOf, newId, runnerPassword, type HostLogin } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_FAILED_LOGINS } from './failedLoginLimiter.js';
import { Grants } from './grants.js';
import { hostPermissions } from './permissions.js';
import { say, startSecuredNats, talk, type RawLogin, type SecuredNats } from './testing/index.js';

const SECRET = 'a-secret-of-this-host';
const REFUSED = /Permissions Violation/;
const UNAUTHORIZED = /Authorization Violation/;

let s: SecuredNats;
let grants: Grants;
beforeAll(async () => {
  s = await startSecuredNats();
  grants = new Grants(s.credentials.issuerSeed);
});
afterAll(() => s.stop());

const daemon = (rid: string, token: string, secret = SECRET, kind: 'runner' | 'keeper' = 'runner'): RawLogin => ({
  user: natsUserOf({ kind, rid }),
  pass: runnerPassword(token, secret),
});

/** A runner of this account that has connected once. */
async function runnerOf(userId: string): Promise<{ rid: string; token: string; login: RawLogin }> {
  const rid = newId('r');
  const token = await s.newRunnerToken(userId);
  const login = daemon(rid, token);
  expect(await say(s.nats.port, login, '')).toBe('ok');
  return { rid, token, login };
}

/** A session of a runner, and the login of its worker. */
async function sessionOf(userId: string, rid: string): Promise<{ sid: string; epoch: number; login: RawLogin }> {
  const sid = newId('s');
  const claim = await claimSession(s.admin, { sid, userId, runnerId: rid });
  if (claim.kind !== 'granted') throw new Error('refused');
  return { sid, epoch: claim.epoch, login: worker(sid, grants.mint({ sid, rid, userId, epoch: claim.epoch })) };
}

const worker = (sid: string, grant: string): RawLogin => ({ user: natsUserOf({ kind: 'session', sid }), pass: grant });
const pub = (subject: string): string => `PUB ${subject} 2\r\nhi`;

describe('a daemon is let in', () => {
  it('with a runner token, and as the library connects', async () => {
    const { rid, token } = await runnerOf('ann');
    const login: HostLogin = { kind: 'runner', rid };
    const b = await connectBackbone({
      url: s.url,
      name: 'runner',
      host: login,
      password: runnerPassword(token, SECRET),
    });
    expect(b.status()).toBe('connected');
    await b.close();
  });

  it('and not with a mistyped, unknown, or expired token, or a person’s key', async () => {
    const { rid, token } = await runnerOf('ann');
    const expired = await s.newRunnerToken('ann', { expiresAt: Date.now() - 1 });
    for (const wrong of [`${token.slice(0, -1)}_`, expired, `pzk_${token.slice(4)}`, '']) {
      expect(await say(s.nats.port, daemon(rid, wrong), ''), wrong).toMatch(UNAUTHORIZED);
    }
    expect(await say(s.nats.port, { user: 'pizzapi-auditor', pass: 'guess' }, '')).toMatch(UNAUTHORIZED);
    expect(await say(s.nats.port, { user: 'somebody', pass: token }, '')).toMatch(UNAUTHORIZED);
  });

  it('and not when its account is disabled', async () => {
    const { login } = await runnerOf('bad');
    await s.disableAccount('bad');
    expect(await say(s.nats.port, login, '')).toMatch(UNAUTHORIZED);
  });

  it('under an id that nobody else has: of two at once one gets it, and keeps it', async () => {
    const rid = newId('r');
    const [ann, bob] = await Promise.all([s.newRunnerToken('ann'), s.newRunnerToken('bob')]);
    const logins = [daemon(rid, ann), daemon(rid, bob, 'a-secret-of-another-host')];
    const answers = await Promise.all(logins.map((login) => say(s.nats.port, login, '')));
    expect(answers.toSorted()).toEqual(["-ERR 'Authorization Violation'", 'ok']);
    const winner = answers.indexOf('ok');
    expect(await say(s.nats.port, logins[winner]!, '')).toBe('ok');
    const rows = await auditRows('runner_refused', ({ login }) => login === `runner.${rid}`);
    expect(rows).toMatchObject([{ code: 'runner_claimed', userId: winner === 0 ? 'bob' : 'ann', ip: '127.0.0.1' }]);
    expect(JSON.stringify(rows)).not.toContain('pzr_');
  });

  it('from another host of the same account only with the same secret', async () => {
    const { rid, token } = await runnerOf('ann');
    expect(await say(s.nats.port, daemon(rid, token, 'the-secret-of-a-copy'), '')).toMatch(UNAUTHORIZED);
  });

  it('and not under the id of imported sessions, which is no runner', async () => {
    const token = await s.newRunnerToken('ann');
    expect(await say(s.nats.port, daemon(IMPORTED, token), '')).toMatch(UNAUTHORIZED);
  });

  it('and, after its account forgot it, only with a token that was made later', async () => {
    const { rid, token, login } = await runnerOf('ann');
    const { login: session } = await sessionOf('ann', rid);
    expect(await say(s.nats.port, login, '')).toBe('ok');
    const rows = runnerOwnerRows(s.admin);
    const { value, revision } = (await rows.get(runnerOwnerKey(rid)))!;
    const { keyHash: _, ...kept } = value;
    await rows.update(runnerOwnerKey(rid), { ...kept, forgottenAt: Date.now() }, revision);
    for (const refused of [login, session, daemon(rid, token)])
      expect(await say(s.nats.port, refused, '')).toMatch(UNAUTHORIZED);
    const later = await s.newRunnerToken('ann', { createdAt: Date.now() + 1_000 });
    expect(await say(s.nats.port, daemon(rid, later, 'the-secret-of-a-copy'), '')).toMatch(UNAUTHORIZED);
    expect(await say(s.nats.port, daemon(rid, later), '')).toBe('ok');
    expect((await rows.get(runnerOwnerKey(rid)))!.value).not.toHaveProperty('forgottenAt');
  });
});

describe('a worker is let in', () => {
  it('with the grant of its session, also of an epoch that is over, so that it can ask for another', async () => {
    const { rid } = await runnerOf('ann');
    const { sid, login } = await sessionOf('ann', rid);
    expect(await say(s.nats.port, login, '')).toBe('ok');
    await claimSession(s.admin, { sid, userId: 'ann', runnerId: rid });
    expect(await say(s.nats.port, login, '')).toBe('ok');
  });

  it('and not with a tampered, foreign or made-up grant, nor with a runner token', async () => {
    const { rid, token } = await runnerOf('ann');
    const { sid, epoch, login } = await sessionOf('ann', rid);
    const other = await sessionOf('ann', rid);
    const grant = (login as { pass: string }).pass;
    const flipped = `${grant.startsWith('A') ? 'B' : 'A'}${grant.slice(1)}`;
    const another = new Grants('SA-another-issuer').mint({ sid, rid, userId: 'ann', epoch });
    for (const wrong of [flipped, another, (other.login as { pass: string }).pass, token, `${token}.${SECRET}`, '.']) {
      expect(await say(s.nats.port, worker(sid, wrong), ''), wrong).toMatch(UNAUTHORIZED);
    }
  });

  it('and not when the session went to another host, or was deleted', async () => {
    const [first, second] = [await runnerOf('ann'), await runnerOf('ann')];
    const { sid, login } = await sessionOf('ann', first.rid);
    await claimSession(s.admin, { sid, userId: 'ann', runnerId: second.rid });
    expect(await say(s.nats.port, login, '')).toMatch(UNAUTHORIZED);
    const gone = await sessionOf('ann', first.rid);
    await bucket(s.admin, 'owners').delete(gone.sid);
    expect(await say(s.nats.port, gone.login, '')).toMatch(UNAUTHORIZED);
  });

  it('and not when the token of its runner was revoked', async () => {
    const { rid, token } = await runnerOf('ann');
    const { login } = await sessionOf('ann', rid);
    await s.revokeToken(token);
    expect(await say(s.nats.port, login, '')).toMatch(UNAUTHORIZED);
  });
});

describe('a host may', () => {
  it('what the table says: a daemon', async () => {
    const { rid, login } = await runnerOf('ann');
    const { publish, subscribe } = hostPermissions({ kind: 'runner', rid });
    for (const subject of publish)
      expect(await say(s.nats.port, login, pub(subject.replace('*', 'x'))), subject).toBe('ok');
    for (const subject of subscribe) expect(await say(s.nats.port, login, `SUB ${subject} 1`), subject).toBe('ok');
  });

  it('what the table says: a worker', async () => {
    const { rid } = await runnerOf('ann');
    const { sid, login } = await sessionOf('ann', rid);
    const { publish, subscribe } = hostPermissions({ kind: 'session', sid });
    for (const subject of publish) expect(await say(s.nats.port, login, pub(subject)), subject).toBe('ok');
    for (const subject of subscribe) expect(await say(s.nats.port, login, `SUB ${subject} 1`), subject).toBe('ok');
  });

  it('what the table says: a keeper, for the sessions its runner has when it connects', async () => {
    const { rid, token } = await runnerOf('ann');
    const before = await sessionOf('ann', rid);
    const login = daemon(rid, token, SECRET, 'keeper');
    // Granted past the desk, which waits until the authenticator has heard of it.
    const mayWrite = (sid: string) =>
      expect.poll(() => say(s.nats.port, login, pub(`session.${sid}.events`))).toBe('ok');
    await mayWrite(before.sid);
    const keeper = await talk(s.nats.port, login);
    expect(await keeper.say('')).toBe('ok');
    const after = await sessionOf('ann', rid);
    expect(await keeper.say(pub(`session.${before.sid}.events`))).toBe('ok');
    expect(await keeper.say(pub(`session.${after.sid}.events`))).toMatch(REFUSED);
    keeper.close();
    await mayWrite(after.sid);
  });
});

/** What every host would like to, and may not. */
const NOBODY: readonly string[] = [
  ...['session.victim.events', 'session.victim.deltas', 'session.victim.partial', 'runner.victim.events'],
  ...[
    'runner.victim.cmd',
    'runner.victim.rpc.status',
    'runner.victim.terminals.t_x',
    'desk.session.victim',
    'desk.runner.victim',
    'desk.purge',
  ],
  ...[
    'live.session.victim.events',
    'audit.login',
    '_INBOX.x',
    '_INBOX_session_victim.x',
    '$JS.ACK.COMMANDS.x.1.1.1.1.1',
  ],
  ...['$KV.leases.session.victim', '$KV.leases.projector', '$KV.accounts.user.x', '$KV.owners.x', '$KV.api-keys.x'],
  ...['$O.session-blobs.M.x', '$SYS.REQ.USER.AUTH', '$SYS.REQ.SERVER.PING.CONNZ', '$SYS.REQ.SERVER.PING.VARZ'],
  ...['INFO', 'STREAM.NAMES', 'STREAM.LIST', 'STREAM.INFO.SESSIONS', 'STREAM.MSG.GET.SESSIONS'].map(api),
  ...['STREAM.PURGE.SESSIONS', 'STREAM.DELETE.SESSIONS', 'STREAM.UPDATE.SESSIONS', 'STREAM.CREATE.X'].map(api),
  ...['STREAM.MSG.DELETE.SESSIONS', 'STREAM.SNAPSHOT.SESSIONS', 'DIRECT.GET.SESSIONS', 'DIRECT.GET.COMMANDS'].map(api),
  ...['DIRECT.GET.SESSIONS.session.victim.events', 'DIRECT.GET.KV_leases', 'DIRECT.GET.KV_accounts'].map(api),
  ...['CONSUMER.CREATE.SESSIONS', 'CONSUMER.CREATE.SESSIONS.x', 'CONSUMER.CREATE.SESSIONS.x.session.victim.events'].map(
    api,
  ),
  ...['CONSUMER.DURABLE.CREATE.SESSIONS.x', 'CONSUMER.MSG.NEXT.SESSIONS.x', 'CONSUMER.LIST.COMMANDS'].map(api),
  ...[
    'CONSUMER.CREATE.COMMANDS.x',
    'CONSUMER.CREATE.COMMANDS.x.runner.victim.cmd',
    'CONSUMER.MSG.NEXT.COMMANDS.victim',
    'CONSUMER.NAMES.COMMANDS',
  ].map(api),
];
const SILENT: readonly string[] = [
  ...['>', '*.>', 'session.>', 'session.*.events', 'session.victim.partial', 'live.>', 'live.session.victim.events'],
  ...[
    'runner.*.cmd',
    'runner.victim.rpc.*',
    'runner.*.terminals.*',
    'runner.victim.terminals.t_x',
    'audit.>',
    '_INBOX.>',
    '_INBOX_session_victim.>',
    '_INBOX_runner_victim.>',
  ],
  ...['$KV.>', '$KV.leases.>', '$O.>', '$SYS.>', '$JS.>', 'desk.>', '$JS.API.>'],
];
function api(subject: string): string {
  return `$JS.API.${subject}`;
}

describe('no host may', () => {
  it.each(['runner', 'keeper', 'session'] as const)(
    '%s: publish, read, list or hear what is another’s',
    async (kind) => {
      const { rid, token } = await runnerOf('ann');
      const session = await sessionOf('ann', rid);
      const client = await talk(s.nats.port, kind === 'session' ? session.login : daemon(rid, token, SECRET, kind));
      for (const subject of NOBODY) expect(await client.say(pub(subject)), `PUB ${subject}`).toMatch(REFUSED);
      for (const subject of SILENT) expect(await client.say(`SUB ${subject} 1`), `SUB ${subject}`).toMatch(REFUSED);
      if (kind === 'runner') expect(await client.say(pub(`session.${session.sid}.events`))).toMatch(REFUSED);
      client.close();
    },
  );
});

describe('over WebSocket, which everyone can reach through a gateway', () => {
  const through = (from?: string) => ({ url: s.nats.webSocketUrl, ...(from === undefined ? {} : { from }) });

  it('a host connects with what it connects with elsewhere', async () => {
    const { login } = await runnerOf('webUser');
    expect(await say(through(), login, '')).toBe('ok');
    expect(await say(through(), daemon('r-other', 'pzr_wrong'), '')).toMatch(UNAUTHORIZED);
  });

  it('no service and no auditor connects', async () => {
    const { user, password } = s.credentials.auditor;
    for (const role of ['admin', 'gateway', 'projector', 'authenticator'] as const)
      for (const nkey of [s.credentials[role].nkeySeed, stateSeedOf(s.credentials[role].nkeySeed)])
        expect(await say(through(), { nkey }, ''), role).toMatch(UNAUTHORIZED);
    expect(await say(through(), { user, pass: password }, '')).toMatch(UNAUTHORIZED);
    expect(await say(s.nats.port, { user, pass: password }, '')).toBe('ok');
  });

  it('refusals are recorded, and do not count against the address of the gateway', async () => {
    const rid = newId('r');
    const guesses = Array.from({ length: MAX_FAILED_LOGINS + 1 }, (_, at) => daemon(rid, `pzr_guess${at}`));
    for (let at = 0; at < guesses.length; at += 100)
      await Promise.all(guesses.slice(at, at + 100).map((guess) => say(through('203.0.113.9'), guess, '')));
    expect(await auditRows('runner_refused', ({ login }) => login === `runner.${rid}`)).not.toEqual([]);
    const { login } = await runnerOf('webUser');
    expect(await say(through(), login, '')).toBe('ok');
  });
});

/** The rows of the audit log of one kind that hold, once there is one. */
async function auditRows(
  kind: string,
  holds: (row: Record<string, unknown>) => boolean,
): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  const stop = new AbortController();
  await consumeStream(s.admin, AUDIT_STREAM, {
    after: 0,
    filter: `audit.${kind}`,
    signal: stop.signal,
    onBatch: (batch) => {
      rows.push(...batch.map(({ payload }) => decode(payload) as Record<string, unknown>).filter(holds));
      if (rows.length > 0) stop.abort();
    },
  });
  return rows;
}
