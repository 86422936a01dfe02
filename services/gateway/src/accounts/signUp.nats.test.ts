import { mintLinkToken } from '@pizzapi/process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Browser } from '../testing/browser.js';
import { PATIENT } from '../testing/patience.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';
import { auditRows } from '../testing/auditRows.js';

const scenarios: GatewayScenario[] = [];
const start = async (...options: Parameters<typeof startScenario>): Promise<GatewayScenario> => {
  const s = await startScenario(...options);
  scenarios.push(s);
  return s;
};
afterEach(async () => {
  for (const s of scenarios.splice(0)) await s.end();
});

const ada = { email: 'Ada@Example.com', password: 'Correct horse 1', name: 'Ada' };
const bob = { email: 'bob@example.com', password: 'Battery staple 2' };
const options = async (s: GatewayScenario) => (await (await fetch(`${s.url}/api/auth/options`)).json()) as object;

describe('signing up', () => {
  it('makes the first one the admin, signed in, and is closed from then on', async () => {
    const s = await start();
    expect(await options(s)).toEqual({ signup: 'first', accounts: false });
    const browser = new Browser(s.url);
    const first = await browser.ask('/api/auth/signup', ada);
    expect(first).toMatchObject({
      status: 201,
      body: {
        userId: 'owner',
        name: 'Ada',
        role: 'admin',
        email: 'ada@example.com',
        by: 'session',
        hasPassword: true,
        relay: { version: expect.any(String) as string, wire: 1 },
      },
    });
    const { pageToken: _, ...me } = first.body as Record<string, unknown>;
    expect(await browser.ask('/api/auth/me')).toEqual({ status: 200, body: me });
    expect(await options(s)).toEqual({ signup: 'closed', accounts: true });
    for (const body of [bob, ada]) {
      expect(await new Browser(s.url).ask('/api/auth/signup', body)).toMatchObject({
        status: 403,
        code: 'signup_closed',
      });
    }
    await vi.waitFor(async () => {
      const rows = await auditRows(s);
      expect(rows.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['signup', 'login']));
      expect(JSON.stringify(rows)).not.toContain(ada.password);
    }, PATIENT);
  });

  it('of many who are first at once makes one the admin', async () => {
    const s = await start();
    const answers = await Promise.all(
      [1, 2, 3, 4].map((n) => new Browser(s.url).ask('/api/auth/signup', { ...bob, email: `b${n}@example.com` })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 403, 403, 403]);
  });

  it('when it is open answers the same whether the address is taken or not, and makes one account of it', async () => {
    const s = await start({ signup: 'open' });
    await new Browser(s.url).ask('/api/auth/signup', ada);
    const fresh = await new Browser(s.url).ask('/api/auth/signup', bob);
    expect(fresh).toEqual({ status: 202, body: {} });
    const other = { ...bob, email: 'BOB@example.com', password: 'Somebody Else 3' };
    expect(await new Browser(s.url).ask('/api/auth/signup', other)).toEqual(fresh);

    const browser = new Browser(s.url);
    expect(await browser.ask('/api/auth/login', other)).toMatchObject({ status: 401, code: 'login_failed' });
    expect(await browser.ask('/api/auth/login', bob)).toMatchObject({ status: 200, body: { role: 'member' } });
    const admin = new Browser(s.url);
    await admin.ask('/api/auth/login', ada);
    const { users } = (await admin.ask('/api/users')).body as { users: object[] };
    expect(users).toHaveLength(2);
  });

  it('is closed to the first one too where it is said so', async () => {
    const s = await start({ signup: 'closed' });
    expect(await options(s)).toEqual({ signup: 'closed', accounts: false });
    expect(await new Browser(s.url).ask('/api/auth/signup', ada)).toMatchObject({ status: 403, code: 'signup_closed' });
  });

  it('refuses a password that is too weak or too long, and a body that is larger than any password', async () => {
    const s = await start();
    const browser = new Browser(s.url);
    const attempt = (password: string) => browser.ask('/api/auth/signup', { ...ada, password });
    expect(await attempt('short1A')).toMatchObject({ status: 400, code: 'password_weak' });
    expect(await attempt(`Aa1${'😀'.repeat(126)}`)).toMatchObject({ status: 400, code: 'password_weak' });
    expect(await attempt(`Aa1${'x'.repeat(1024 * 1024)}`)).toMatchObject({ status: 413, code: 'body_too_large' });
    expect(await browser.ask('/api/auth/signup', { ...ada, email: 'no address' })).toMatchObject({
      status: 400,
      code: 'bad_request',
    });
    expect(await attempt(`Aa1${'😀'.repeat(125)}`)).toMatchObject({ status: 201 });
  });
});

describe('the owner of a local run', () => {
  it('comes by a link, which closes the sign-up of others, and may set address and password', async () => {
    const s = await start();
    const owner = new Browser(s.url);
    await owner.ask('/api/auth/link', { token: mintLinkToken(s.secret, Date.now()) });
    expect(await owner.ask('/api/auth/me')).toMatchObject({ body: { userId: 'owner', hasPassword: false } });
    expect(await new Browser(s.url).ask('/api/auth/signup', bob)).toMatchObject({ status: 403, code: 'signup_closed' });
    expect(await owner.ask('/api/auth/signup', ada)).toMatchObject({
      status: 201,
      body: { userId: 'owner', name: 'Ada', email: 'ada@example.com', hasPassword: true },
    });
    expect(await new Browser(s.url).ask('/api/auth/login', ada)).toMatchObject({
      status: 200,
      body: { userId: 'owner' },
    });
  });

  it('sets a password as the programs of the machine do, once with an address and later with the current one', async () => {
    const s = await start({ signup: 'closed' });
    const set = async (json: object) => (await s.fetch('/api/auth/password', { method: 'POST', json })).status;
    expect(await set({ next: ada.password })).toBe(400);
    expect(await set({ next: ada.password, email: ada.email })).toBe(200);
    expect(await set({ next: bob.password })).toBe(401);
    expect(await set({ next: bob.password, current: ada.password })).toBe(200);
    expect((await new Browser(s.url).ask('/api/auth/login', { ...ada, password: bob.password })).status).toBe(200);
  });
});
