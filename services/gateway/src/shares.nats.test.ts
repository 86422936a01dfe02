import { createHmac } from 'node:crypto';
import { AUDIT_STREAM, bucket, streamHead } from '@pizzapi/backbone';
import { localToken, mintLinkToken, mintToken } from '@pizzapi/process';
import { defaultMetaState, MAX_FRAME_BYTES, OWNER_ID, SUBPROTOCOL, type ShareRow } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MAX_LIVE_SHARES } from './auth/shareStore.js';
import { ShareTokens } from './auth/shareTokens.js';
import { Browser, pageOf } from './testing/browser.js';
import { refusal, type TestClient } from './testing/client.js';
import { FakeRunner } from './testing/fakeRunner.js';
import { PATIENT } from './testing/patience.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';
import { share } from './testing/shares.js';
import { auditRows } from './testing/auditRows.js';

const HOUR = 3_600_000;
let s: GatewayScenario;
let runner: FakeRunner;
let sid: string;

beforeAll(async () => {
  s = await startScenario();
  runner = await FakeRunner.start(s.b, 'r1', s.home);
  await vi.waitFor(async () => expect((await s.fetch('/api/runners/r1')).status).toBe(200), PATIENT);
  sid = await spawn();
});
afterAll(async () => {
  await runner.stop();
  await s.end();
});

async function spawn(): Promise<string> {
  const answer = await s.fetch('/api/sessions', { method: 'POST', json: { runnerId: 'r1' } });
  const { sessionId } = (await answer.json()) as { sessionId: string };
  const shown = async () => (await (await s.fetch(`/api/sessions/${sessionId}`)).json()) as unknown;
  await vi.waitFor(async () => expect(await shown()).toMatchObject({ session: { host: 'connected' } }), PATIENT);
  return sessionId;
}

interface Answer {
  status: number;
  body: Record<string, unknown>;
}
async function ask(path: string, init: Parameters<GatewayScenario['fetch']>[1] = {}): Promise<Answer> {
  const answer = await s.fetch(path, init);
  const text = await answer.text();
  return { status: answer.status, body: text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {} };
}
const failure = (status: number, code: string) => ({ status, body: { error: { code } } });
const of = (path = '') => `/api/sessions/${sid}${path}`;
const make = (json: object) => ask(of('/shares'), { method: 'POST', json });
const upgrade = (token: string, path = `/ws/sessions/${sid}`) =>
  refusal(s.url.replace('http', 'ws') + path, [SUBPROTOCOL.msgpack, `bearer.${token}`]);

async function watch(token: string, query = ''): Promise<TestClient> {
  const client = await s.connect(`/ws/sessions/${sid}${query}`, { token });
  await client.heard('hello');
  return client;
}

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
    const rows = bucket<ShareRow>(s.b, 'shares');
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
        await bucket<ShareRow>(s.b, 'shares').put(`${sid}.sh_old`, { ...row, expiresAt: later() });
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

describe('a guest who watches', () => {
  it('reads the session, over HTTP and on its socket', async () => {
    const { token } = await share(s, sid);
    expect(await ask('/api/auth/me', { token })).toMatchObject({ status: 200, body: { role: 'guest', by: 'share' } });
    expect(await ask(of(), { token })).toMatchObject({ status: 200, body: { session: { sessionId: sid } } });
    expect((await s.fetch(of('/events'), { token })).status).toBe(200);
    expect((await ask(of('/meta'), { token })).status).toBe(200);
    const client = await watch(token);
    expect(client.of('hello')[0]).toMatchObject({ mode: 'read', sessionId: sid });
    client.send({ type: 'resume' });
    await client.heard('live');
    expect(client.seqs.length).toBeGreaterThan(0);
  });

  it('is seen by the owner, by the name they gave', async () => {
    const { token, shareId } = await share(s, sid);
    const owner = await s.connect(sid);
    await owner.heard('hello');
    await watch(token, `?name=${encodeURIComponent(' Grace\u202E ')}`);
    await expect
      .poll(() => owner.of('presence').at(-1)?.['viewers'])
      .toContainEqual(expect.objectContaining({ userId: `guest_${shareId}`, name: 'Grace', mode: 'read' }));
    const rows = await auditRows(s);
    expect(rows).toContainEqual(
      expect.objectContaining({
        kind: 'join',
        userId: `guest_${shareId}`,
        guest: 'Grace',
        mode: 'read',
        sessionId: sid,
      }),
    );
  });

  it('sends nothing that has an effect: whatever it is, they may only watch, and the audit log has it', async () => {
    const { token, shareId } = await share(s, sid);
    // A gateway that has not refused so much before that it leaves rows out.
    const { url } = await s.start();
    const client = await s.connect(sid, { token, url });
    await client.heard('hello');
    const [after, before] = [await streamHead(s.b, AUDIT_STREAM), runner.commands.length];
    const frames = [
      { type: 'input', ref: 'a', text: 'hi', mode: 'owner', by: { userId: 'owner', via: 'owner' } },
      { type: 'command', ref: 'b', name: 'abort', role: 'admin' },
      { type: 'command', ref: 'c', name: 'no such command' },
      { type: 'resize', ref: 'd', cols: 80, rows: 24 },
      { type: 'input', ref: 'e' },
    ];
    for (const frame of frames) client.send(frame);
    await expect.poll(() => client.of('error')).toHaveLength(frames.length);
    expect(client.of('error').map(({ code, ref }) => [code, ref])).toEqual(frames.map(({ ref }) => ['read_only', ref]));
    client.send({ type: 'ping' });
    await client.heard('pong');
    const paths = ['/input', '/commands', '/blobs'];
    for (const path of paths) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const answer = await fetch(url + of(path), { method: 'POST', headers, body: '{"text":"hi","name":"abort"}' });
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ error: { code: 'read_only' } });
    }
    expect(runner.commands.length).toBe(before);
    const denials = async () =>
      (await auditRows(s, after)).filter(({ kind, userId }) => kind === 'refused' && userId === `guest_${shareId}`);
    await expect.poll(denials).toHaveLength(frames.length + paths.length);
    const rows = await denials();
    expect(rows.every(({ code }) => code === 'read_only')).toBe(true);
    expect(rows.map(({ frame, path }) => frame ?? path)).toEqual([...frames.map(({ type }) => type), ...paths.map(of)]);
  });

  it('is what the link says, whatever they say they are', async () => {
    const { token } = await share(s, sid);
    const client = await watch(token, '?mode=owner&role=admin&userId=owner&via=owner&name=Owner');
    expect(client.of('hello')[0]).toMatchObject({ mode: 'read' });
    client.send({ type: 'resume', mode: 'collab', userId: 'owner' });
    client.send({ type: 'command', ref: 'x', name: 'abort', mode: 'owner', via: 'owner' });
    expect(await client.heard('error')).toMatchObject({ code: 'read_only', ref: 'x' });
  });
});

describe('a guest who takes part', () => {
  it('speaks under the name they gave, marked as having come by a link', async () => {
    const { token, shareId } = await share(s, sid, 'collab');
    const client = await watch(token, '?name=Linus&userId=owner&via=owner');
    expect(client.of('hello')[0]).toMatchObject({ mode: 'collab' });
    client.send({ type: 'input', ref: 'r', text: 'hi', by: { userId: 'owner', via: 'owner' } });
    const { commandId } = await client.heard('ack');
    await expect.poll(() => runner.commands.at(-1)).toMatchObject({ commandId, name: 'input' });
    expect(runner.commands.at(-1)!.by).toEqual({ userId: `guest_${shareId}`, via: 'collab', name: 'Linus' });
    const over = await ask(of('/input?name=Linus'), { method: 'POST', json: { text: 'and so' }, token });
    expect(over.status).toBe(202);
    await expect
      .poll(() => runner.commands.at(-1))
      .toMatchObject({ commandId: over.body['commandId'], by: { via: 'collab', name: 'Linus' } });
  });

  it('approves where the link says so now, and only this one call', async () => {
    const { token, shareId } = await share(s, sid, 'approve');
    const client = await watch(token, '?name=Eve');
    expect(client.of('hello')[0]).toMatchObject({ mode: 'approve' });
    const approval = { promptId: 'a1', title: 'Allow?' };
    await bucket(s.b, 'session-meta').put(sid, {
      ...{ state: { ...defaultMetaState(), pendingApproval: approval }, lastSeq: 1 },
    });
    const answer = (ref: string, value: unknown) =>
      client.send({ type: 'command', ref, name: 'dialog_response', args: { dialogId: 'a1', value, by: OWNER_ID } });
    answer('folder', 'folder');
    expect(await client.heard('error')).toMatchObject({ ref: 'folder', code: 'forbidden' });
    answer('once', 'approve');
    const { commandId } = await client.heard('ack');
    await expect.poll(() => runner.commands.at(-1)).toMatchObject({ commandId, args: { value: 'approve' } });
    const { by, args } = runner.commands.at(-1)!;
    expect(by).toEqual({ userId: `guest_${shareId}`, via: 'collab', name: 'Eve', right: 'approve' });
    expect(args).not.toHaveProperty('by');

    await ask(of(`/shares/${shareId}`), { method: 'PATCH', json: { mode: 'collab' } });
    expect((await client.closed).code).toBe(1012);
    const json = { name: 'dialog_response', args: { dialogId: 'a1', value: 'approve' } };
    expect(await ask(of('/commands'), { method: 'POST', json, token })).toMatchObject(failure(403, 'forbidden'));
    await bucket(s.b, 'session-meta').delete(sid);
  });

  it('does not end, copy or rename the session, nor run anything on its host', async () => {
    const { token } = await share(s, sid, 'collab');
    const client = await watch(token);
    const before = runner.commands.length;
    const commands: [string, object][] = [
      ['kill_session', {}],
      ['fork', {}],
      ['exec', { command: 'id' }],
      ['set_name', { name: 'x' }],
      ['attach_session', {}],
      ['restart', {}],
    ];
    for (const [name, args] of commands) client.send({ type: 'command', ref: name, name, args });
    await expect.poll(() => client.of('error')).toHaveLength(commands.length);
    expect(client.of('error').map(({ code, ref }) => [ref, code])).toEqual(
      commands.map(([name]) => [name, 'forbidden']),
    );
    const http = await ask(of('/commands'), { method: 'POST', json: { name: 'kill_session' }, token });
    expect(http).toMatchObject(failure(403, 'forbidden'));
    expect(runner.commands.length).toBe(before);
  });

  it('brings files, which are then the owner’s', async () => {
    const { token } = await share(s, sid, 'collab');
    const headers = { 'content-type': 'image/png' };
    const up = await s.fetch(of('/blobs'), { method: 'POST', headers, body: 'pixels', token });
    const { blob } = (await up.json()) as { blob: string };
    expect((await s.fetch(of(`/blobs/${blob}`))).status).toBe(200);
    expect((await s.fetch(of(`/blobs/${blob}`), { token })).status).toBe(200);
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

  it('as a frame closes the guest’s socket at most', async () => {
    const { token } = await share(s, sid);
    const [large, poisoned] = [await watch(token), await watch(token)];
    large.ws.send(Buffer.alloc(MAX_FRAME_BYTES + 1));
    expect((await large.closed).code).toBe(1009);
    poisoned.send(JSON.parse('{"type":"input","ref":"p","__proto__":{"mode":"owner"},"text":"x"}') as object);
    expect(await poisoned.heard('error')).toMatchObject({ code: 'read_only' });
    expect((await s.fetch('/livez')).status).toBe(200);
  });
});
