import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { startGateway, type OneMoreGateway } from './support/gateway.js';
import { ask, fromPageOf, type HttpAnswer } from './support/http.js';
import { attemptLogin, PASSWORD, settleOwner, signUp, type Person } from './support/people.js';
import { auditRow, auditRows } from './support/auditRows.js';
import { apart, median, TOLERANCE } from './support/timing.js';

const WRONG = 'Quattro-Formaggi-5';

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

describe('(12) a wrong password', () => {
  it('is answered the same for an address that has an account and one that has none', async () => {
    const [known, none] = [
      await attemptLogin(patient.url, ada.email, WRONG),
      await attemptLogin(patient.url, 'no@body.io', WRONG),
    ];
    expect([known.status, known.code]).toEqual([401, 'login_failed']);
    expect(none.text).toBe(known.text);
    const names = ({ headers }: HttpAnswer) => Object.keys(headers).filter((name) => name !== 'date');
    expect(names(none)).toEqual(names(known));
  });

  it('takes as long, within 10 %', async () => {
    let nobody = 0;
    const outcome = await apart(
      () => attemptLogin(patient.url, ada.email, WRONG),
      () => attemptLogin(patient.url, `nobody-${nobody++}@example.com`, WRONG),
      12,
    );
    expect(outcome.share, outcome.medians).toBeLessThanOrEqual(TOLERANCE);
  });

  it('leaves a row in the audit log, without the password or the address that was tried', async () => {
    await attemptLogin(patient.url, 'some-secret-typed-here@example.com', 'And-Another-1');
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
      await attemptLogin(patient.url, gone.email, PASSWORD),
      await attemptLogin(patient.url, gone.email, WRONG),
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
    // The gateways learn one after the other that the accounts without the address are gone.
    const twins = async () => {
      const { users } = (await ask(stage.url, '/api/users', { bearer: ada.token })).json as {
        users: { email: string }[];
      };
      return users.filter((user) => user.email === email).length;
    };
    await expect.poll(twins, { timeout: 10_000 }).toBe(1);
    expect((await attemptLogin(patient.url, email.toUpperCase(), PASSWORD)).status).toBe(200);
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
      Array.from({ length: 50 }, (_, i) => attemptLogin(patient.url, `crowd-${i}@example.com`, WRONG)),
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
