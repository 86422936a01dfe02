import { mintLinkToken, readGatewaySecret } from '@pizzapi/process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { startGateway, type OneMoreGateway } from './support/gateway.js';
import { ask, fromPageOf, type HttpAnswer } from './support/http.js';
import { PASSWORD, settleOwner, signUp, type Person } from './support/people.js';
import { auditRow, auditRows } from './support/auditRows.js';
import { apart, median, TOLERANCE } from './support/timing.js';

const WRONG = 'Quattro-Formaggi-5';
/** Where many passwords are tried, and none is to be kept. The hashes that are stored say themselves what they cost. */
const QUICK = { waiting: 100 };

let stage: LocalStack;
/** Where attempts are not counted, so that they can be measured. */
let patient: OneMoreGateway;
let ada: Person;

beforeAll(async () => {
  stage = await startLocalStack({ PIZZAPI_SIGNUP: 'open' });
  patient = await startGateway(stage, { signup: 'open', attemptsPerMinute: 100_000 });
  ada = await settleOwner(stage);
});
afterAll(async () => {
  await patient?.stop();
  await stage?.clear();
});

const attempt = (
  url: string,
  email: string,
  password: string,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> =>
  ask(url, '/api/auth/login', { json: { email, password }, headers: { ...fromPageOf(url), ...headers } });

describe('(12) a wrong password', () => {
  it('is answered the same for an address that has an account and one that has none', async () => {
    const [known, none] = [
      await attempt(patient.url, ada.email, WRONG),
      await attempt(patient.url, 'no@body.io', WRONG),
    ];
    expect([known.status, known.code]).toEqual([401, 'login_failed']);
    expect(none.text).toBe(known.text);
    const names = ({ headers }: HttpAnswer) => Object.keys(headers).filter((name) => name !== 'date');
    expect(names(none)).toEqual(names(known));
  });

  it('takes as long, within 10 %', async () => {
    let nobody = 0;
    const outcome = await apart(
      () => attempt(patient.url, ada.email, WRONG),
      () => attempt(patient.url, `nobody-${nobody++}@example.com`, WRONG),
      12,
    );
    expect(outcome.share, outcome.medians).toBeLessThanOrEqual(TOLERANCE);
  });

  it('leaves a row in the audit log, without the password or the address that was tried', async () => {
    await attempt(patient.url, 'some-secret-typed-here@example.com', 'And-Another-1');
    await auditRow(stage, 'login_failed');
    expect(JSON.stringify(await auditRows(stage))).not.toMatch(/some-secret-typed-here|And-Another-1|Quattro-Formaggi/);
  });

  it('is not told from the account of somebody who was disabled', async () => {
    const gone = await signUp(patient, 'Gone');
    await ask(patient.url, `/api/users/${gone.userId}`, {
      method: 'PATCH',
      bearer: ada.token,
      json: { disabled: true },
    });
    const [right, wrong] = [
      await attempt(patient.url, gone.email, PASSWORD),
      await attempt(patient.url, gone.email, WRONG),
    ];
    expect(right.status).toBe(401);
    expect(right.text).toBe(wrong.text);
  });
});

describe('signing up with an address', () => {
  const signUpAs = (email: string) =>
    ask(patient.url, '/api/auth/signup', { json: { email, password: PASSWORD }, headers: fromPageOf(patient.url) });

  it('that is taken is answered the same, and takes as long, within 10 %', async () => {
    const [taken, free] = [await signUpAs(ada.email), await signUpAs('free@example.com')];
    expect([taken.status, taken.text]).toEqual([202, free.text]);
    expect(free.status).toBe(202);
    let next = 0;
    const outcome = await apart(
      () => signUpAs(ada.email),
      () => signUpAs(`free-${next++}@example.com`),
      12,
    );
    expect(outcome.share, outcome.medians).toBeLessThanOrEqual(TOLERANCE);
  });

  it('twice at once makes one account', async () => {
    const email = 'twins@example.com';
    const answers = await Promise.all([1, 2, 3, 4].map(() => signUpAs(email)));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    const { users } = (await ask(stage.url, '/api/users', { bearer: ada.token })).json as {
      users: { email: string }[];
    };
    expect(users.filter((user) => user.email === email)).toHaveLength(1);
    expect((await attempt(patient.url, email.toUpperCase(), PASSWORD)).status).toBe(200);
  });
});

describe('(13) passwords that are meant to hurt', () => {
  it('of 129 code points is 400, of a megabyte 413, signing up and in', async () => {
    const long = `Aa1${'🍕'.repeat(126)}`;
    expect([...long]).toHaveLength(129);
    for (const path of ['/api/auth/signup', '/api/auth/login']) {
      const send = (password: string) =>
        ask(patient.url, path, { json: { email: ada.email, password }, headers: fromPageOf(patient.url) });
      expect([(await send(long)).status, (await send('x'.repeat(1_000))).status], path).toEqual([400, 400]);
      expect((await send('x'.repeat(1_000_000))).status, path).toBe(413);
    }
  });

  it('sent as something else than text, is 400', async () => {
    for (const password of [['a'], { length: 8 }, 12_345_678, null, true]) {
      const json = { email: ada.email, password };
      expect((await ask(patient.url, '/api/auth/login', { json, headers: fromPageOf(patient.url) })).status).toBe(400);
    }
  });

  it('fifty at once do not keep the gateway from anything else: /livez answers within 200 ms', async () => {
    let over = false;
    const logins = Promise.all(
      Array.from({ length: 50 }, (_, i) => attempt(patient.url, `crowd-${i}@example.com`, WRONG)),
    ).finally(() => (over = true));
    const times: number[] = [];
    while (!over) {
      const began = performance.now();
      expect((await ask(patient.url, '/livez')).status).toBe(200);
      times.push(performance.now() - began);
      await delay(20);
    }
    const statuses = (await logins).map(({ status }) => status);
    // Who cannot be served soon is sent away rather than kept waiting.
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(times.length).toBeGreaterThan(20);
    expect(median(times)).toBeLessThan(50);
    expect(times.filter((time) => time >= 200).length / times.length).toBeLessThan(0.02);
  });
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
    for (let i = 0; i < 10; i++) statuses.push((await attempt(url, ada.email, WRONG)).status);
    expect(statuses).toEqual(statuses.map(() => 401));
    const eleventh = await attempt(url, ada.email, PASSWORD);
    expect([eleventh.status, eleventh.code]).toEqual([429, 'too_many_requests']);
    expect(Number(eleventh.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(eleventh.headers['retry-after'])).toBeLessThanOrEqual(60);
    await auditRow(stage, 'refused', ({ code, path }) => code === 'too_many_requests' && path === '/api/auth/login');

    const another = await attempt(url, 'other@example.com', WRONG, { 'x-forwarded-for': '203.0.113.9' });
    expect(another.status, 'a header that anyone can send makes nobody somebody else').toBe(429);
    for (const name of ['forwarded', 'x-real-ip', 'x-client-ip', 'cf-connecting-ip', 'true-client-ip']) {
      const headers = { [name]: name === 'forwarded' ? 'for=203.0.113.9' : '203.0.113.9' };
      expect((await attempt(url, 'other@example.com', WRONG, headers)).status, name).toBe(429);
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
      expect((await attempt(url, `n${i}@example.com`, WRONG, from(1))).status, `attempt ${i}`).toBe(i < 3 ? 401 : 429);
    expect((await attempt(url, 'n@example.com', WRONG, from(2))).status).toBe(401);
    const liar = { 'x-forwarded-for': '192.0.2.1, 198.51.100.1' };
    expect(
      (await attempt(url, 'm@example.com', WRONG, liar)).status,
      'what the client itself wrote is not believed',
    ).toBe(429);
    // Ten times what one client has.
    for (let i = 0; i < 31; i++)
      expect((await attempt(url, ada.email, WRONG, from(10 + i))).status, `address ${i}`).toBe(i < 30 ? 401 : 429);
    const waits = await attempt(url, ada.email, PASSWORD, from(200));
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
    for (let i = 0; i < 40; i++) await attempt(url, ada.email, WRONG, from('203.0.113.1'));
    for (let i = 0; i < 40; i++) await attempt(url, ada.email, WRONG, from(`2001:db8:1:2::${i}`));
    expect((await attempt(url, ada.email, PASSWORD, from('198.51.100.9'))).status).toBe(200);
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
    const cookie = deviceOf(await attempt(url, ada.email, PASSWORD, from(home)));
    for (let i = 0; i < 60; i++) await attempt(url, ada.email, WRONG, from(`203.0.113.${i}`));
    for (let i = 0; i < 20; i++) await attempt(url, ada.email, WRONG, from(home));
    expect((await attempt(url, ada.email, PASSWORD, from(home))).status, 'a new browser').toBe(429);
    const known = { ...from(home), cookie };
    expect((await attempt(url, ada.email, PASSWORD, known)).status, 'one that is known').toBe(200);
    // What makes it known opens nothing, is no one else's, and gives no more guesses than a client has.
    expect((await ask(url, '/api/auth/me', { headers: { ...fromPageOf(url), cookie } })).status).toBe(401);
    expect((await attempt(url, 'another@example.com', WRONG, known)).status).toBe(429);
    for (const bent of [`${cookie.slice(0, -1)}A`, `${cookie.slice(0, -1)}B`, 'pizzapi-device=x'])
      if (bent !== cookie)
        expect((await attempt(url, ada.email, PASSWORD, { ...from(home), cookie: bent })).status, bent).toBe(429);
    const guesses: number[] = [];
    for (let i = 0; i < 8; i++) guesses.push((await attempt(url, ada.email, WRONG, known)).status);
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
