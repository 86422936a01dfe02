import { bucket, sessionRowKey } from '@pizzapi/backbone';
import { localToken } from '@pizzapi/process';
import { initialSessionInfo, ROUTED_METHOD_NAMES, SUBPROTOCOL } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { refusal } from './testing/client.js';
import { FakeRunner } from './testing/fakeRunner.js';
import { PATIENT } from './testing/patience.js';
import type { TestPerson } from './testing/people.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

/** Ada and Bob have accounts on one relay. Each has a runner and a session; the question is always what Bob sees of Ada's. */
let s: GatewayScenario;
let ada: TestPerson;
let bob: TestPerson;
let hers: FakeRunner;
let his: FakeRunner;
const HER_SESSION = 'ada-session-000000000';
const NO_SESSION = 'none-session-00000000';
const HIS_SESSION = 'bob-session-000000000';
const BLOB = 'a'.repeat(64);

beforeAll(async () => {
  s = await startScenario();
  [ada, bob] = [await s.person('Ada'), await s.person('Bob', { role: 'admin' })];
  hers = await FakeRunner.start(s.b, 'ada-runner', s.home, ada.userId);
  his = await FakeRunner.start(s.b, 'bob-runner', s.home, bob.userId);
  await (await s.writer(HER_SESSION, ada)).append({ type: 'agent_start', at: 1 });
  await (await s.writer(HIS_SESSION, bob)).append({ type: 'agent_start', at: 1 });
  await hers.project(HER_SESSION, { state: 'idle' });
  await his.project(HIS_SESSION, { state: 'idle' });
  await vi.waitFor(async () => {
    expect([await list(ada, 'sessions'), await list(ada, 'runners')]).toEqual([[HER_SESSION], ['ada-runner']]);
    expect([await list(bob, 'sessions'), await list(bob, 'runners')]).toEqual([[HIS_SESSION], ['bob-runner']]);
  }, PATIENT);
});
afterAll(async () => {
  await hers.stop();
  await his.stop();
  await s.end();
});

interface Answer {
  status: number;
  text: string;
}

async function ask(person: TestPerson, path: string, method = 'GET', json?: unknown, headers = {}): Promise<Answer> {
  const answer = await s.fetch(path, { method, headers, token: person.token, ...(json === undefined ? {} : { json }) });
  return { status: answer.status, text: await answer.text() };
}

async function list(person: TestPerson, what: 'sessions' | 'runners'): Promise<string[]> {
  const body = JSON.parse((await ask(person, `/api/${what}`)).text) as Record<string, Record<string, string>[]>;
  return body[what]!.map(({ sessionId, runnerId }) => sessionId ?? runnerId!);
}

/** Every route of the API that names a session or a runner, as somebody would call it. */
const ROUTES: readonly [method: string, path: string, json?: object][] = [
  ['GET', '/api/sessions/{sid}'],
  ['DELETE', '/api/sessions/{sid}'],
  ['POST', '/api/sessions/{sid}/input', { text: 'hi' }],
  ['POST', '/api/sessions/{sid}/commands', { name: 'abort' }],
  ['GET', '/api/sessions/{sid}/events'],
  ['GET', '/api/sessions/{sid}/meta'],
  ['GET', '/api/sessions/{sid}/usage'],
  ['POST', '/api/sessions/{sid}/blobs', { any: 'bytes' }],
  ['GET', '/api/sessions/{sid}/blobs/{hash}'],
  ['POST', '/api/sessions/{sid}/shares', {}],
  ['GET', '/api/sessions/{sid}/shares'],
  ['DELETE', '/api/sessions/{sid}/shares'],
  ['DELETE', '/api/sessions/{sid}/shares/{shareId}'],
  ['PATCH', '/api/sessions/{sid}/shares/{shareId}', { mode: 'read' }],
  ['POST', '/api/sessions/{sid}/people', { person: 'owner' }],
  ['PUT', '/api/sessions/{sid}/mute', { muted: true }],
  ['GET', '/api/runners/{rid}'],
  ['DELETE', '/api/runners/{rid}'],
  ['GET', '/api/runners/{rid}/folders'],
  ['GET', '/api/runners/{rid}/files'],
  ['POST', '/api/runners/{rid}/files/tickets', { path: 'a' }],
  ['PUT', '/api/runners/{rid}/uploads/{uploadId}'],
  ...ROUTED_METHOD_NAMES.map((method): [string, string, object] => ['POST', `/api/runners/{rid}/rpc/${method}`, {}]),
];
const fill = (path: string, sid: string, rid: string) =>
  path.replace('{sid}', sid).replace('{rid}', rid).replace('{hash}', BLOB).replace('{shareId}', 'sh_1');

describe('what is somebody else’s', () => {
  it('is tried below by every route that names a session or a runner', async () => {
    const { paths } = JSON.parse((await ask(bob, '/openapi.json')).text) as { paths: Record<string, object> };
    const named = Object.entries(paths).flatMap(([path, methods]) =>
      /\{(sid|rid)\}/.test(path) ? Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`) : [],
    );
    expect(ROUTES.map(([method, path]) => `${method} ${path}`).sort()).toEqual(named.sort());
  });

  it.each(ROUTES)('answers %s %s exactly like what does not exist', async (method, path, json) => {
    const foreign = await ask(bob, fill(path, HER_SESSION, 'ada-runner'), method, json);
    const unknown = await ask(bob, fill(path, NO_SESSION, 'none-runner'), method, json);
    expect(foreign.status).toBe(404);
    expect(JSON.parse(foreign.text)).toMatchObject({
      error: { code: path.includes('{sid}') ? 'session_not_found' : 'runner_not_found' },
    });
    const same = foreign.text.replaceAll(HER_SESSION, NO_SESSION).replaceAll('ada-runner', 'none-runner');
    expect({ ...foreign, text: same }).toEqual(unknown);
    // The very same request is answered otherwise to whom it belongs.
    if (method === 'GET' && !path.includes('{hash}') && !/\/(folders|files)$/.test(path))
      expect((await ask(ada, fill(path, HER_SESSION, 'ada-runner'))).status).toBe(200);
  });

  it('refuses the upgrade exactly like what does not exist', async () => {
    const protocols = [SUBPROTOCOL.msgpack, `bearer.${bob.token}`];
    const upgrade = (sid: string) => refusal(`${s.url.replace('http', 'ws')}/ws/sessions/${sid}`, protocols);
    expect(await upgrade(HER_SESSION)).toEqual({ status: 404, code: 'session_not_found' });
    expect(await upgrade(NO_SESSION)).toEqual({ status: 404, code: 'session_not_found' });
  });

  it('refuses the upgrade to a terminal by the runner in its id, and what is no id of a terminal', async () => {
    const protocols = [SUBPROTOCOL.msgpack, `bearer.${bob.token}`];
    const upgrade = (tid: string) => refusal(`${s.url.replace('http', 'ws')}/ws/terminals/${tid}`, protocols);
    for (const rid of ['ada-runner', 'none-runner'])
      expect(await upgrade(`t_aaaaaaaaaaaa_${rid}`)).toEqual({ status: 404, code: 'runner_not_found' });
    for (const tid of ['bob-runner', 't_aaaaaaaaaaaa_', 't_aaaaaaaaaaaa_%2e%2e', 't_AAAAAAAAAAAA_bob-runner', 'a.b'])
      expect(await upgrade(tid), tid).toEqual({ status: 400, code: 'invalid_id' });
  });

  it('takes as long to be refused as what does not exist', async () => {
    const paths = [`/api/sessions/${HER_SESSION}`, `/api/sessions/${NO_SESSION}`] as const;
    const timed = async (path: string) => {
      const began = performance.now();
      await ask(bob, path);
      return performance.now() - began;
    };
    const median = (times: number[]) => times.sort((a, b) => a - b)[times.length >> 1]!;
    // One quiet round of a few is enough to tell; a difference that is there shows in every one.
    let difference = Infinity;
    for (let round = 0; round < 15 && difference > 0.1; round++) {
      const times: [number[], number[]] = [[], []];
      for (let i = 0; i < 300; i++) {
        const which = ((i >> 1) + i) & 1;
        times[which]!.push(await timed(paths[which]!));
      }
      const [foreign, unknown] = [median(times[0].slice(50)), median(times[1].slice(50))];
      difference = Math.abs(foreign - unknown) / Math.min(foreign, unknown);
    }
    expect(difference).toBeLessThan(0.1);
  });

  it('is in no list, not even an admin’s', async () => {
    expect(await list(bob, 'sessions')).toEqual([HIS_SESSION]);
    expect(await list(bob, 'runners')).toEqual(['bob-runner']);
  });

  it('is in no feed', async () => {
    const [hub, runners] = [
      await s.connect('/ws/hub', { token: bob.token }),
      await s.connect('/ws/runners', { token: bob.token }),
    ];
    expect(await hub.heard('sessions')).toMatchObject({ sessions: [{ sessionId: HIS_SESSION }] });
    expect(await runners.heard('runners')).toMatchObject({ runners: [{ runnerId: 'bob-runner' }] });
    const herHub = await s.connect('/ws/hub', { token: ada.token });
    await herHub.heard('sessions');
    await hers.project(HER_SESSION, { state: 'working' });
    const other = await FakeRunner.start(s.b, 'ada-second', s.home, ada.userId);
    await other.stop();
    await his.project(HIS_SESSION, { state: 'working' });
    await his.letGo('runner.bob-runner');
    expect(await hub.heard('session_status')).toMatchObject({ session: { sessionId: HIS_SESSION } });
    expect(await runners.heard('runner_updated')).toMatchObject({ runner: { runnerId: 'bob-runner' } });
    expect(await herHub.heard('session_status')).toMatchObject({ session: { sessionId: HER_SESSION } });
    expect(JSON.stringify([hub.frames, runners.frames])).not.toContain('ada-');
    expect(JSON.stringify(herHub.frames)).not.toContain('bob-');
  });

  it('has no meta state to follow', async () => {
    const hub = await s.connect('/ws/hub', { token: bob.token });
    hub.send({ type: 'subscribe_session_meta', sessionId: HER_SESSION });
    hub.send({ type: 'subscribe_session_meta', sessionId: NO_SESSION });
    await expect.poll(() => hub.of('error')).toHaveLength(2);
    const [foreign, unknown] = hub.of('error').map(({ message }) => String(message));
    expect(foreign!.replace(HER_SESSION, NO_SESSION)).toBe(unknown);
    expect(hub.of('state_snapshot')).toEqual([]);
  });
});

describe('starting a session', () => {
  const start = async (person: TestPerson, json: object, headers = {}) => {
    const { status, text } = await ask(person, '/api/sessions', 'POST', json, headers);
    return { status, body: JSON.parse(text) as { sessionId: string; error?: { code: string } } };
  };

  it('on somebody else’s runner is starting it on none', async () => {
    const before = hers.commands.length;
    for (const runnerId of ['ada-runner', 'none-runner'])
      expect(await start(bob, { runnerId })).toMatchObject({
        status: 404,
        body: { error: { code: 'runner_not_found' } },
      });
    expect(hers.commands.length).toBe(before);
  });

  it('without naming a runner takes one’s own', async () => {
    const before = hers.commands.length;
    expect(await start(ada, {})).toMatchObject({ status: 201, body: { runnerId: 'ada-runner' } });
    expect(hers.commands.length).toBe(before + 1);
  });

  it('shows it to who asked at once, at every gateway, and to nobody else', async () => {
    // A gateway that does not wait for long.
    const { url } = await s.start({ spawnWaitMs: 100 });
    hers.mood = 'silent';
    const { token } = ada;
    const answer = await s.fetch('/api/sessions', { method: 'POST', json: { runnerId: 'ada-runner' }, token, url });
    expect(answer.status).toBe(202);
    const { sessionId } = (await answer.json()) as { sessionId: string };
    await expect.poll(() => hers.commands.at(-1)?.args).toMatchObject({ sessionId });
    hers.mood = 'willing';
    for (const each of [url, s.url]) {
      expect((await s.fetch(`/api/sessions/${sessionId}`, { token, url: each })).status).toBe(200);
      expect((await s.fetch(`/api/sessions/${sessionId}`, { token: bob.token, url: each })).status).toBe(404);
    }
  });

  it('with the same key makes one session for each person', async () => {
    const key = { 'idempotency-key': 'monday' };
    const [first, again] = [await start(ada, {}, key), await start(ada, {}, key)];
    expect(again).toEqual(first);
    const mine = await FakeRunner.start(s.b, 'bob-other', s.home, bob.userId);
    const online = async () =>
      (JSON.parse((await ask(bob, '/api/runners/bob-other')).text) as { runner?: object }).runner;
    await expect.poll(online).toMatchObject({ online: true });
    const other = await start(bob, { runnerId: 'bob-other' }, key);
    expect(other.status).toBe(201);
    expect(other.body.sessionId).not.toBe(first.body.sessionId);
    await mine.stop();
  });
});

describe('what an event says of its session', () => {
  it('changes neither whose it is nor where its commands go', async () => {
    const { text } = await ask(ada, '/api/sessions', 'POST', { runnerId: 'ada-runner' });
    const { sessionId: sid } = JSON.parse(text) as { sessionId: string };
    const seen = async () => JSON.parse((await ask(ada, `/api/sessions/${sid}`)).text) as unknown;
    // What the runner writes itself is there before.
    await expect.poll(seen).toMatchObject({ session: { state: 'idle', host: 'connected' } });
    // The projection of a host that lies.
    const info = { ...initialSessionInfo(sid), userId: bob.userId, runnerId: 'bob-runner', state: 'idle' as const };
    await bucket(s.b, 'sessions').put(sessionRowKey(ada.userId, sid), {
      info: { ...info, name: 'lies' },
      lastSeq: 0,
      checkpoints: [],
    });
    await expect
      .poll(seen)
      .toMatchObject({ session: { name: 'lies', userId: ada.userId, runnerId: 'ada-runner', host: 'connected' } });
    expect(await list(bob, 'sessions')).not.toContain(sid);
    const before = his.commands.length;
    expect((await ask(ada, `/api/sessions/${sid}/commands`, 'POST', { name: 'abort' })).status).toBe(202);
    await expect.poll(() => hers.commands.at(-1)).toMatchObject({ name: 'abort', sessionId: sid });
    expect(his.commands.length).toBe(before);
  });
});

describe('a blob', () => {
  const png = { 'content-type': 'image/png' };
  const upload = async (person: TestPerson, sid: string, body: string) => {
    const answer = await s.fetch(`/api/sessions/${sid}/blobs`, {
      method: 'POST',
      headers: png,
      body,
      token: person.token,
    });
    return ((await answer.json()) as { blob: string }).blob;
  };

  it('is there for who brought it; knowing its hash is not enough, having its bytes is', async () => {
    const blob = await upload(ada, HER_SESSION, 'a secret picture');
    expect((await ask(ada, `/api/sessions/${HER_SESSION}/blobs/${blob}`)).text).toBe('a secret picture');
    const foreign = await ask(bob, `/api/sessions/${HIS_SESSION}/blobs/${blob}`);
    expect(foreign).toEqual(await ask(bob, `/api/sessions/${HIS_SESSION}/blobs/${BLOB}`));
    expect(foreign).toMatchObject({ status: 404, text: expect.stringContaining('blob_not_found') as string });
    const attached = { text: 'look', attachments: [{ blob, size: 16, mediaType: 'image/png' }] };
    expect(await ask(bob, `/api/sessions/${HIS_SESSION}/input`, 'POST', attached)).toEqual(foreign);
    await upload(bob, HIS_SESSION, 'a secret picture');
    expect((await ask(bob, `/api/sessions/${HIS_SESSION}/blobs/${blob}`)).text).toBe('a secret picture');
  });

  it('that is an SVG can do nothing: a file that runs no script and loads nothing', async () => {
    const headers = { 'content-type': 'image/svg+xml' };
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>';
    const up = await s.fetch(`/api/sessions/${HER_SESSION}/blobs`, {
      method: 'POST',
      headers,
      body: svg,
      token: ada.token,
    });
    const { blob } = (await up.json()) as { blob: string };
    const down = await s.fetch(`/api/sessions/${HER_SESSION}/blobs/${blob}`, { token: ada.token });
    expect(down.headers.get('content-security-policy')).toBe("sandbox; default-src 'none'");
    expect(down.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(down.headers.get('x-content-type-options')).toBe('nosniff');
  });
});

describe('deleting a session', () => {
  it('is not done by halves when the authenticator is away', async () => {
    s.loseAuthenticator();
    const answer = await ask(ada, `/api/sessions/${HER_SESSION}`, 'DELETE');
    expect(answer).toMatchObject({ status: 503, text: expect.stringContaining('unavailable') as string });
    expect((await ask(ada, `/api/sessions/${HER_SESSION}`)).status).toBe(200);
  });
});

it('the local token is the owner’s, who sees nothing of others either', async () => {
  const { status } = await ask({ userId: 'owner', token: localToken(s.secret) }, `/api/sessions/${HER_SESSION}`);
  expect(status).toBe(404);
});
