import { SignJWT, decodeJwt, UnsecuredJWT, type JWTPayload } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { AUDIT_STREAM, streamHead } from '@pizzapi/backbone';
import type { UserInfo } from '@pizzapi/protocol';
import { askAt, type Browser } from './testing/browser.js';
import { auditRows } from './testing/auditRows.js';
import {
  begin,
  finish,
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
const options = async (browser = s.browser()) => (await browser.ask('/api/auth/options')).body;

const signed = (payload: JWTPayload, how?: Parameters<typeof signedBy>[2]) => signedBy(s, payload, how);

/** The provider lies about the person. */
function lie(change: (claims: JWTPayload) => JWTPayload | Promise<string>): void {
  s.provider.tamper = async (body) => {
    const changed = await change(decodeJwt(String(body['id_token'])));
    return { ...body, id_token: typeof changed === 'string' ? changed : await signed(changed) };
  };
}

it('while the issuer is away the page says so, and the gateway tries again by itself', async () => {
  s.provider.isAway = true;
  const browser = s.browser(await s.startWith({}));
  expect(await options(browser)).toMatchObject({ issuer: { name: 'Acme', available: false } });
  expect(await browser.ask('/api/auth/oidc/start', {})).toMatchObject({ status: 503, code: 'issuer_unavailable' });
  s.provider.isAway = false;
  await vi.waitFor(async () => expect(await options(browser)).toMatchObject({ issuer: { available: true } }), PATIENT);
});

describe('a first sign-in through the issuer', () => {
  it('makes an account that is signed in, at whichever gateway the browser returns to', async () => {
    const browser = s.browser();
    s.knows('ada', { name: 'Ada' });
    const begun = await begin(browser, { returnTo: '/pair#k7qd-2mxv' });
    const callback = await s.provider.signIn(begun.url, 'ada');
    browser.port = Number(new URL(second).port);
    const answer = await finish(browser, callback, begun);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        name: 'Ada',
        role: 'member',
        email: 'ada@acme.example',
        issuer: { name: 'Acme' },
        returnTo: '/pair#k7qd-2mxv',
      },
    });
    browser.port = undefined;
    expect(await me(browser)).toBe(200);
    expect(await accountOf('Ada')).toMatchObject([{ identity: { address: 'ada@acme.example' }, hasPassword: false }]);
    const rows = await auditRows(s, after);
    expect(rows.map(({ kind, how }) => [kind, how])).toEqual(
      expect.arrayContaining([
        ['signup', 'issuer'],
        ['login', 'issuer'],
      ]),
    );
    for (const secret of [callback.searchParams.get('code')!, begun.binding, s.provider.clientSecret, browser.cookie!])
      expect(JSON.stringify(rows)).not.toContain(secret);
    // The same person has the same account.
    await signInAs(s, s.browser(), 'ada');
    expect(await accountOf('Ada')).toHaveLength(1);
  });

  it('counts once, and once begun it does not count', async () => {
    const ok = async () =>
      Number(/sign_ins_total\{outcome="ok"\} (\d+)/.exec(await s.gateway.metrics.render())?.[1] ?? 0);
    const before = await ok();
    await begin(s.browser());
    await signInAs(s, s.browser(), s.knows('once'));
    expect((await ok()) - before).toBe(1);
  });

  it('does not count as an attempt of its network, and waits while there were too many others', async () => {
    const limited = await s.startWith({}, { attemptsPerMinute: 2 });
    s.knows('team');
    const all = await Promise.all(Array.from({ length: 4 }, () => signInAs(s, s.browser(limited), 'team')));
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const browser = s.browser(limited);
    const begun = await begin(browser);
    const callback = await s.provider.signIn(begun.url, 'team');
    for (let attempt = 0; attempt < 2; attempt++) await finish(s.browser(limited), callback, begun);
    expect(await finish(browser, callback, begun)).toMatchObject({ status: 429 });
    // What was not looked at can be finished elsewhere, or later.
    browser.port = undefined;
    expect(await finish(browser, callback, begun)).toMatchObject({ status: 200 });
  });

  it('makes one account for a person who signs in twice at once', async () => {
    s.knows('twin', { name: 'Twin' });
    await Promise.all([signInAs(s, s.browser(), 'twin'), signInAs(s, s.browser(second), 'twin')]);
    expect(await accountOf('Twin')).toHaveLength(1);
  });

  it.each([
    ['eve', { email: 'eve@evil.example' }, /domain/],
    ['una', { email_verified: false }, /verified no e-mail/],
  ])('is refused for %s, with what to do', async (name, person, why) => {
    s.knows(name, { name, ...person });
    const { status, code, body } = await signInAs(s, s.browser(), name);
    expect({ status, code }).toEqual({ status: 403, code: 'issuer_refused' });
    expect(JSON.stringify(body)).toMatch(why);
    expect(await accountOf(name)).toEqual([]);
    expect(await auditRows(s, after)).toMatchObject([{ kind: 'login_failed', how: 'issuer' }]);
  });

  it('gives the role of the admin group at each sign-in', async () => {
    s.knows('olga', { name: 'Olga', groups: ['ops'] });
    expect((await signInAs(s, s.browser(), 'olga')).body.role).toBe('admin');
    s.knows('olga', { name: 'Olga', groups: [] });
    expect((await signInAs(s, s.browser(), 'olga')).body.role).toBe('member');
    expect(await auditRows(s, after)).toContainEqual(expect.objectContaining({ kind: 'role_changed', role: 'member' }));
  });

  it('is allowed by an invitation, whatever the rules are', async () => {
    s.knows('guest', { name: 'Guest', email: 'guest@partner.example' });
    const made = await s.fetch('/api/invitations', { method: 'POST', json: {} });
    const invitation = new URL(((await made.json()) as { url: string }).url).hash.slice(1);
    expect(await signInAs(s, s.browser(), 'guest', { invitation })).toMatchObject({ status: 200 });
    // The invitation counts once; the account counts from then on.
    expect(await signInAs(s, s.browser(), 'guest')).toMatchObject({ status: 200 });
    s.knows('guest2', { email: 'guest2@partner.example' });
    expect(await signInAs(s, s.browser(), 'guest2', { invitation })).toMatchObject({ code: 'invitation_invalid' });
  });
});

describe('an account with the address of a person', () => {
  const password = 'Correct horse 1';
  const signUp = async (name: string) => {
    const made = await s.fetch('/api/invitations', { method: 'POST', json: {} });
    const invitation = new URL(((await made.json()) as { url: string }).url).hash.slice(1);
    const browser = s.browser();
    await browser.ask('/api/auth/signup', { email: `${name}@acme.example`, password, name, invitation });
    return browser;
  };

  it('stays apart, unless the operator links by address', async () => {
    const own = await signUp('lea');
    s.knows('lea', { name: 'lea' });
    expect((await signInAs(s, s.browser(), 'lea')).status).toBe(200);
    expect(await accountOf('lea')).toHaveLength(2);
    expect(await me(own)).toBe(200);
    expect(await s.browser().ask('/api/auth/login', { email: 'lea@acme.example', password })).toMatchObject({
      status: 200,
    });
  });

  it('is that of the person then, and of no one who knew its password or has a key', async () => {
    const linking = await s.startWith({ linkByEmail: true });
    const own = await signUp('max');
    const key = (await own.ask('/api/keys', { name: 'stays?' })).body as { token: string };
    s.knows('max', { name: 'max', email_verified: false });
    expect(await signInAs(s, s.browser(linking), 'max')).toMatchObject({ code: 'issuer_refused' });
    s.knows('max', { name: 'max' });
    const browser = s.browser(linking);
    expect((await signInAs(s, browser, 'max')).status).toBe(200);
    expect(await accountOf('max')).toHaveLength(1);
    await vi.waitFor(async () => expect(await me(own)).toBe(401), PATIENT);
    await vi.waitFor(
      async () => expect((await s.fetch('/api/auth/me', { token: key.token })).status).toBe(403),
      PATIENT,
    );
    expect(await s.browser().ask('/api/auth/login', { email: 'max@acme.example', password })).toMatchObject({
      code: 'login_failed',
    });
    expect(await browser.ask('/api/auth/password', { next: password })).toMatchObject({ code: 'issuer_account' });
    expect(await auditRows(s, after)).toContainEqual(expect.objectContaining({ kind: 'identity_linked' }));
  });
});

describe('an attacker', () => {
  beforeAll(() => void s.knows('vic', { name: 'Vic' }));
  const begunBy = async (browser: Browser) => {
    const begun = await begin(browser);
    return { begun, callback: await s.provider.signIn(begun.url, 'vic') };
  };

  it('cannot use an answer of the issuer twice, nor its code in a sign-in of another state', async () => {
    const browser = s.browser();
    const { begun, callback } = await begunBy(browser);
    const pending = browser.pending;
    expect((await finish(browser, callback, begun)).status).toBe(200);
    browser.pending = pending;
    expect(await finish(browser, callback, begun)).toMatchObject({ status: 401, code: 'issuer_failed' });
    const again = await begin(browser);
    const other = new URL(again.url).searchParams.get('state')!;
    callback.searchParams.set('state', other);
    expect(await finish(browser, callback, again)).toMatchObject({ code: 'issuer_failed' });
  });

  it('cannot finish with a cookie or a page of another browser', async () => {
    const [victim, thief] = [s.browser(), s.browser()];
    const { begun, callback } = await begunBy(victim);
    // With the cookie alone, which other programs of the host may be sent.
    thief.pending = victim.pending;
    const own = await begin(s.browser());
    expect(await finish(thief, callback, own)).toMatchObject({ code: 'issuer_failed' });
    expect(await finish(s.browser(), callback, begun)).toMatchObject({ code: 'issuer_failed' });
    expect((await finish(victim, callback, begun)).status).toBe(200);
  });

  it('cannot sign a victim in to an account of the attacker', async () => {
    const attacker = s.browser();
    const { begun, callback } = await begunBy(attacker);
    const victim = s.browser();
    expect(await finish(victim, callback, await begin(victim))).toMatchObject({ code: 'issuer_failed' });
    const headers = new Headers({
      origin: 'https://evil.example',
      'content-type': 'application/json',
      cookie: attacker.pending!,
    });
    const body = JSON.stringify({ query: callback.search, binding: begun.binding });
    expect((await askAt(`${victim.page}/api/auth/oidc/finish`, { method: 'POST', headers, body })).status).toBe(403);
  });

  it('cannot mix up the issuer', async () => {
    const browser = s.browser();
    const { begun, callback } = await begunBy(browser);
    callback.searchParams.set('iss', 'https://evil.example');
    expect(await finish(browser, callback, begun)).toMatchObject({ code: 'issuer_failed' });
  });

  it.each<[string, (claims: JWTPayload) => JWTPayload | Promise<string>]>([
    ['has no nonce of this sign-in', (claims) => ({ ...claims, nonce: 'other' })],
    ['is of another audience', (claims) => ({ ...claims, aud: 'other' })],
    ['is of another audience too', (claims) => ({ ...claims, aud: ['pizzapi', 'other'], azp: 'other' })],
    ['is of another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['has expired', (claims) => ({ ...claims, exp: 1_000 })],
    ['is signed by another key', (claims) => signed(claims, { key: 'other' })],
    ['is not signed', (claims) => Promise.resolve(new UnsecuredJWT(claims).encode())],
    [
      'is signed by the secret of the client',
      (claims) => new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(s.provider.clientSecret)),
    ],
  ])('gets nowhere with an ID token that %s', async (_what, change) => {
    lie(change);
    expect(await signInAs(s, s.browser(), 'vic')).toMatchObject({ status: 401, code: 'issuer_failed' });
  });

  it('gets nowhere with claims that never end, while long lists of groups are read', async () => {
    lie((claims) => ({ ...claims, groups: Array.from({ length: 100_000 }, (_, at) => `group-${at}`) }));
    expect(await signInAs(s, s.browser(), 'vic')).toMatchObject({ code: 'issuer_unavailable' });
    lie((claims) => ({ ...claims, groups: Array.from({ length: 5_000 }, (_, at) => `group-${at}`) }));
    expect(await signInAs(s, s.browser(), 'vic')).toMatchObject({ status: 200 });
  });

  it('does not lead a person to another address after the sign-in', async () => {
    const { body } = await signInAs(s, s.browser(), 'vic', { returnTo: '//evil.example/' });
    expect(body.returnTo).toBe('/');
  });
});

it('a sign-in works right after the issuer has changed its keys', async () => {
  s.knows('kim');
  await signInAs(s, s.browser(), 'kim');
  await s.provider.rotateKeys();
  expect((await signInAs(s, s.browser(), 'kim')).status).toBe(200);
});

it('the address of a public page with a path is where the issuer sends browsers back to', async () => {
  const behind = await s.startWith({}, { publicUrl: 'https://relay.example/pizza' });
  const { port } = new URL(behind);
  const headers = new Headers({
    host: 'relay.example',
    origin: 'https://relay.example',
    'content-type': 'application/json',
  });
  const answer = await askAt('https://relay.example/pizza/api/auth/oidc/start', {
    method: 'POST',
    headers,
    body: '{}',
    port: Number(port),
  });
  const { url } = (await answer.json()) as { url: string };
  expect(new URL(url).searchParams.get('redirect_uri')).toBe('https://relay.example/pizza/auth/oidc/callback');
  expect(new URL(url).searchParams.get('code_challenge_method')).toBe('S256');
  expect(answer.headers.getSetCookie()).toEqual([
    expect.stringMatching(
      /^__Secure-pizzapi-oidc=.*Path=\/pizza\/api\/auth; HttpOnly; SameSite=Strict; Secure$/,
    ) as string,
  ]);
});

it('without passwords, the issuer and the links of this machine are the only ways in', async () => {
  const url = await s.startWith({ passwords: 'off' });
  const browser = s.browser(url);
  expect(await options(browser)).toMatchObject({ passwords: false, accounts: false, signup: 'closed' });
  const body = { email: 'a@acme.example', password: 'Correct horse 1', name: 'A' };
  expect(await browser.ask('/api/auth/login', body)).toMatchObject({ code: 'passwords_off' });
  expect(await browser.ask('/api/auth/signup', body)).toMatchObject({ code: 'passwords_off' });
});

it('a sign-in begins at the address of the page only, where its cookie belongs', async () => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${s.url}/api/auth/oidc/start`, { method: 'POST', headers, body: '{}' });
  expect(answer.status).toBe(421);
});
