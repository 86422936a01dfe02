import { mintLinkToken, readGatewaySecret } from '@pizzapi/process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { startGateway } from './support/gateway.js';
import { ask, fromPageOf, type HttpAnswer } from './support/http.js';
import { attemptLogin, PASSWORD, settleOwner, type Person } from './support/people.js';
import { auditRow } from './support/auditRows.js';

const WRONG = 'Quattro-Formaggi-5';
/** For gateways at which many passwords are tried at once. Stored hashes carry their own cost. */
const QUICK = { waiting: 100 };

let stage: LocalStack;
let ada: Person;

beforeAll(async () => {
  stage = await startLocalStack({ PIZZAPI_SIGNUP: 'open' });
  ada = await settleOwner(stage);
});
afterAll(async () => {
  await stage?.clear();
});

describe('a local run that lets people sign up', () => {
  it('is its owner’s before anybody has signed in: who comes first over the network is a member', async () => {
    const fresh = await startLocalStack({ PIZZAPI_SIGNUP: 'open' });
    try {
      const json = { email: 'first@example.com', password: PASSWORD };
      const answer = await ask(fresh.url, '/api/auth/signup', { json, headers: fromPageOf(fresh.url) });
      expect([answer.status, answer.text]).toEqual([202, '{}']);
    } finally {
      await fresh.clear();
    }
  });
});

describe('(11) guessing', () => {
  it('ends with the 11th attempt in a minute: 429, and when to come back', async () => {
    const gateway = await startGateway(stage);
    const { url } = gateway;
    const statuses: number[] = [];
    for (let i = 0; i < 10; i++) statuses.push((await attemptLogin(url, ada.email, WRONG)).status);
    expect(statuses).toEqual(statuses.map(() => 401));
    const eleventh = await attemptLogin(url, ada.email, PASSWORD);
    expect([eleventh.status, eleventh.code]).toEqual([429, 'too_many_requests']);
    expect(Number(eleventh.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(eleventh.headers['retry-after'])).toBeLessThanOrEqual(60);
    await auditRow(stage, 'refused', ({ code, path }) => code === 'too_many_requests' && path === '/api/auth/login');

    const another = await attemptLogin(url, 'other@example.com', WRONG, { 'x-forwarded-for': '203.0.113.9' });
    expect(another.status, 'a header that anyone can send makes nobody somebody else').toBe(429);
    for (const name of ['forwarded', 'x-real-ip', 'x-client-ip', 'cf-connecting-ip', 'true-client-ip']) {
      const headers = { [name]: name === 'forwarded' ? 'for=203.0.113.9' : '203.0.113.9' };
      expect((await attemptLogin(url, 'other@example.com', WRONG, headers)).status, name).toBe(429);
    }
    expect((await ask(url, '/api/auth/me', { bearer: ada.token })).status, 'who is signed in goes on').toBe(200);
    await gateway.stop();
  });

  it('counts the clients behind a proxy that is trusted one by one, and all of them at one account far above that', async () => {
    const gateway = await startGateway(stage, {
      trustedProxies: ['127.0.0.1'],
      attemptsPerMinute: 3,
      passwords: QUICK,
    });
    const { url } = gateway;
    const from = (client: number) => ({ 'x-forwarded-for': `198.51.100.${client}` });
    for (let i = 0; i < 4; i++)
      expect((await attemptLogin(url, `n${i}@example.com`, WRONG, from(1))).status, `attempt ${i}`).toBe(
        i < 3 ? 401 : 429,
      );
    expect((await attemptLogin(url, 'n@example.com', WRONG, from(2))).status).toBe(401);
    const liar = { 'x-forwarded-for': '192.0.2.1, 198.51.100.1' };
    expect(
      (await attemptLogin(url, 'm@example.com', WRONG, liar)).status,
      'what the client itself wrote is not believed',
    ).toBe(429);
    // Ten times what one client has.
    for (let i = 0; i < 31; i++)
      expect((await attemptLogin(url, ada.email, WRONG, from(10 + i))).status, `address ${i}`).toBe(i < 30 ? 401 : 429);
    const waits = await attemptLogin(url, ada.email, PASSWORD, from(200));
    expect([waits.status, Number(waits.headers['retry-after'])]).toEqual([429, expect.closeTo(60, -1)]);
    await gateway.stop();
  });
});

describe('a stranger who guesses', () => {
  /** A device cookie that a sign-in has left. */
  const deviceOf = ({ headers }: HttpAnswer): string =>
    (headers['set-cookie'] ?? []).find((cookie) => /^pizzapi-device=/.test(cookie))!.split(';', 1)[0]!;

  it('at one address keeps nobody from signing in at another', async () => {
    const gateway = await startGateway(stage, { trustedProxies: ['127.0.0.1'], passwords: QUICK });
    const { url } = gateway;
    const from = (client: string) => ({ 'x-forwarded-for': client });
    for (let i = 0; i < 40; i++) await attemptLogin(url, ada.email, WRONG, from('203.0.113.1'));
    for (let i = 0; i < 40; i++) await attemptLogin(url, ada.email, WRONG, from(`2001:db8:1:2::${i}`));
    expect((await attemptLogin(url, ada.email, PASSWORD, from('198.51.100.9'))).status).toBe(200);
    await gateway.stop();
  });

  it('at many, or at the very same, does not keep the owner out of a browser that has signed in before', async () => {
    const gateway = await startGateway(stage, {
      trustedProxies: ['127.0.0.1'],
      attemptsPerMinute: 5,
      passwords: QUICK,
    });
    const { url } = gateway;
    const from = (client: string) => ({ 'x-forwarded-for': client });
    const home = '198.51.100.77';
    const cookie = deviceOf(await attemptLogin(url, ada.email, PASSWORD, from(home)));
    for (let i = 0; i < 60; i++) await attemptLogin(url, ada.email, WRONG, from(`203.0.113.${i}`));
    for (let i = 0; i < 20; i++) await attemptLogin(url, ada.email, WRONG, from(home));
    expect((await attemptLogin(url, ada.email, PASSWORD, from(home))).status, 'a new browser').toBe(429);
    const known = { ...from(home), cookie };
    expect((await attemptLogin(url, ada.email, PASSWORD, known)).status, 'one that is known').toBe(200);
    // What makes it known opens nothing, is no one else's, and gives no more guesses than a client has.
    expect((await ask(url, '/api/auth/me', { headers: { ...fromPageOf(url), cookie } })).status).toBe(401);
    expect((await attemptLogin(url, 'another@example.com', WRONG, known)).status).toBe(429);
    for (const bent of [`${cookie.slice(0, -1)}A`, `${cookie.slice(0, -1)}B`, 'pizzapi-device=x'])
      if (bent !== cookie)
        expect((await attemptLogin(url, ada.email, PASSWORD, { ...from(home), cookie: bent })).status, bent).toBe(429);
    const guesses: number[] = [];
    for (let i = 0; i < 8; i++) guesses.push((await attemptLogin(url, ada.email, WRONG, known)).status);
    expect(guesses.filter((status) => status === 401)).toHaveLength(5);
    await gateway.stop();
  });

  it('of sign-in links keeps nobody from using one', async () => {
    const gateway = await startGateway(stage, { attemptsPerMinute: 3 });
    const { url } = gateway;
    const open = (token: string) => ask(url, '/api/auth/link', { json: { token }, headers: fromPageOf(url) });
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await open(`x${i}`)).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429, 429]);
    const secret = readGatewaySecret(stage.home)!;
    expect((await open(mintLinkToken(secret, Date.now()))).status).toBe(200);
    await gateway.stop();
  });
});
