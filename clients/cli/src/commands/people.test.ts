import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_EXPIRY } from '@pizzapi/protocol';
import { run } from '../testing/run.js';
import { ok, refuse, scriptedApi, type ScriptedApi } from '../testing/scriptedApi.js';

let api: ScriptedApi;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  api = await scriptedApi();
  env = { PIZZAPI_HOME: '/nowhere', PIZZAPI_RELAY_URL: api.url, PIZZAPI_API_KEY: 'pzk_mine' };
});
afterEach(() => api.close());

const cli = (...argv: string[]) => run(argv, { env });
const last = () => api.requests.at(-1)!;
const HOUR = 3_600_000;

describe('usage', () => {
  const GIB = 1024 ** 3;
  const stored = (used: number) => {
    const uses = [{ of: 'account', used: used * GIB, limit: 20 * GIB }];
    const sessions = [{ sessionId: 's1', name: 'Large', files: 1.5 * GIB, log: 2048, limit: 2 * GIB }];
    api.script['GET /api/usage'] = () => ok({ uses, sessions });
    return { uses, sessions };
  };

  it('usage prints what is stored and which sessions use the most', async () => {
    stored(3);
    const { code, stdout, stderr } = await cli('usage');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      'The account holds 3 GiB of at most 20 GiB.',
      '',
      'SESSION  FILES    LOG    NAME',
      's1       1.5 GiB  2 KiB  Large',
      '',
    ]);
  });

  it('usage points to deleting a session, which needs a confirmation', async () => {
    api.script['DELETE /api/sessions/s1'] = () => ({ status: 204 });
    const refused = await cli('delete', 's1');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/^bad_option: This deletes s1 permanently; add --yes/);
    expect(api.requests).toEqual([]);
    expect(await cli('delete', 's1', '--yes')).toMatchObject({ code: 0, stdout: 'Deleted: s1\n', stderr: '' });
    expect(last().route).toBe('DELETE /api/sessions/s1');
  });

  it('usage warns from 80 % of a limit on, and prints JSON', async () => {
    const whole = stored(17);
    expect((await cli('usage')).stderr).toMatch(/^The account holds 17 GiB of at most 20 GiB\. Delete unused sessions/);
    const { stdout, stderr } = await cli('usage', '--json');
    expect({ printed: JSON.parse(stdout) as unknown, stderr }).toEqual({ printed: whole, stderr: '' });
  });
});

describe('share', () => {
  const link = () => ({
    shareUrl: `${api.url}/s/s1#share=a.b.c`,
    token: 'a.b.c',
    shareId: 'sh1',
    mode: 'read',
    expiresAt: Date.now() + 24 * HOUR,
  });
  beforeEach(() => {
    api.script['POST /api/sessions/s1/shares'] = () => ({ status: 201, body: link() });
  });

  it('share prints only the link on stdout, and its rights and how to revoke it on stderr', async () => {
    const { code, stdout, stderr } = await cli('share', 's1');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${api.url}/s/s1#share=a.b.c\n` });
    expect(last()).toMatchObject({ body: { mode: 'read' }, bearer: 'pzk_mine' });
    expect(stderr).toMatch(/is read-only and expires at \d{4}-\d\d-\d\d \d\d:\d\d UTC \(in 24 h\)\./);
    expect(stderr).toContain('pizzapi share s1 --revoke sh1');
    expect(stderr).not.toContain('▀');
  });

  it('share shows a QR code on a terminal, unless --no-qr is given', async () => {
    // No other device can open an address of this machine.
    const local = (await run(['share', 's1'], { env, columns: 120 })).stderr;
    expect([local.includes('▀'), local.includes('npm start -- --lan')]).toEqual([false, true]);
    const shortUrl = 'http://192.168.1.5:7492/l#abcdefghijklmnop';
    api.script['POST /api/sessions/s1/shares'] = () => ({ status: 201, body: { ...link(), shortUrl } });
    const shown = await run(['share', 's1'], { env, columns: 120 });
    expect(shown.stdout).toBe(`${shortUrl}\n`);
    expect(shown.stderr).toContain('▀▀▀▀');
    expect((await run(['share', 's1', '--no-qr'], { env, columns: 120 })).stderr).not.toContain('▀');
  });

  it('share requests the given mode and expiry, and prints JSON', async () => {
    const { stdout, stderr } = await cli('share', 's1', '--collab', '--expires', '2h', '--json');
    expect(last().body).toEqual({ mode: 'collab', expiresIn: '2h' });
    expect(JSON.parse(stdout)).toMatchObject({ shareId: 'sh1', token: 'a.b.c' });
    expect(stderr).toBe('');
  });

  it('share creates a link that allows approvals, and refuses two modes at once', async () => {
    api.script['POST /api/sessions/s1/shares'] = () => ({ status: 201, body: { ...link(), mode: 'approve' } });
    const { stderr } = await cli('share', 's1', '--approve');
    expect(last().body).toEqual({ mode: 'approve' });
    expect(stderr).toContain('allows reading, writing and approving');
    expect(stderr).toContain('make the agent do anything that it can do');
    expect(await cli('share', 's1', '--approve', '--collab')).toMatchObject({ code: 2, stdout: '' });
  });

  it('share lists links, including expired and revoked links', async () => {
    const now = Date.now();
    const shares = [
      { shareId: 'a', mode: 'collab', createdAt: now - 2 * HOUR, expiresAt: now + 3 * HOUR },
      { shareId: 'b', mode: 'read', createdAt: now, expiresAt: now + HOUR, revokedAt: now },
      { shareId: 'c', mode: 'read', createdAt: now, expiresAt: now - 1 },
      {
        ...{ shareId: 'd', mode: 'read', createdAt: now, expiresAt: NO_EXPIRY },
        person: { userId: 'u_1', name: 'Ada', givenAs: 'ada@example.com' },
      },
    ];
    api.script['GET /api/sessions/s1/shares'] = () => ok({ shares });
    expect((await cli('share', 's1', '--list')).stdout.split('\n')).toEqual([
      'LINK  MODE    MADE  ENDS     WITH',
      'a     collab  2h    in 3 h   by link',
      'b     read    now   revoked  by link',
      'c     read    now   expired  by link',
      'd     read    now   never    Ada (ada@example.com)',
      '',
    ]);
    expect((await cli('share', 's1', '--list', '--json')).stdout.trim().split('\n')).toHaveLength(4);
  });

  it('share revokes one link or all links', async () => {
    api.script['DELETE /api/sessions/s1/shares/sh1'] = () => ({ status: 204 });
    api.script['DELETE /api/sessions/s1/shares'] = () => ({ status: 204 });
    expect(await cli('share', 's1', '--revoke', 'sh1')).toMatchObject({ code: 0, stderr: '' });
    expect(await cli('share', 's1', '--revoke-all')).toMatchObject({ code: 0, stderr: '' });
    expect(api.requests.map(({ route }) => route).filter((route) => route.startsWith('DELETE'))).toEqual([
      'DELETE /api/sessions/s1/shares/sh1',
      'DELETE /api/sessions/s1/shares',
    ]);
  });

  it.each([
    [
      ['share', 's1', '--expires', 'tomorrow'],
      2,
      'bad_option: --expires is "tomorrow", but takes a number followed by',
    ],
    [['share', 's1', '--expires', '0h'], 2, 'bad_option: --expires is "0h"'],
    [['share', 's1', '--revoke', 'a.b'], 1, 'invalid_id: "a.b"'],
    [['share', 's1', '--list', '--revoke-all'], 2, "bad_option: Option '--list' cannot be used with option"],
    [['share', 's1', '--list', '--collab'], 2, "bad_option: Option '--list' cannot be used with option"],
  ])('the command line %j is refused without a request to the gateway', async (argv, exit, sentence) => {
    const { code, stdout, stderr } = await cli(...argv);
    expect({ code, stdout, requests: api.requests }).toEqual({ code: exit, stdout: '', requests: [] });
    expect(stderr).toContain(sentence);
  });

  it('share prints the error code for a session that does not exist', async () => {
    api.script['POST /api/sessions/s1/shares'] = () => refuse(404, 'session_not_found');
    expect((await cli('share', 's1')).stderr).toMatch(/^session_not_found: .*pizzapi sessions/);
  });
});

describe('keys', () => {
  const key = { id: 'k1', kind: 'user', name: 'ci', hint: 'pzk_abcd', createdAt: Date.now() - HOUR };

  it('keys lists keys with the time and the address of their last use', async () => {
    const used = { lastUsedAt: Date.now(), lastUsedFrom: '10.0.0.9', expiresAt: Date.now() + 24 * HOUR };
    api.script['GET /api/keys'] = () => ok({ keys: [key, { ...key, ...used, id: 'k2', kind: 'runner', name: 'box' }] });
    const rows = [
      'KEY  FOR     BEGINS    MADE  USED          ENDS     NAME',
      'k1   user    pzk_abcd  1h    never                  ci',
      'k2   runner  pzk_abcd  1h    now 10.0.0.9  in 24 h  box',
      '',
    ].join('\n');
    expect((await cli('keys')).stdout).toBe(rows);
    expect((await cli('keys', 'list')).stdout).toBe(rows);
  });

  it('keys create prints the new key once, as the only line on stdout', async () => {
    api.script['POST /api/keys'] = () => ({ status: 201, body: { key, token: 'pzr_secret' } });
    const { stdout, stderr } = await cli('keys', 'create', 'box', '--runner', '--expires', '30d');
    expect(stdout).toBe('pzr_secret\n');
    expect(stderr).toContain('PIZZAPI_RUNNER_TOKEN');
    expect(stderr).not.toContain('pzr_secret');
    expect(last().body).toEqual({ name: 'box', kind: 'runner', expiresIn: '30d' });
    await cli('keys', 'create', 'ci');
    expect(last().body).toEqual({ name: 'ci', kind: 'user' });
  });

  it('keys revoke makes a key invalid', async () => {
    api.script['DELETE /api/keys/k1'] = () => ({ status: 204 });
    expect(await cli('keys', 'revoke', 'k1')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Revoked: k1/) as string,
    });
    api.script['DELETE /api/keys/k1'] = () => refuse(404, 'key_not_found');
    expect((await cli('keys', 'revoke', 'k1')).stderr).toMatch(/^key_not_found: .*pizzapi keys/);
  });

  it('keys never prints a key that is given in place of an id', async () => {
    const token = `pzk_${'x'.repeat(70)}`;
    expect((await cli('keys', 'revoke', token)).stderr).not.toContain(token.slice(0, 20));
  });
});

describe('users', () => {
  const ada = { userId: 'u_1', name: 'Ada', email: 'Ada@example.com', role: 'member', createdAt: 0, disabled: false };
  beforeEach(() => {
    const owner = {
      userId: 'owner',
      name: 'O\u001b[2J',
      role: 'admin',
      createdAt: 0,
      lastSeenAt: Date.now(),
      disabled: false,
    };
    api.script['GET /api/users'] = () => ok({ users: [owner, { ...ada, disabled: true }] });
    api.script['PATCH /api/users/u_1'] = () => ok({});
  });

  it('users lists accounts, and prints their names without escape sequences', async () => {
    expect((await cli('users')).stdout.split('\n')).toEqual([
      'USER   ROLE    STATE     SEEN   E-MAIL           NAME',
      'owner  admin   active    now                     O',
      'u_1    member  disabled  never  Ada@example.com  Ada',
      '',
    ]);
  });

  it('users disable and users enable take the id or the address of an account', async () => {
    expect(await cli('users', 'disable', 'ada@Example.com')).toMatchObject({ code: 0 });
    expect(last()).toMatchObject({ route: 'PATCH /api/users/u_1', body: { disabled: true } });
    expect(await cli('users', 'enable', 'u_1')).toMatchObject({ code: 0 });
    expect(last()).toMatchObject({ route: 'PATCH /api/users/u_1', body: { disabled: false } });
    expect((await cli('users', 'disable', 'unknown@example.com')).stderr).toMatch(/^user_not_found: No account has/);
  });

  it('users is refused to an account that is not an admin', async () => {
    api.script['GET /api/users'] = () => refuse(403, 'forbidden');
    expect(await cli('users')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^forbidden: /) as string });
  });
});

describe('audit', () => {
  /** Rows 1 to 1,200. Each reply holds the newest rows before an offset, newest first, as the API returns them. */
  let newest: number;
  beforeEach(() => {
    newest = 1_200;
    api.script['GET /api/audit'] = ({ query }) => {
      const { before = newest + 1, limit } = { before: undefined, ...query } as unknown as {
        before?: number;
        limit: string;
      };
      const from = Number(before) - 1;
      const seqs = Array.from({ length: Math.min(from, Number(limit)) }, (_, i) => from - i);
      const rows = seqs.map((seq) => ({ seq, kind: 'input', at: 0, userId: 'owner', via: 'api', sessionId: 's1' }));
      const next = seqs.at(-1);
      return ok({ rows, ...(next === undefined || next === 1 ? {} : { next }) });
    };
  });

  it('audit prints the newest row last', async () => {
    expect((await cli('audit', '--limit', '2')).stdout.split('\n')).toEqual([
      '   1199 1970-01-01 00:00:00  input             owner wrote to s1',
      '   1200 1970-01-01 00:00:00  input             owner wrote to s1',
      '',
    ]);
  });

  it('audit reads several pages when one reply does not hold enough rows, and no more than requested', async () => {
    const { stdout } = await cli('audit', '--limit', '1100', '--json', '--kind', 'input');
    const seqs = stdout
      .trim()
      .split('\n')
      .map((json) => (JSON.parse(json) as { seq: number }).seq);
    expect([seqs.length, seqs[0], seqs.at(-1)]).toEqual([1_100, 101, 1_200]);
    expect(api.requests.map(({ query }) => query)).toEqual([
      { limit: '500', kind: 'input' },
      { limit: '500', kind: 'input', before: '701' },
      { limit: '100', kind: 'input', before: '201' },
    ]);
  });

  it('audit --follow prints each new row once, in order, until Ctrl-C', async () => {
    const { EventEmitter } = await import('node:events');
    const signals = new EventEmitter();
    let pauses = 0;
    const sleep = async () => {
      pauses += 1;
      if (pauses === 1) newest += 3;
      if (pauses === 3) signals.emit('SIGTERM');
    };
    const { code, stdout } = await run(['audit', '--follow', '--limit', '1', '--json'], {
      env,
      io: { signals, sleep },
    });
    const seqs = stdout
      .trim()
      .split('\n')
      .map((json) => (JSON.parse(json) as { seq: number }).seq);
    expect({ code, seqs }).toEqual({ code: 0, seqs: [1_200, 1_201, 1_202, 1_203] });
  });

  it.each([
    [['--limit', '0'], '--limit is "0"'],
    [['--limit', 'all'], '--limit is "all"'],
    [['--kind', 'a.b'], '--kind is "a.b"'],
  ])('the audit options %j are refused', async (flags, sentence) => {
    const { code, stderr } = await cli('audit', ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(`bad_option: ${sentence}`);
  });
});

describe('share with a person', () => {
  it('share --with shares with an account and says how to revoke it', async () => {
    const person = { userId: 'u_1', name: 'Ada', givenAs: 'ada@example.com' };
    api.script['POST /api/sessions/s1/people'] = () => ({
      status: 201,
      body: { shareId: 'sh2', mode: 'collab', createdAt: 1, expiresAt: NO_EXPIRY, person },
    });
    const { code, stdout, stderr } = await cli('share', 's1', '--with', 'ada@example.com', '--collab');
    expect({ code, body: last().body }).toEqual({ code: 0, body: { person: 'ada@example.com', mode: 'collab' } });
    expect(stdout).toContain('Ada has the session under “Shared with me”');
    expect(stderr).toContain('pizzapi share s1 --revoke sh2');
    expect(await cli('share', 's1', '--with', 'a@b', '--expires', '2h')).toMatchObject({ code: 2 });
  });
});

describe('users invite', () => {
  const HOURS = (n: number) => Date.now() + n * HOUR;
  const invitation = (more: object = {}) => ({
    ...{ id: 'i_1', state: 'open', createdBy: 'owner', createdAt: Date.now(), expiresAt: HOURS(48), ...more },
  });

  it('users invite prints the link alone on stdout', async () => {
    const url = 'https://relay.example/invite#token';
    api.script['POST /api/invitations'] = () => ({ status: 201, body: { url, invitation: invitation() } });
    const { code, stdout, stderr } = await cli('users', 'invite', '--note', 'Ada', '--expires', '2d');
    expect({ code, stdout, body: last().body }).toEqual({
      code: 0,
      stdout: `${url}\n`,
      body: { note: 'Ada', expiresIn: '2d' },
    });
    expect(stderr).toContain('pizzapi users invite --revoke i_1');
  });

  it('users invite lists invitations with their state, and revokes one', async () => {
    const invitations = [
      invitation({ note: 'Ada' }),
      invitation({ id: 'i_2', state: 'used', usedBy: 'u_1', usedAt: Date.now() }),
    ];
    api.script['GET /api/invitations'] = () => ok({ invitations });
    expect((await cli('users', 'invite', '--list')).stdout.split('\n')).toEqual([
      expect.stringMatching(/^INVITATION +STATE +MADE +ENDS +ACCOUNT +NOTE$/) as string,
      expect.stringMatching(/^i_1 +open +now +in \S+( \w+)? +Ada$/) as string,
      expect.stringMatching(/^i_2 +used +now +u_1$/) as string,
      '',
    ]);
    api.script['DELETE /api/invitations/i_1'] = () => ({ status: 204 });
    expect(await cli('users', 'invite', '--revoke', 'i_1')).toMatchObject({ code: 0, stderr: '' });
  });
});
