import { createHmac } from 'node:crypto';
import { AUDIT_STREAM, shareRows, streamHead } from '@pizzapi/backbone';
import { localToken, mintLinkToken, mintToken } from '@pizzapi/process';
import type { SessionInfo } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MAX_LIVE_SHARES } from './auth/shareStore.js';
import { ShareTokens } from './auth/shareTokens.js';
import { auditRows } from './testing/auditRows.js';
import { Browser, pageOf } from './testing/browser.js';
import type { TestClient } from './testing/client.js';
import { PATIENT } from './testing/patience.js';
import type { TestPerson } from './testing/people.js';
import type { GatewayScenario } from './testing/scenario.js';
import { failure, SharedSession } from './testing/sharedSession.js';
import { share } from './testing/shares.js';

const HOUR = 3_600_000;
let shared: SharedSession;
let s: GatewayScenario;
let sid: string;
beforeAll(async () => {
  shared = await SharedSession.start();
  ({ s, sid } = shared);
});
afterAll(() => shared.end());

const ask = (...args: Parameters<SharedSession['ask']>) => shared.ask(...args);
const of = (path = '') => shared.path(path);
const make = (json: object) => ask(of('/shares'), { method: 'POST', json });
const upgrade = (...args: Parameters<SharedSession['upgrade']>) => shared.upgrade(...args);

/** A token with one bit of its signature flipped, which still has the letters of a token. */
function flipped(token: string): string {
  const code = token.charCodeAt(token.length - 1);
  const letters = [1, 2, 4, 8, 16, 32].map((bit) => String.fromCharCode(code ^ bit));
  return token.slice(0, -1) + letters.find((letter) => /[A-Za-z0-9_-]/.test(letter))!;
}

describe('a link', () => {
  it('lets people watch for a day unless its maker says otherwise', async () => {
    const lasts = (expiresAt: unknown, hours: number) => {
      // To the second, counted from some moment between the request and its answer.
      expect(expiresAt).toBeGreaterThan(asked + hours * HOUR - 1_000);
      expect(expiresAt).toBeLessThanOrEqual(Date.now() + hours * HOUR);
    };
    const asked = Date.now();
    const { status, body } = await make({});
    const token = body['token'] as string;
    expect({ status, body }).toEqual({
      status: 201,
      body: {
        ...{ token, mode: 'read', shareUrl: `${pageOf(s.url)}/s/${sid}#share=${token}` },
        ...{ shareId: expect.any(String) as string, expiresAt: expect.any(Number) as number },
        ...{ scanUrl: expect.stringMatching(/\/l\/[\w-]{16}$/) as string, scanUntil: expect.any(Number) as number },
        shortUrl: expect.stringMatching(/\/l#[\w-]{16}$/) as string,
        localOnly: true,
      },
    });
    lasts(body['expiresAt'], 24);
    const longest = await make({ mode: 'collab', expiresIn: '30d' });
    lasts(longest.body['expiresAt'], 720);
  });

  it.each([
    ['more than 30 days', { expiresIn: '31d' }],
    ['less than a minute', { expiresIn: '5s' }],
    ['no duration', { expiresIn: 'for ever' }],
    ['another mode', { mode: 'owner' }],
  ])('is not made for %s', async (_what, json) => {
    expect(await make(json)).toMatchObject(failure(400, 'bad_request'));
  });

  it('is listed for its owner, without its token, and leaves rows in the audit log without it', async () => {
    const after = await streamHead(s.b, AUDIT_STREAM);
    const { shareId, token } = await share(s, sid, 'collab');
    await expect
      .poll(async () => (await ask(of('/shares'))).body['shares'])
      .toContainEqual(expect.objectContaining({ shareId, mode: 'collab' }));
    await ask(of(`/shares/${shareId}`), { method: 'PATCH', json: { mode: 'read' } });
    await ask(of(`/shares/${shareId}`), { method: 'DELETE' });
    const listed = (await ask(of('/shares'))).body['shares'] as { shareId: string }[];
    expect(listed.find((each) => each.shareId === shareId)).toMatchObject({
      mode: 'read',
      revokedAt: expect.any(Number) as number,
    });
    const rows = await auditRows(s, after);
    expect(rows.map(({ kind, shareId: id, mode }) => [kind, id, mode])).toEqual([
      ['share_created', shareId, 'collab'],
      ['share_changed', shareId, 'read'],
      ['share_revoked', shareId, undefined],
    ]);
    expect(JSON.stringify([listed, rows])).not.toContain(token.split('.')[2]);
  });

  it('is taken back step by step, and never raised', async () => {
    const after = await streamHead(s.b, AUDIT_STREAM);
    const { shareId } = await share(s, sid, 'approve');
    const change = (mode: string) => ask(of(`/shares/${shareId}`), { method: 'PATCH', json: { mode } });
    const modeNow = async () => {
      const { shares } = (await ask(of('/shares'))).body as { shares: { shareId: string; mode: string }[] };
      return shares.find((each) => each.shareId === shareId)?.mode;
    };
    for (const mode of ['collab', 'collab', 'read']) {
      expect((await change(mode)).status).toBe(204);
      expect(await modeNow()).toBe(mode);
    }
    for (const mode of ['collab', 'approve', 'owner']) {
      expect(await change(mode)).toMatchObject(failure(400, 'bad_request'));
      expect(await modeNow()).toBe('read');
    }
    // What changes nothing leaves no row.
    const changed = (await auditRows(s, after)).filter(({ kind }) => kind === 'share_changed');
    expect(changed.map(({ mode }) => mode)).toEqual(['collab', 'read']);
    const none = await ask(of('/shares/sh_none'), { method: 'DELETE' });
    expect(none).toMatchObject(failure(404, 'share_not_found'));
  });

  it('is one of so many at once', async () => {
    const other = 'many';
    await s.writer(other);
    const rows = shareRows(s.b);
    const row = {
      sessionId: other,
      userId: 'owner',
      mode: 'read',
      createdAt: 1,
      expiresAt: Date.now() + HOUR,
    } as const;
    const ids = Array.from({ length: MAX_LIVE_SHARES }, (_, i) => `sh_${i}`);
    await Promise.all(ids.map((shareId) => rows.put(`${other}.${shareId}`, { ...row, shareId })));
    const path = `/api/sessions/${other}/shares`;
    await expect.poll(async () => (await ask(path)).body['shares']).toHaveLength(MAX_LIVE_SHARES);
    expect(await ask(path, { method: 'POST', json: {} })).toMatchObject(failure(429, 'too_many_requests'));
    await ask(path, { method: 'DELETE' });
    expect((await ask(path, { method: 'POST', json: {} })).status).toBe(201);
  });
});

describe('a token', () => {
  const secretTokens = () => new ShareTokens(s.secret);
  const later = () => Date.now() + HOUR;
  const text = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it.each<[string, () => Promise<string>]>([
    [
      'without an algorithm',
      async () => `${text({ alg: 'none', typ: 'pizzapi-share+jwt' })}.${(await share(s, sid)).token.split('.')[1]}.`,
    ],
    [
      'of an algorithm for public keys',
      async () => {
        const [head, body] = (await share(s, sid)).token.split('.');
        const { kid } = JSON.parse(Buffer.from(head!, 'base64url').toString()) as { kid: string };
        const signed = `${text({ alg: 'RS256', typ: 'pizzapi-share+jwt', kid })}.${body}`;
        return `${signed}.${createHmac('sha256', s.secret).update(signed).digest('base64url')}`;
      },
    ],
    ['with one bit flipped', async () => flipped((await share(s, sid)).token)],
    [
      'that says it may do more',
      async () => {
        const [head, body, signature] = (await share(s, sid)).token.split('.');
        const claims = JSON.parse(Buffer.from(body!, 'base64url').toString()) as object;
        return `${head}.${text({ ...claims, mode: 'collab' })}.${signature}`;
      },
    ],
    [
      'of another relay',
      () => new ShareTokens(Buffer.alloc(32)).sign({ sid, shareId: 'sh_1', mode: 'read', expiresAt: later() }),
    ],
    [
      'of a link that is not stored',
      () => secretTokens().sign({ sid, shareId: 'sh_1', mode: 'read', expiresAt: later() }),
    ],
    [
      'that has expired',
      async () => {
        const row = { shareId: 'sh_old', sessionId: sid, userId: 'owner', mode: 'read', createdAt: 1 } as const;
        await shareRows(s.b).put(`${sid}.sh_old`, { ...row, expiresAt: later() });
        return secretTokens().sign({ sid, shareId: 'sh_old', mode: 'read', expiresAt: Date.now() - 1_000 });
      },
    ],
    [
      'of a link that was revoked',
      async () => {
        const { token, shareId } = await share(s, sid);
        await ask(of(`/shares/${shareId}`), { method: 'DELETE' });
        return token;
      },
    ],
    ['that is a runner’s', async () => mintToken('runner')],
    ['that is a key nobody has', async () => mintToken('user')],
    [
      'that is a browser’s cookie',
      async () => {
        const browser = new Browser(s.url);
        await browser.fetch('/api/auth/link', { token: mintLinkToken(s.secret, Date.now()) });
        return browser.cookie!.split('=')[1]!;
      },
    ],
    ['that is nonsense', async () => 'x'],
  ])('%s is refused, on the upgrade and over HTTP', async (_what, token) => {
    const given = await token();
    expect(await upgrade(given)).toEqual({ status: 403, code: 'forbidden' });
    expect(await ask(of(), { token: given })).toMatchObject(failure(403, 'forbidden'));
  });

  it('opens no other session, there or not, and no answer tells which', async () => {
    await s.writer('another');
    const { token } = await share(s, sid);
    for (const path of ['another', 'nowhere']) {
      expect(await upgrade(token, `/ws/sessions/${path}`)).toEqual({ status: 403, code: 'forbidden' });
    }
    const [there, not] = [await ask('/api/sessions/another', { token }), await ask('/api/sessions/nowhere', { token })];
    expect(there).toMatchObject(failure(403, 'forbidden'));
    expect(there).toEqual(not);
  });

  it('opens nothing of the account', async () => {
    const { token } = await share(s, sid, 'collab');
    for (const path of [
      '/api/sessions',
      '/api/runners',
      '/api/runners/r1',
      '/api/keys',
      '/api/users',
      '/api/audit',
      of('/shares'),
    ])
      expect(await ask(path, { token }), path).toMatchObject(failure(403, 'forbidden'));
    for (const path of ['/ws/hub', '/ws/runners']) expect(await upgrade(token, path)).toMatchObject({ status: 403 });
    expect(await ask('/api/sessions', { method: 'POST', json: {}, token })).toMatchObject(failure(403, 'forbidden'));
    expect(await ask(of(), { method: 'DELETE', token })).toMatchObject(failure(403, 'forbidden'));
    expect(await ask(of('/shares'), { method: 'POST', json: {}, token })).toMatchObject(failure(403, 'forbidden'));
  });
});

describe('what is malformed', () => {
  it.each(['a.b', 'a*', 'a b', 'x'.repeat(65), '%00'])('as the id %j is refused everywhere', async (id) => {
    const path = encodeURIComponent(decodeURIComponent(id));
    expect(await ask(`/api/sessions/${path}`)).toMatchObject(failure(400, 'invalid_id'));
    expect(await ask(`/api/sessions/${path}/shares`, { method: 'POST', json: {} })).toMatchObject(
      failure(400, 'invalid_id'),
    );
    expect(await ask(`/api/runners/${path}`)).toMatchObject(failure(400, 'invalid_id'));
    expect(await upgrade(localToken(s.secret), `/ws/sessions/${path}`)).toEqual({ status: 400, code: 'invalid_id' });
  });
});

describe('a session that is shared with an account', () => {
  const shareWith = (person: string, mode: string) => ask(of('/people'), { method: 'POST', json: { person, mode } });
  const listOf = async ({ token }: TestPerson) =>
    ((await ask('/api/sessions', { token })).body['sessions'] as SessionInfo[]).map(({ sessionId, shared }) => [
      sessionId,
      shared?.mode,
    ]);
  const send = async (socket: TestClient, ref: string, frame: object) => {
    socket.send({ ...frame, ref });
    return vi.waitFor(() => {
      const found = socket.frames.find((one) => one['ref'] === ref);
      expect(found).toBeDefined();
      return found!;
    }, PATIENT);
  };

  it('is in the list of that account and of no other, until it is withdrawn: then its sockets close at once', async () => {
    const [eve, bob] = [await s.person('Eve'), await s.person('Bob')];
    const hub = await s.connect('/ws/hub', { token: eve.token });
    await hub.heard('sessions');
    const after = await streamHead(s.b, AUDIT_STREAM);
    const made = await shareWith(eve.userId, 'collab');
    expect(made).toMatchObject({
      status: 201,
      body: { mode: 'collab', person: { userId: eve.userId, name: 'Eve', givenAs: eve.userId } },
    });
    const shareId = made.body['shareId'] as string;
    expect((await hub.heard('session_added'))['session']).toMatchObject({
      sessionId: sid,
      shared: { shareId, mode: 'collab', by: 'Owner' },
      userName: 'Owner',
    });
    expect(await listOf(eve)).toEqual([[sid, 'collab']]);
    expect(await listOf(bob)).toEqual([]);
    expect(await ask(of(), { token: bob.token })).toMatchObject(failure(404, 'session_not_found'));
    const socket = await shared.watch(eve.token);
    expect(socket.of('hello')[0]).toMatchObject({ mode: 'collab' });

    expect((await ask(of(`/shares/${shareId}`), { method: 'DELETE' })).status).toBe(204);
    expect((await socket.closed).code).toBe(4401);
    expect(await hub.heard('session_removed')).toMatchObject({ sessionId: sid });
    expect(await listOf(eve)).toEqual([]);
    const [gone, none] = [await ask(of(), { token: eve.token }), await ask('/api/sessions/none', { token: eve.token })];
    expect(gone).toMatchObject(failure(404, 'session_not_found'));
    expect(JSON.stringify(gone).replaceAll(sid, 'none')).toBe(JSON.stringify(none));
    expect(await upgrade(eve.token)).toEqual({ status: 404, code: 'session_not_found' });
    const rows = (await auditRows(s, after)).filter(({ kind }) => String(kind).startsWith('share_'));
    expect(rows.map(({ kind, target, shareId: id }) => [kind, target, id])).toEqual([
      ['share_created', eve.userId, shareId],
      ['share_revoked', eve.userId, shareId],
    ]);
  });

  it('is written to under the name of the account, whatever name the client claims', async () => {
    const eve = await s.person('Eve');
    const { shareId } = (await shareWith(eve.userId, 'collab')).body as { shareId: string };
    const socket = await s.connect(`/ws/sessions/${sid}?name=Owner`, { token: eve.token });
    await socket.heard('hello');
    const claims = { by: { userId: 'owner', via: 'owner' }, name: 'Owner' };
    const ack = await send(socket, 'a', { type: 'input', text: 'hello', ...claims });
    const by = { userId: `guest_${shareId}`, via: 'collab', name: 'Eve', signedIn: true };
    const sent = (commandId: unknown) => shared.runner.commands.find((one) => one.commandId === commandId);
    await expect.poll(() => sent(ack['commandId'])?.by).toEqual(by);
    const posted = await ask(of('/input'), { method: 'POST', json: { text: 'again' }, token: eve.token });
    await expect.poll(() => sent(posted.body['commandId'])?.by).toEqual(by);
    await expect
      .poll(() => socket.of('presence').at(-1)?.['viewers'])
      .toContainEqual(expect.objectContaining({ name: 'Eve', mode: 'collab', signedIn: true }));
  });

  it('gives an account that may only watch nothing more than that, and no account what only the owner may do', async () => {
    const [eve, bob] = [await s.person('Eve'), await s.person('Bob', { role: 'admin' })];
    await shareWith(eve.userId, 'read');
    await shareWith(bob.userId, 'approve');
    const { url } = await s.start();
    const socket = await s.connect(sid, { token: eve.token, url });
    await socket.heard('hello');
    const before = shared.runner.commands.length;
    const command = { type: 'command', name: 'abort' };
    expect(await send(socket, 'a', command)).toMatchObject({ type: 'error', code: 'read_only' });
    expect(await send(socket, 'b', { type: 'input', text: 'hi' })).toMatchObject({ type: 'error', code: 'read_only' });
    const post = (path: string, token: string, json: object) => ask(of(path), { method: 'POST', json, token });
    expect(await post('/input', eve.token, { text: 'hi' })).toMatchObject(failure(403, 'read_only'));
    expect(await post('/commands', eve.token, { name: 'abort' })).toMatchObject(failure(403, 'read_only'));
    expect(await post('/blobs', eve.token, {})).toMatchObject(failure(403, 'read_only'));
    for (const { token } of [eve, bob]) {
      expect(await ask(of('/shares'), { token }), 'who else it is shared with').toMatchObject(
        failure(403, 'forbidden'),
      );
      expect(await post('/shares', token, {})).toMatchObject(failure(403, 'forbidden'));
      expect(await post('/people', token, { person: 'owner' })).toMatchObject(failure(403, 'forbidden'));
      expect(await ask(of(), { method: 'DELETE', token })).toMatchObject(failure(403, 'forbidden'));
      expect(await ask('/api/runners/r1', { token })).toMatchObject(failure(404, 'runner_not_found'));
      expect((await ask(of('/mute'), { method: 'PUT', json: { muted: true }, token })).status).toBe(204);
    }
    for (const name of ['kill_session', 'set_name', 'exec', 'fork'])
      expect(await post('/commands', bob.token, { name, args: {} }), name).toMatchObject(failure(403, 'forbidden'));
    expect(shared.runner.commands.length).toBe(before);
  });

  it('is shared with other rights by sharing it again, and no account is found by a guess', async () => {
    const eve = await s.person('Eve');
    await shareWith(eve.userId, 'read');
    const socket = await shared.watch(eve.token);
    await shareWith(eve.userId, 'collab');
    // To come back at once, with the new rights.
    expect((await socket.closed).code).toBe(1012);
    expect(await listOf(eve)).toEqual([[sid, 'collab']]);
    // A gateway where nothing was tried before.
    const { url } = await s.start();
    const tried = (person: string) => ask(of('/people'), { method: 'POST', json: { person }, url });
    expect(await tried('owner')).toMatchObject(failure(400, 'bad_request'));
    for (const guess of ['Eve', 'missing@example.com', 'u_none', '*'])
      expect(await tried(guess)).toMatchObject(failure(404, 'person_not_found'));
    const guesses = [];
    for (let i = 0; i < 6; i++) guesses.push((await tried(`u_${i}`)).status);
    expect(guesses).toEqual([404, 404, 404, 404, 404, 429]);
  });

  it('by a link is opened by a person who is signed in under the name of the account', async () => {
    const eve = await s.person('Eve');
    const { token: link, shareId } = await share(s, sid, 'collab');
    const headers = { 'pizzapi-share': link };
    const me = await ask('/api/auth/me?name=Owner', { token: eve.token, headers });
    expect(me).toMatchObject({ status: 200, body: { role: 'guest', name: 'Eve', by: 'share' } });
    const sent = await ask(of('/input?name=Owner'), {
      method: 'POST',
      json: { text: 'hi' },
      token: eve.token,
      headers,
    });
    const author = () => shared.runner.commands.find((one) => one.commandId === sent.body['commandId'])?.by;
    await expect.poll(author).toEqual({ userId: `guest_${shareId}`, via: 'collab', name: 'Eve', signedIn: true });
    // The link opens nothing else, also not for an account, and without the account it is a link alone.
    expect(await ask('/api/sessions', { token: eve.token, headers })).toMatchObject(failure(403, 'forbidden'));
    expect(await ask(of(), { token: eve.token })).toMatchObject(failure(404, 'session_not_found'));
    await ask(of(`/shares/${shareId}`), { method: 'DELETE' });
    expect(await ask(of(), { token: eve.token, headers })).toMatchObject(failure(403, 'forbidden'));
  });

  it('by a link has a short address, which opens it until the link ends', async () => {
    const { shortUrl = '', token, shareId } = await share(s, sid);
    expect(shortUrl.length).toBeLessThan(70);
    const code = new URL(shortUrl).hash.slice(1);
    const open = (given: string) => ask('/api/shares/open', { method: 'POST', json: { code: given } });
    expect(await open(code)).toMatchObject({ status: 200, body: { sessionId: sid, token } });
    expect(await open(`${code.slice(1)}A`)).toMatchObject(failure(403, 'link_ended'));
    await ask(of(`/shares/${shareId}`), { method: 'DELETE' });
    expect(await open(code)).toMatchObject(failure(403, 'link_ended'));
  });
});
