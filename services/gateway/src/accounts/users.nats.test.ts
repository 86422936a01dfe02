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

describe('an invitation', () => {
  const invite = async (json: object = {}) => {
    const { body } = await admin.ask('/api/invitations', json);
    const { url, invitation } = body as { url: string; invitation: { id: string } };
    return { token: new URL(url).hash.slice(1), id: invitation.id };
  };
  const stateOf = async (id: string) =>
    ((await admin.ask('/api/invitations')).body as { invitations: { id: string; state: string }[] }).invitations.find(
      (one) => one.id === id,
    )?.state;
  /** A gateway where sign-up is closed. */
  let closed: string;
  beforeAll(async () => (closed = (await s.start({ signup: 'closed' })).url));
  const person = (n: number) => ({ email: `guest${n}@example.com`, password: 'Correct horse 1', name: `Guest ${n}` });

  it('creates one account, signed in, also where sign-up is closed, and is in the audit log', async () => {
    const { token, id } = await invite({ note: 'for Gus' });
    const browser = new Browser(closed);
    expect(await browser.ask('/api/auth/signup', person(1))).toMatchObject({ status: 403, code: 'signup_closed' });
    expect(await browser.ask('/api/auth/invitation', { token })).toMatchObject({ status: 200, body: { by: 'ada' } });
    const made = await browser.ask('/api/auth/signup', { ...person(1), invitation: token });
    expect(made).toMatchObject({ status: 201, body: { name: 'Guest 1', role: 'member', by: 'session' } });
    expect((await browser.ask('/api/auth/me')).status).toBe(200);
    expect(await stateOf(id)).toBe('used');
    const again = { ...person(2), invitation: token };
    expect(await new Browser(closed).ask('/api/auth/signup', again)).toMatchObject({ code: 'invitation_invalid' });
    const rows = JSON.stringify(await auditRows(s));
    expect(rows).toContain('invitation_created');
    expect(rows).toContain('for Gus');
    expect(rows).not.toContain(token);
  });

  it('of many who use it at once gives one an account', async () => {
    const { token } = await invite();
    const tries = [11, 12, 13, 14].map((n) =>
      new Browser(closed).ask('/api/auth/signup', { ...person(n), invitation: token }),
    );
    const answers = (await Promise.all(tries)).map(({ status }) => status);
    expect(answers.sort()).toEqual([201, 403, 403, 403]);
  });

  it('stays open for an address that is taken, and ends before its holder has tried many', async () => {
    const { token, id } = await invite();
    const browser = new Browser(closed);
    const tried = () => browser.ask('/api/auth/signup', { ...bob, invitation: token });
    for (let i = 0; i < 5; i++) expect(await tried()).toMatchObject({ status: 409, code: 'email_taken' });
    expect(await tried()).toMatchObject({ code: 'invitation_invalid' });
    expect(await stateOf(id)).toBe('revoked');
  });

  it('is no use once it is revoked, has expired, or when it is another text', async () => {
    const { token, id } = await invite({ expiresIn: '1h' });
    expect((await admin.ask(`/api/invitations/${id}`, undefined, 'DELETE')).status).toBe(204);
    expect(await admin.ask(`/api/invitations/${id}`, undefined, 'DELETE')).toMatchObject({ status: 404 });
    for (const given of [token, '', 'x'.repeat(32), token.toLowerCase()]) {
      const answer = await new Browser(closed).ask('/api/auth/signup', { ...person(3), invitation: given });
      expect(answer, given).toMatchObject({ status: 403, code: 'invitation_invalid' });
    }
    expect(await admin.ask('/api/invitations', { expiresIn: '31d' })).toMatchObject({ status: 400 });
  });

  it('is made, listed and revoked by admins alone', async () => {
    const { browser } = await signedIn();
    for (const [path, json, method] of [
      ['/api/invitations', {}, 'POST'],
      ['/api/invitations', undefined, 'GET'],
      ['/api/invitations/i_1', undefined, 'DELETE'],
    ] as const)
      expect(await browser.ask(path, json, method)).toMatchObject({ status: 403, code: 'forbidden' });
  });
});

describe('a link for another device', () => {
  let lan: string;
  beforeAll(async () => (lan = (await s.start({ lan: true, lanAddresses: ['127.0.0.2'] })).url));
  const tokenOf = (url: string) => decodeURIComponent(new URL(url).hash.slice('#login='.length));

  it('signs the device in to the account of its maker, once, and leads to an address that the device can open', async () => {
    const browser = new Browser(lan);
    await browser.ask('/api/auth/login', bob);
    const made = await browser.ask('/api/auth/handover', {});
    expect(made.status).toBe(201);
    const { url } = made.body as { url: string };
    expect(new URL(url).hostname).toBe('127.0.0.2');
    const phone = new Browser(lan);
    const signIn = () => phone.ask('/api/auth/link', { token: tokenOf(url) });
    expect(await signIn()).toMatchObject({ status: 200, body: { name: 'Bob', role: 'member' } });
    expect(await signIn()).toMatchObject({ status: 401, code: 'link_invalid' });
  });

  it('ends with the sign-in that made it, and no key makes one', async () => {
    const browser = new Browser(lan);
    await browser.ask('/api/auth/login', bob);
    const { url } = (await browser.ask('/api/auth/handover', {})).body as { url: string };
    const { token } = (await browser.ask('/api/keys', { name: 'k' })).body as { token: string };
    const byKey = await s.fetch('/api/auth/handover', { method: 'POST', json: {}, token, url: lan });
    expect(byKey.status).toBe(403);
    await browser.ask('/api/auth/logout', {});
    expect(await new Browser(lan).ask('/api/auth/link', { token: tokenOf(url) })).toMatchObject({ status: 401 });
  });

  it('is not made where no other device can open the page', async () => {
    const { browser } = await signedIn();
    expect(await browser.ask('/api/auth/handover', {})).toMatchObject({ status: 409, code: 'not_reachable' });
  });
});
