import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { newSession } from '../support/viewer.js';
import { startGateway, type OneMoreGateway } from './support/gateway.js';
import { hostSession, startHost, untilKnown } from './support/hosts.js';
import { ask, fromPageOf } from './support/http.js';
import { fromPage, login, newKey, newShare, settleOwner, shownBy, signUp, type Person } from './support/people.js';
import { RawNats } from './support/rawNats.js';
import { join, refusal, type OpenSocket } from './support/socket.js';

/** How long what was open may go on after a revocation, in ms. */
const OPEN_MS = 5_000;

let stage: LocalStack;
/** Revocations are told to `stage`, and count here as well. */
let elsewhere: OneMoreGateway;
let ada: Person;
let sid: string;

beforeAll(async () => {
  stage = await startLocalStack({ PIZZAPI_SIGNUP: 'open' });
  elsewhere = await startGateway(stage, { signup: 'open' });
  ada = await settleOwner(stage);
  sid = await newSession(stage);
  await untilKnown(elsewhere, stage.token, sid);
});
afterAll(async () => {
  await elsewhere?.stop();
  await stage?.clear();
});

/** Resolves with the close code once it closes, and how long that took; fails when it takes too long. */
async function ended(socket: OpenSocket, since: number): Promise<number> {
  const timer = setTimeout(() => socket.close(), OPEN_MS * 2);
  const { code } = await socket.closed;
  clearTimeout(timer);
  expect(Date.now() - since).toBeLessThan(OPEN_MS);
  return code;
}

/** Sockets of one credential at both gateways, greeted. */
async function atBoth(path: string, options: (url: string) => Parameters<typeof join>[2]): Promise<OpenSocket[]> {
  const sockets = await Promise.all([stage.url, elsewhere.url].map((url) => join(url, path, options(url))));
  await Promise.all(sockets.map((socket) => socket.heard(path === '/ws/hub' ? 'sessions' : 'hello')));
  return sockets;
}

/** Does it, and sees that everything that was open by it ends, everywhere. */
async function ends(sockets: OpenSocket[], revoke: () => Promise<{ status: number }>): Promise<void> {
  const since = Date.now();
  expect([200, 204]).toContain((await revoke()).status);
  const codes = await Promise.all(sockets.map((socket) => ended(socket, since)));
  expect(codes).toEqual(sockets.map(() => 4401));
}

describe('(10) what is revoked', () => {
  it('a link: its sockets close with 4401 within 5 s, on every gateway; HTTP refuses at once', async () => {
    const { token: bearer, shareId } = await newShare(stage, stage.token, sid);
    const { token: kept } = await newShare(stage, stage.token, sid);
    const sockets = await atBoth(`/ws/sessions/${sid}`, () => ({ bearer }));
    const bystander = await join(stage.url, `/ws/sessions/${sid}`, { bearer: kept });
    await ends(sockets, async () => {
      const path = `/api/sessions/${sid}/shares/${shareId}`;
      const answer = await ask(stage.url, path, { method: 'DELETE', bearer: stage.token });
      expect((await ask(stage.url, `/api/sessions/${sid}`, { bearer })).status).toBe(403);
      return answer;
    });
    expect((await ask(elsewhere.url, `/api/sessions/${sid}`, { bearer })).status).toBe(403);
    expect(await refusal(elsewhere.url, `/ws/sessions/${sid}`, { bearer })).toBe('403 forbidden');
    bystander.send({ type: 'ping' });
    await bystander.heard('pong');
    bystander.close();
  });

  it('all links of a session at once, and the owner stays', async () => {
    const links = await Promise.all([1, 2, 3].map(() => newShare(stage, stage.token, sid, { mode: 'collab' })));
    const guests = await Promise.all(
      links.map(({ token }) => join(stage.url, `/ws/sessions/${sid}`, { bearer: token })),
    );
    const owner = await join(stage.url, `/ws/sessions/${sid}`, { bearer: stage.token });
    await ends(guests, () => ask(stage.url, `/api/sessions/${sid}/shares`, { method: 'DELETE', bearer: stage.token }));
    owner.send({ type: 'ping' });
    await owner.heard('pong');
    owner.close();
  });

  it('taking part, down to watching: at once over HTTP, and an open socket loses it within 5 s', async () => {
    const { token: bearer, shareId } = await newShare(stage, stage.token, sid, { mode: 'collab' });
    const sockets = await atBoth(`/ws/sessions/${sid}`, () => ({ bearer }));
    const since = Date.now();
    const path = `/api/sessions/${sid}/shares/${shareId}`;
    await ask(stage.url, path, { method: 'PATCH', bearer: stage.token, json: { mode: 'read' } });
    const input = await ask(stage.url, `/api/sessions/${sid}/input`, { bearer, json: { text: 'x' } });
    expect([input.status, input.code]).toEqual([403, 'read_only']);
    for (const socket of sockets) await ended(socket, since);
    const again = await join(elsewhere.url, `/ws/sessions/${sid}`, { bearer });
    expect(await again.heard('hello')).toMatchObject({ mode: 'read' });
    again.close();
    // Never up again.
    const raised = await ask(stage.url, path, { method: 'PATCH', bearer: stage.token, json: { mode: 'collab' } });
    expect(raised.status).toBe(400);
  });

  it('a sign-in, by logging out: its sockets close, the others of the account stay', async () => {
    const browser = await login(stage, ada.email);
    const sockets = await atBoth('/ws/hub', (url) => ({ headers: shownBy(url, browser) }));
    const other = await join(stage.url, '/ws/hub', { headers: shownBy(stage.url, ada) });
    await ends(sockets, () => ask(stage.url, '/api/auth/logout', fromPage(stage, browser, { method: 'POST' })));
    expect((await ask(stage.url, '/api/auth/me', fromPage(stage, browser))).status).toBe(401);
    expect((await ask(elsewhere.url, '/api/auth/me', fromPage(elsewhere, browser))).status).toBe(401);
    other.send({ type: 'ping' });
    await other.heard('pong');
    other.close();
  });

  it('every other sign-in, by a new password', async () => {
    const eve = await signUp(stage, 'Eva');
    const stolen = await login(stage, eve.email);
    const sockets = await atBoth('/ws/hub', (url) => ({ headers: shownBy(url, stolen) }));
    const json = { current: 'Quattro-Formaggi-4', next: 'Quattro-Stagioni-4' };
    await ends(sockets, () => ask(stage.url, '/api/auth/password', fromPage(stage, eve, { json })));
    expect((await ask(stage.url, '/api/auth/me', fromPage(stage, stolen))).status).toBe(401);
    expect((await ask(stage.url, '/api/auth/me', fromPage(stage, eve))).status).toBe(200);
  });

  it('an API key', async () => {
    const { token: bearer, key } = await newKey(stage, ada, { name: 'to go' });
    const sockets = await atBoth('/ws/hub', () => ({ bearer }));
    await ends(sockets, async () => {
      const answer = await ask(stage.url, `/api/keys/${key.id}`, fromPage(stage, ada, { method: 'DELETE' }));
      expect((await ask(stage.url, '/api/auth/me', { bearer })).status).toBe(403);
      return answer;
    });
    expect((await ask(elsewhere.url, '/api/auth/me', { bearer })).status).toBe(403);
  });

  it('a runner token: the connections of its host and of its sessions end within 5 s, and none comes back', async () => {
    const { token, key } = await newKey(stage, ada, { name: 'a host', kind: 'runner' });
    const host = await startHost(stage, 'revoked-host', token);
    const session = await hostSession(stage, host, 'revoked-session');
    const raw = await Promise.all([host.login, session.login].map((login) => RawNats.open(stage.natsUrl, login)));
    const since = Date.now();
    await ask(stage.url, `/api/keys/${key.id}`, fromPage(stage, ada, { method: 'DELETE' }));
    for (const each of raw) {
      expect(each.kind).toBe('open');
      if (each.kind === 'open') await each.nats.closed;
    }
    expect(Date.now() - since).toBeLessThan(OPEN_MS);
    for (const login of [host.login, session.login])
      expect(await RawNats.open(stage.natsUrl, login)).toMatchObject({ kind: 'refused' });
    await Promise.all([session.backbone.close(), host.close()]);
  });

  it('an account: its browsers, keys, links, hosts and pairings, all of it', async () => {
    const mallory = await signUp(stage, 'Mallory');
    const { token } = await newKey(stage, mallory, { name: 'a host', kind: 'runner' });
    const host = await startHost(stage, 'mallorys-host', token);
    const session = await hostSession(stage, host, 'mallorys-session');
    for (const gateway of [stage, elsewhere]) await untilKnown(gateway, mallory.token, session.sid);
    const { token: guest } = await newShare(stage, mallory.token, session.sid);
    const sockets = [
      ...(await atBoth('/ws/hub', (url) => ({ headers: shownBy(url, mallory) }))),
      ...(await atBoth(`/ws/sessions/${session.sid}`, () => ({ bearer: mallory.token }))),
      ...(await atBoth(`/ws/sessions/${session.sid}`, () => ({ bearer: guest }))),
    ];
    const raw = await Promise.all([host.login, session.login].map((one) => RawNats.open(stage.natsUrl, one)));
    const since = Date.now();
    const path = `/api/users/${mallory.userId}`;
    await ends(sockets, async () => {
      const answer = await ask(stage.url, path, { method: 'PATCH', bearer: ada.token, json: { disabled: true } });
      expect((await ask(stage.url, '/api/auth/me', { bearer: mallory.token })).status).toBe(403);
      expect((await ask(stage.url, '/api/auth/me', fromPage(stage, mallory))).status).toBe(401);
      expect((await ask(stage.url, `/api/sessions/${session.sid}`, { bearer: guest })).status).toBe(403);
      return answer;
    });
    for (const each of raw) if (each.kind === 'open') await each.nats.closed;
    expect(Date.now() - since).toBeLessThan(OPEN_MS);
    expect(await RawNats.open(stage.natsUrl, host.login)).toMatchObject({ kind: 'refused' });
    const json = { email: mallory.email, password: 'Quattro-Formaggi-4' };
    expect((await ask(elsewhere.url, '/api/auth/login', { json, headers: fromPageOf(elsewhere.url) })).status).toBe(
      401,
    );
    await Promise.all([session.backbone.close(), host.close()]);
  });
});
