import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';
import { mintLinkToken } from '@pizzapi/process';
import type { LoginInfo } from '@pizzapi/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AUDIT_STREAM, streamHead } from '@pizzapi/backbone';
import { askAt, Browser } from '../testing/browser.js';
import { PATIENT } from '../testing/patience.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';
import { auditRows } from '../testing/auditRows.js';

const ada = { email: 'ada@example.com', password: 'Correct horse 1' };
const wrong = { ...ada, password: 'Wrong horse 1' };
const unknown = { email: 'nobody@example.com', password: 'Wrong horse 1' };

interface Logins {
  logins: LoginInfo[];
}

/** Dear enough to be seen above everything else that a login does. */
const COST = { N: 2 ** 14, r: 8, p: 1 };

let s: GatewayScenario;
let url: string;
let after: number;
beforeAll(async () => {
  s = await startScenario({ passwords: { cost: COST } });
  expect((await new Browser(s.url).ask('/api/auth/signup', ada)).status).toBe(201);
});
// A gateway of its own counts the attempts of each test anew.
beforeEach(async () => {
  ({ url } = await s.start());
  after = await streamHead(s.b, AUDIT_STREAM);
});
afterAll(() => s.end());

const signedIn = async (at = url, headers: Record<string, string> = {}) => {
  const browser = new Browser(at, headers);
  expect((await browser.ask('/api/auth/login', ada)).status).toBe(200);
  return browser;
};

describe('a wrong password', () => {
  it('and an unknown address get the same answer, and leave a row each without what was typed', async () => {
    const answers = [wrong, unknown].map((body) => new Browser(url).ask('/api/auth/login', body));
    const [known, nobody] = await Promise.all(answers);
    expect(known).toMatchObject({ status: 401, code: 'login_failed' });
    expect(nobody).toEqual(known);
    await vi.waitFor(async () => {
      const rows = await auditRows(s, after);
      expect(rows.filter(({ kind }) => kind === 'login_failed')).toHaveLength(2);
      expect(JSON.stringify(rows)).not.toMatch(/horse|nobody@/);
    }, PATIENT);
  });

  it('and an unknown address take the same time', async () => {
    const patient = (await s.start({ attemptsPerMinute: 1_000 })).url;
    const timed = async (body: object) => {
      const began = performance.now();
      await new Browser(patient).ask('/api/auth/login', body);
      return performance.now() - began;
    };
    /** How much the medians of interleaved tries differ, as a part of the larger one. */
    const difference = async (): Promise<number> => {
      const times: [number[], number[]] = [[], []];
      for (let i = 0; i < 9; i++) {
        times[0].push(await timed(wrong));
        times[1].push(await timed(unknown));
      }
      const [a, b] = times.map((list) => list.sort((x, y) => x - y)[4]!) as [number, number];
      return Math.abs(a - b) / Math.max(a, b);
    };
    // A machine that is busy with something else may disturb a round; a leak would show in every one.
    const rounds: number[] = [];
    while (rounds.length < 10 && !rounds.some((part) => part < 0.1)) rounds.push(await difference());
    expect(Math.min(...rounds)).toBeLessThan(0.1);
  });

  it('ten times in a minute is the last that is looked at, until a minute has passed', async () => {
    const bad = () => new Browser(url).fetch('/api/auth/login', wrong);
    for (let i = 0; i < 10; i++) expect((await bad()).status).toBe(401);
    const eleventh = await bad();
    expect(eleventh.status).toBe(429);
    expect(Number(eleventh.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await eleventh.json()).toMatchObject({ error: { code: 'too_many_requests' } });
    expect((await new Browser(url).ask('/api/auth/login', ada)).status).toBe(429);
  });

  it('that is longer than a password may be is not even looked at', async () => {
    const attempt = (password: string) => new Browser(url).ask('/api/auth/login', { ...ada, password });
    expect(await attempt('é'.repeat(129))).toMatchObject({ status: 400, code: 'password_weak' });
    expect(await attempt('x'.repeat(1024 * 1024))).toMatchObject({ status: 413, code: 'body_too_large' });
  });
});

describe('the address of a client', () => {
  it('is not what a forwarding header says', async () => {
    let n = 0;
    const bad = () =>
      new Browser(url, { 'x-forwarded-for': `198.51.100.${++n}` }).ask('/api/auth/login', {
        ...wrong,
        email: `somebody${n}@example.com`,
      });
    for (let i = 0; i < 10; i++) expect((await bad()).status).toBe(401);
    expect((await bad()).status).toBe(429);
  });

  it('is what a trusted proxy says, and no more than that', async () => {
    const behind = (await s.start({ trustedProxies: ['127.0.0.0/8'] })).url;
    const from = (forwarded: string, n = 0) =>
      new Browser(behind, { 'x-forwarded-for': forwarded }).ask('/api/auth/login', {
        ...wrong,
        email: `somebody${n}@example.com`,
      });
    // What the client itself put in front of the proxy's word counts for nothing.
    for (let i = 0; i < 10; i++) expect((await from(`203.0.113.${i}, 198.51.100.1`, i)).status).toBe(401);
    expect((await from('203.0.113.99, 198.51.100.1', 99)).status).toBe(429);
    expect((await from('198.51.100.2', 100)).status).toBe(401);
    const browser = await signedIn(behind, { 'x-forwarded-for': '198.51.100.7' });
    const { logins } = (await browser.ask('/api/auth/logins')).body as Logins;
    expect(logins.find(({ current }) => current)).toMatchObject({ ip: '198.51.100.7' });
  });
});

it('fifty logins at once are answered or sent away, and the gateway answers others meanwhile', async () => {
  const { url: crowded } = await s.start({ attemptsPerMinute: 1_000, passwords: { cost: COST, waiting: 8 } });
  let pending = 50;
  const logins = Array.from({ length: pending }, async () => {
    const answer = await new Browser(crowded).fetch('/api/auth/login', wrong);
    pending--;
    return { status: answer.status, retryAfter: answer.headers.get('retry-after') };
  });
  let alive = 0;
  while (pending > 0) {
    expect((await fetch(`${crowded}/livez`)).status).toBe(200);
    if (pending > 0) alive++;
  }
  expect(alive).toBeGreaterThan(5);
  const answers = await Promise.all(logins);
  const looked = answers.filter(({ status }) => status === 401);
  const sentAway = answers.filter(({ status, retryAfter }) => status === 429 && Number(retryAfter) > 0);
  expect(looked.length + sentAway.length).toBe(50);
  expect(looked.length).toBeGreaterThanOrEqual(10);
  expect(sentAway.length).toBeGreaterThan(0);
});

describe('a login', () => {
  it('is kept by a cookie that no script can read, bound to the host where there is TLS', async () => {
    const answer = await new Browser(url).fetch('/api/auth/login', ada);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^pizzapi=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/),
      expect.stringMatching(
        /^pizzapi-device=[\w-]{59}; Max-Age=31536000; Path=\/api\/auth; HttpOnly; SameSite=Strict$/,
      ),
    ]);
    const publicUrl = 'https://app.example.com';
    const { gateway } = await s.start({ publicUrl });
    const { port } = gateway.app.server.address() as AddressInfo;
    const overTls = await askAt(`${publicUrl}/api/auth/login`, {
      ...{ port, method: 'POST', body: JSON.stringify(ada) },
      headers: new Headers({ 'content-type': 'application/json', origin: publicUrl }),
    });
    const [cookie, device] = overTls.headers.getSetCookie();
    expect(cookie).toMatch(/^__Host-pizzapi=[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
    expect(device).toMatch(
      /^__Host-pizzapi-device=[\w-]{59}; Max-Age=31536000; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    );
    const { pageToken } = (await overTls.json()) as { pageToken: string };
    const me = (name: string) => {
      const pair = cookie!.split(';', 1)[0]!.replace('__Host-pizzapi', name);
      return askAt(`${publicUrl}/api/auth/me`, {
        port,
        headers: new Headers({ cookie: pair, 'pizzapi-page-token': pageToken }),
      });
    };
    expect((await me('__Host-pizzapi')).status).toBe(200);
    expect((await me('pizzapi')).status).toBe(401);
  });

  it('ends with the logout, at this gateway at once and at the others soon', async () => {
    const browser = await signedIn();
    const other = new Browser((await s.start()).url);
    Object.assign(other, { cookie: browser.cookie, pageToken: browser.pageToken });
    expect((await other.ask('/api/auth/me')).status).toBe(200);
    const { cookie } = browser;
    expect((await browser.ask('/api/auth/logout', {})).status).toBe(204);
    expect(browser.cookie).toBeUndefined();
    browser.cookie = cookie;
    expect((await browser.ask('/api/auth/me')).status).toBe(401);
    await vi.waitFor(async () => expect((await other.ask('/api/auth/me')).status).toBe(401), PATIENT);
  });

  it('is listed, and can be ended from another', async () => {
    const [here, there] = [await signedIn(), await signedIn(url, { 'user-agent': 'Elsewhere/1.0' })];
    const { logins } = (await here.ask('/api/auth/logins')).body as Logins;
    expect(logins.filter(({ current }) => current)).toHaveLength(1);
    const elsewhere = logins.find(({ userAgent }) => userAgent === 'Elsewhere/1.0')!;
    expect(elsewhere).toMatchObject({ ip: '127.0.0.1', current: false });
    const end = (id: string) => here.ask(`/api/auth/logins/${id}`, undefined, 'DELETE');
    expect((await end(elsewhere.id)).status).toBe(204);
    expect((await there.ask('/api/auth/me')).status).toBe(401);
    expect(await end(elsewhere.id)).toMatchObject({ status: 404, code: 'login_not_found' });
    expect((await here.ask('/api/auth/me')).status).toBe(200);
  });

  it('survives a change of the password only where it was changed', async () => {
    const bob = { email: 'bob@example.com', password: 'Battery staple 2' };
    const open = (await s.start({ signup: 'open' })).url;
    await new Browser(open).ask('/api/auth/signup', bob);
    const [one, two] = [new Browser(open), new Browser(open)];
    for (const browser of [one, two]) expect((await browser.ask('/api/auth/login', bob)).status).toBe(200);
    const change = (body: object) => one.ask('/api/auth/password', body);
    const next = 'Another staple 3';
    expect(await change({ current: 'Not the one 9', next })).toMatchObject({ status: 401, code: 'login_failed' });
    expect(await change({ current: bob.password, next: 'weak' })).toMatchObject({ status: 400, code: 'password_weak' });
    expect(await change({ current: bob.password, next, email: ada.email })).toMatchObject({
      status: 409,
      code: 'email_taken',
    });
    expect((await change({ current: bob.password, next, email: 'robert@example.com' })).status).toBe(200);
    expect((await one.ask('/api/auth/me')).body).toMatchObject({ email: 'robert@example.com' });
    expect((await two.ask('/api/auth/me')).status).toBe(401);
    const login = (email: string, password: string) => new Browser(open).ask('/api/auth/login', { email, password });
    expect((await login(bob.email, next)).status).toBe(401);
    expect((await login('robert@example.com', bob.password)).status).toBe(401);
    expect((await login('robert@example.com', next)).status).toBe(200);
  });
});

it('a link works once, whichever of two gateways it is opened at', async () => {
  const token = mintLinkToken(s.secret, Date.now());
  const other = (await s.start()).url;
  const answers = await Promise.all([url, other].map((at) => new Browser(at).ask('/api/auth/link', { token })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  expect(answers.find(({ status }) => status === 200)!.body).toMatchObject({ userId: 'owner', email: ada.email });
});
