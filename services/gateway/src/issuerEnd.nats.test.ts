import { once } from 'node:events';
import { WebSocket } from 'ws';
import { UnsecuredJWT, type JWTPayload } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AUDIT_STREAM, refreshRows, streamHead } from '@pizzapi/backbone';
import { secretHash } from '@pizzapi/process';
import { PAGE_TOKEN, SUBPROTOCOL, type LoginInfo, type UserInfo } from '@pizzapi/protocol';
import { Browser } from './testing/browser.js';
import { auditRows } from './testing/auditRows.js';
import {
  registerPage,
  signedBy,
  signInAs,
  startIssuerScenario,
  type IssuerScenario,
} from './testing/issuerScenario.js';
import { PATIENT } from './testing/patience.js';

let s: IssuerScenario;
/** Another gateway of the installation, with the same settings. */
let second: string;
let after: number;
beforeAll(async () => {
  s = await startIssuerScenario();
  registerPage(s);
  second = await s.startWith({});
  await s.fetch('/api/auth/me');
});
afterAll(() => s.end());
beforeEach(async () => {
  after = await streamHead(s.b, AUDIT_STREAM);
});
afterEach(() => {
  s.provider.tamper = undefined;
  s.provider.refreshes = true;
  s.provider.isAway = false;
});

const users = async (): Promise<UserInfo[]> =>
  ((await (await s.fetch('/api/users')).json()) as { users: UserInfo[] }).users;
const accountOf = async (name: string) => (await users()).filter((user) => user.name === name);
const me = async (browser: Browser) => (await browser.ask('/api/auth/me')).status;

const signed = (payload: JWTPayload, how?: Parameters<typeof signedBy>[2]) => signedBy(s, payload, how);

describe('a person who leaves', () => {
  /** An open socket of the page of a browser, at another gateway; the code that it is closed with. */
  const closeCode = async (browser: Browser): Promise<number> => {
    const { host } = new URL(browser.page);
    const protocols = [SUBPROTOCOL.json, PAGE_TOKEN.prefix + browser.pageToken!];
    const headers = { host, origin: browser.page, cookie: browser.cookie! };
    const ws = new WebSocket(`${second}/ws/hub`, protocols, { headers });
    await once(ws, 'open');
    const [code] = (await once(ws, 'close')) as [number];
    return code;
  };

  it('is signed out on all gateways by a logout token of the issuer, which counts once', async () => {
    s.knows('lou');
    const [here, there] = [s.browser(), s.browser(second)];
    await signInAs(s, here, 'lou');
    await signInAs(s, there, 'lou');
    expect(await me(there)).toBe(200);
    const closed = closeCode(here);
    await s.provider.logOut('lou');
    await vi.waitFor(async () => expect([await me(here), await me(there)]).toEqual([401, 401]), PATIENT);
    expect(await closed).toBe(4401);
    expect(await auditRows(s, after)).toContainEqual(
      expect.objectContaining({ kind: 'logout', by: 'issuer', why: 'issuer_logout' }),
    );
  });

  it('is signed out where a link of a signed-in browser signed in, which lives no longer than without a refresh token', async () => {
    const lan = await s.start({ issuer: { ...s.settings, loginMs: 60_000 }, lan: true, lanAddresses: ['127.0.0.2'] });
    const browser = s.browser();
    await signInAs(s, browser, s.knows('ida'));
    const elsewhere = new Browser(lan.url);
    Object.assign(elsewhere, { cookie: browser.cookie, pageToken: browser.pageToken });
    const { url } = (await elsewhere.ask('/api/auth/handover', {})).body as { url: string };
    const device = new Browser(lan.url);
    const token = decodeURIComponent(new URL(url).hash.slice('#login='.length));
    expect(await device.ask('/api/auth/link', { token })).toMatchObject({ status: 200 });
    const { logins } = (await device.ask('/api/auth/logins')).body as { logins: LoginInfo[] };
    const own = logins.find(({ current }) => current);
    expect(own).toMatchObject({ throughIssuer: true });
    expect(own!.expiresAt - own!.createdAt).toBe(60_000);
    await s.provider.logOut('ida');
    await vi.waitFor(async () => expect([await me(browser), await me(device)]).toEqual([401, 401]), PATIENT);
  });

  it('leaves no refresh token after signing out', async () => {
    const browser = s.browser();
    await signInAs(s, browser, s.knows('ulf'));
    const hash = secretHash(browser.cookie!.slice(browser.cookie!.indexOf('=') + 1));
    const token = () => refreshRows(s.b).get(`refresh.${hash}`);
    expect(await token()).toBeDefined();
    await browser.ask('/api/auth/logout', {});
    expect(await token()).toBeUndefined();
  });

  it('is signed out by nothing that only looks like a logout token', async () => {
    s.knows('lim');
    const browser = s.browser();
    await signInAs(s, browser, 'lim');
    const now = Math.floor(Date.now() / 1_000);
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    const right = { iss: s.provider.issuer, aud: 'pizzapi', sub: 'lim', iat: now, exp: now + 60, jti: 'j1', events };
    const send = async (token: string) => {
      const body = new URLSearchParams({ logout_token: token });
      return (await fetch(`${s.url}/auth/oidc/backchannel-logout`, { method: 'POST', body })).status;
    };
    const { sub: _, ...nameless } = right;
    const { events: __, ...idToken } = right;
    const wrong = [
      await signed({ ...right, aud: 'other' }),
      await signed({ ...right, iss: 'https://evil.example' }),
      await signed({ ...right, nonce: 'n' }),
      await signed({ ...right, iat: now - 3_600 }),
      await signed({ ...right, exp: now - 3_600 }),
      await signed(idToken),
      await signed(nameless),
      await signed(right, { key: 'other' }),
      await signed(right, { typ: 'at+jwt' }),
      new UnsecuredJWT(right).encode(),
      'x.y.z',
      '',
    ];
    for (const token of wrong) expect(await send(token)).toBe(400);
    // Of another session at the issuer.
    expect(await send(await signed({ ...right, jti: 'j0', sid: 'other' }))).toBe(200);
    expect(await me(browser)).toBe(200);
    const token = await signed(right);
    expect([await send(token), await send(token)]).toEqual([200, 400]);
    await vi.waitFor(async () => expect(await me(browser)).toBe(401), PATIENT);
  });

  it('is signed out when the issuer no longer takes the refresh token, and not while it is only away', async () => {
    const checking = await s.startWith({ checkMs: 1 });
    const [browser, other] = [s.browser(checking), s.browser(checking)];
    await signInAs(s, browser, s.knows('roy'));
    await signInAs(s, other, s.knows('rob'));
    const refused = s.provider.refusedTokens;
    s.provider.isAway = true;
    await vi.waitFor(() => expect(s.provider.refusedTokens).toBeGreaterThan(refused), PATIENT);
    expect([await me(browser), await me(other)]).toEqual([200, 200]);
    s.provider.isAway = false;
    await signInAs(s, browser, 'roy');
    s.provider.people.delete('roy');
    await vi.waitFor(async () => expect(await me(browser)).toBe(401), PATIENT);
    expect(await auditRows(s, after)).toContainEqual(
      expect.objectContaining({ kind: 'logout', by: 'issuer', why: 'issuer_invalid_grant' }),
    );
  });

  it('stays signed in while the issuer refuses the gateway itself, such as after a change of its secret', async () => {
    const checking = await s.startWith({ checkMs: 1 });
    const browser = s.browser(checking);
    await signInAs(s, browser, s.knows('rex'));
    const refused = s.provider.refusedTokens;
    const { gateway } = await s.start({ issuer: { ...s.settings, checkMs: 1, clientSecret: 'the secret before' } });
    await vi.waitFor(() => expect(s.provider.refusedTokens).toBeGreaterThan(refused), PATIENT);
    expect(await me(browser)).toBe(200);
    const rows = await auditRows(s, after);
    expect(rows.filter((row) => row['why'] === 'issuer_invalid_client')).toEqual([]);
    // It would still claim checks that it cannot make.
    await gateway.stop();
  });

  it('loses sign-ins and keys when the rules no longer allow the person, and has them again when they do', async () => {
    const checking = await s.startWith({ checkMs: 1 });
    s.knows('ron', { name: 'Ron' });
    const browser = s.browser(checking);
    await signInAs(s, browser, 'ron');
    const key = (await browser.ask('/api/keys', { name: 'ci' })).body as { token: string };
    s.knows('ron', { name: 'Ron', email: 'ron@elsewhere.example' });
    await vi.waitFor(async () => expect(await me(browser)).toBe(401), PATIENT);
    const status = async () => (await s.fetch('/api/auth/me', { token: key.token })).status;
    await vi.waitFor(async () => expect(await status()).toBe(403), PATIENT);
    expect(await accountOf('Ron')).toMatchObject([{ disabled: true, disabledByIssuer: true }]);
    s.knows('ron', { name: 'Ron' });
    expect((await signInAs(s, s.browser(), 'ron')).status).toBe(200);
    await vi.waitFor(async () => expect(await status()).toBe(200), PATIENT);
  });

  it('loses the account for as long as the issuer has not confirmed it in time', async () => {
    s.provider.refreshes = false;
    s.knows('uwe', { name: 'Uwe' });
    const browser = s.browser();
    await signInAs(s, browser, 'uwe');
    await s.startWith({ checkMs: 1, confirmMs: 0 });
    await vi.waitFor(async () => expect(await me(browser)).toBe(401), PATIENT);
    expect(await accountOf('Uwe')).toMatchObject([{ disabledByIssuer: true }]);
  });
});
