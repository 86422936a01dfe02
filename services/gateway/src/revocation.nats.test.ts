import { bucket } from '@pizzapi/backbone';
import { mintLinkToken } from '@pizzapi/process';
import { restartDelay, SUBPROTOCOL, type AccountRow, type ShareRow } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { ShareTokens } from './auth/shareTokens.js';
import { Browser } from './testing/browser.js';
import { refusal, type TestClient } from './testing/client.js';
import { FakeRunner } from './testing/fakeRunner.js';
import { PATIENT } from './testing/patience.js';
import type { TestPerson } from './testing/people.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';
import { share } from './testing/shares.js';

/** Two gateways: what is revoked through one counts on both. */
let s: GatewayScenario;
let other: string;
let ada: TestPerson;
const sid = 'shared';

beforeAll(async () => {
  s = await startScenario();
  other = (await s.start()).url;
  ada = await s.person('Ada');
  await (await s.writer(sid, ada)).append({ type: 'agent_start', at: 1 });
  const there = async () => (await s.fetch(`/api/sessions/${sid}`, { token: ada.token, url: other })).status;
  await vi.waitFor(async () => expect(await there()).toBe(200), PATIENT);
});
afterAll(() => s.end());

const api = (path: string, method: string, json?: object) =>
  s.fetch(path, { method, token: ada.token, ...(json === undefined ? {} : { json }) });
const shares = (rest = '') => `/api/sessions/${sid}/shares${rest}`;
const link = (mode: 'read' | 'collab') => share(s, sid, mode, ada.token);

async function watch(token: string, url = s.url, path = sid): Promise<TestClient> {
  const client = await s.connect(path, { token, url });
  await client.heard(path === '/ws/hub' ? 'sessions' : path === '/ws/runners' ? 'runners' : 'hello');
  return client;
}

const refused = (token: string) =>
  refusal(`${s.url.replace('http', 'ws')}/ws/sessions/${sid}`, [SUBPROTOCOL.msgpack, `bearer.${token}`]);

describe('a link that is revoked', () => {
  it('sends those away who came by it, on every gateway, and nobody else', async () => {
    const [one, two] = [await link('collab'), await link('read')];
    const gone = [await watch(one.token), await watch(one.token, other)];
    const stay = [await watch(two.token), await watch(ada.token)];
    const began = Date.now();
    expect((await api(shares(`/${one.shareId}`), 'DELETE')).status).toBe(204);
    // At once over HTTP, and by the time the answer is here.
    expect((await s.fetch(`/api/sessions/${sid}`, { token: one.token })).status).toBe(403);
    for (const client of gone) expect((await client.closed).code).toBe(4401);
    expect(Date.now() - began).toBeLessThan(15_000);
    expect(await refused(one.token)).toEqual({ status: 403, code: 'forbidden' });
    for (const client of stay) {
      client.send({ type: 'ping' });
      await client.heard('pong');
    }
  });

  it('takes all links with it when all are revoked', async () => {
    const links = [await link('read'), await link('collab')];
    const clients = [await watch(links[0]!.token), await watch(links[1]!.token)];
    expect((await api(shares(), 'DELETE')).status).toBe(204);
    for (const client of clients) expect((await client.closed).code).toBe(4401);
    for (const { token } of links) expect((await s.fetch(`/api/sessions/${sid}`, { token })).status).toBe(403);
  });
});

describe('who is sent away and does not go', () => {
  const byLink = async () => {
    const { token, shareId } = await share(s, 'busy', 'collab', ada.token);
    return { token, revoke: () => api(`/api/sessions/busy/shares/${shareId}`, 'DELETE') };
  };
  const byKey = async () => {
    const made = await api('/api/keys', 'POST', { name: 'script' });
    const { key, token } = (await made.json()) as { key: { id: string }; token: string };
    return { token, revoke: () => api(`/api/keys/${key.id}`, 'DELETE') };
  };
  let runner: FakeRunner;
  const heard = () => runner.commands.map(({ args }) => (args as { text: string }).text);
  beforeAll(async () => {
    runner = await FakeRunner.start(s.b, 'r1', s.home, ada.userId);
    await runner.begin('busy');
    const shown = async () => (await (await api('/api/sessions/busy', 'GET')).json()) as unknown;
    await vi.waitFor(async () => expect(await shown()).toMatchObject({ session: { host: 'connected' } }), PATIENT);
  });
  afterAll(() => runner.stop());

  it.each([
    ['a link', byLink],
    ['a key', byKey],
  ])('has no effect any more, having come by %s', async (what, come) => {
    const { token, revoke } = await come();
    const client = await watch(token, s.url, 'busy');
    client.send({ type: 'input', ref: 'before', text: `${what} before` });
    await client.heard('ack');
    // The client does not read, and so does not answer that it is sent away.
    client.ws.pause();
    await revoke();
    for (let i = 0; i < 5; i++) client.send({ type: 'input', ref: `r${i}`, text: 'still here' });
    await api('/api/sessions/busy/input', 'POST', { text: `${what} after` });
    await expect.poll(heard).toContain(`${what} after`);
    client.ws.resume();
    expect((await client.closed).code).toBe(4401);
    expect(heard()).not.toContain('still here');
    expect(heard()).toContain(`${what} before`);
  });
});

describe('a link that has expired', () => {
  it('sends away who came by it', async () => {
    // Time enough to come by it before, also on a machine that stands still for a while.
    const expiresAt = Math.ceil(Date.now() / 1_000) * 1_000 + 8_000;
    const row = {
      shareId: 'sh_short',
      sessionId: sid,
      userId: ada.userId,
      mode: 'read',
      createdAt: 1,
      expiresAt,
    } as const;
    await bucket<ShareRow>(s.b, 'shares').put(`${sid}.sh_short`, row);
    const token = await new ShareTokens(s.secret).sign({ sid, shareId: 'sh_short', mode: 'read', expiresAt });
    const client = await watch(token);
    expect((await client.closed).code).toBe(4401);
    expect((await s.fetch(`/api/sessions/${sid}`, { token })).status).toBe(403);
  });
});

describe('a link that is taken back to watching', () => {
  it('sends who came by it round: they come back at once, and may only watch', async () => {
    const { token, shareId } = await link('collab');
    const clients = [await watch(token), await watch(token, other)];
    expect(clients[0]!.of('hello')[0]).toMatchObject({ mode: 'collab' });
    expect((await api(shares(`/${shareId}`), 'PATCH', { mode: 'read' })).status).toBe(204);
    const input = { method: 'POST', json: { text: 'hi' }, token };
    expect((await s.fetch(`/api/sessions/${sid}/input`, input)).status).toBe(403);
    for (const client of clients) {
      const { code, reason } = await client.closed;
      expect([code, restartDelay(reason)]).toEqual([1012, 0]);
    }
    const again = await watch(token);
    expect(again.of('hello')[0]).toMatchObject({ mode: 'read' });
  });
});

describe('an API key that is revoked', () => {
  it('closes all it opened: viewer, hub, runners', async () => {
    const made = await api('/api/keys', 'POST', { name: 'script' });
    const { key, token } = (await made.json()) as { key: { id: string }; token: string };
    const clients = [
      await watch(token),
      await watch(token, other, '/ws/hub'),
      await watch(token, s.url, '/ws/runners'),
    ];
    const own = await watch(ada.token);
    expect((await api(`/api/keys/${key.id}`, 'DELETE')).status).toBe(204);
    expect((await s.fetch('/api/sessions', { token })).status).toBe(403);
    for (const client of clients) expect((await client.closed).code).toBe(4401);
    own.send({ type: 'ping' });
    await own.heard('pong');
  });
});

describe('a sign-in that ends', () => {
  it('closes the sockets of its browser', async () => {
    const browser = new Browser(s.url);
    await browser.fetch('/api/auth/link', { token: mintLinkToken(s.secret, Date.now()) });
    const headers = { ...browser.shown, host: new URL(browser.page).host };
    const socket = new WebSocket(`${s.url.replace('http', 'ws')}/ws/hub`, [SUBPROTOCOL.msgpack], {
      headers,
    });
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    await new Promise((resolve) => socket.on('open', resolve));
    const { cookie } = browser;
    expect((await browser.ask('/api/auth/logout', {})).status).toBe(204);
    expect(await closed).toBe(4401);
    browser.cookie = cookie;
    expect((await browser.ask('/api/auth/me')).status).toBe(401);
  });
});

describe('an account that is disabled', () => {
  it('loses its sockets and those of its guests; the links rest until it is enabled again', async () => {
    const bob = await s.person('Bob');
    await (await s.writer('bobs', bob)).append({ type: 'agent_start', at: 1 });
    const { token } = await share(s, 'bobs', 'collab', bob.token);
    const clients = [
      await watch(bob.token, s.url, 'bobs'),
      await watch(token, s.url, 'bobs'),
      await watch(bob.token, other, '/ws/hub'),
    ];
    const bystander = await watch(ada.token);
    const accounts = bucket<AccountRow>(s.b, 'accounts');
    const { value } = (await accounts.get(`user.${bob.userId}`))!;
    await accounts.put(`user.${bob.userId}`, { ...value, disabledAt: Date.now() });
    for (const client of clients) expect((await client.closed).code).toBe(4401);
    expect((await s.fetch('/api/sessions/bobs', { token })).status).toBe(403);
    await accounts.put(`user.${bob.userId}`, value);
    await expect.poll(async () => (await s.fetch('/api/sessions/bobs', { token })).status).toBe(200);
    expect(bystander.ws.readyState).toBe(bystander.ws.OPEN);
  });
});

describe('a session that is deleted', () => {
  it('takes its links with it', async () => {
    await (await s.writer('short', ada)).append({ type: 'agent_start', at: 1 });
    const { token } = await share(s, 'short', 'read', ada.token);
    const client = await watch(token, s.url, 'short');
    expect((await api('/api/sessions/short', 'DELETE')).status).toBe(204);
    expect([4401, 4410]).toContain((await client.closed).code);
    expect((await s.fetch('/api/sessions/short', { token })).status).toBe(403);
    expect(await bucket<ShareRow>(s.b, 'shares').keys('short.')).toEqual([]);
  });
});
