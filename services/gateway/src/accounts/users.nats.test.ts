import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Browser } from '../testing/browser.js';
import { PATIENT } from '../testing/patience.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';
import { auditRows } from '../testing/auditRows.js';

const ada = { email: 'ada@example.com', password: 'Correct horse 1' };
const bob = { email: 'bob@example.com', password: 'Battery staple 2', name: 'Bob' };

let s: GatewayScenario;
let admin: Browser;
beforeAll(async () => {
  s = await startScenario({ signup: 'open', attemptsPerMinute: 100 });
  admin = new Browser(s.url);
  await admin.ask('/api/auth/signup', ada);
  await new Browser(s.url).ask('/api/auth/signup', bob);
});
afterAll(() => s.end());

const set = (id: string, disabled: boolean) => admin.ask(`/api/users/${id}`, { disabled }, 'PATCH');
const signedIn = async () => {
  const browser = new Browser(s.url);
  return { browser, answer: await browser.ask('/api/auth/login', bob) };
};

describe('the people', () => {
  it('are seen by admins alone, without their passwords', async () => {
    const { users } = (await admin.ask('/api/users')).body as { users: object[] };
    expect(users).toMatchObject([
      { userId: 'owner', email: ada.email, role: 'admin', disabled: false },
      { name: 'Bob', email: bob.email, role: 'member', disabled: false },
    ]);
    expect(JSON.stringify(users)).not.toContain('scrypt');
    const { browser } = await signedIn();
    expect(await browser.ask('/api/users')).toMatchObject({ status: 403, code: 'forbidden' });
    expect(await browser.ask('/api/users/owner', { disabled: true }, 'PATCH')).toMatchObject({ status: 403 });
  });

  it('who are disabled lose logins and keys at once, cannot sign in, and can be enabled again', async () => {
    const { browser, answer } = await signedIn();
    const { userId } = answer.body as { userId: string };
    const { token } = (await browser.ask('/api/keys', { name: 'k' })).body as { token: string };
    const elsewhere = (await s.start()).url;
    const byKey = async (at: string) =>
      (await fetch(`${at}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } })).status;
    expect([await byKey(s.url), await byKey(elsewhere)]).toEqual([200, 200]);

    expect(await set(userId, true)).toMatchObject({ status: 200, body: { userId, disabled: true } });
    expect((await browser.ask('/api/auth/me')).status).toBe(401);
    expect(await byKey(s.url)).toBe(403);
    await vi.waitFor(async () => expect(await byKey(elsewhere)).toBe(403), PATIENT);
    const wrong = await new Browser(s.url).ask('/api/auth/login', { ...bob, password: 'Wrong staple 2' });
    expect((await signedIn()).answer).toEqual(wrong);

    expect(await set(userId, false)).toMatchObject({ body: { disabled: false } });
    expect((await browser.ask('/api/auth/me')).status).toBe(401);
    expect((await signedIn()).answer.status).toBe(200);
    expect(await byKey(s.url)).toBe(200);
    await vi.waitFor(async () => {
      const rows = (await auditRows(s)).filter(({ target }) => target === userId);
      expect(rows).toMatchObject([
        { kind: 'user_disabled', userId: 'owner' },
        { kind: 'user_enabled', userId: 'owner' },
      ]);
    }, PATIENT);
  });

  it('cannot be disabled by themselves, and an unknown one is not there', async () => {
    expect(await set('owner', true)).toMatchObject({ status: 409, code: 'own_account' });
    expect(await set('u_nobody', true)).toMatchObject({ status: 404, code: 'user_not_found' });
  });
});
