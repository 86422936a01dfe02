import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { newSession } from '../support/viewer.js';
import { ask } from './support/http.js';
import { newShare, settleOwner, signUp, type Person } from './support/people.js';

let stage: LocalStack;
let ada: Person;
let eve: Person;

beforeAll(async () => {
  stage = await startLocalStack({ PIZZAPI_SIGNUP: 'open', PIZZAPI_HEALTH_PORT: '0' });
  ada = await settleOwner(stage);
  eve = await signUp(stage, 'Eve');
});
afterAll(() => stage.clear());

describe('what the gateway counts', () => {
  it('is told to admins alone: neither to strangers, nor to guests, nor to other accounts', async () => {
    const { token } = await newShare(stage, ada.token, await newSession(stage));
    const asked: [string, string | undefined, number][] = [
      ['nobody', undefined, 401],
      ['no key at all', 'nonsense', 403],
      ['a guest', token, 403],
      ['another account', eve.token, 403],
      ['an admin', ada.token, 200],
      ['the programs of this machine', stage.token, 200],
    ];
    for (const [who, bearer, status] of asked) {
      const answer = await ask(stage.url, '/metrics', bearer === undefined ? {} : { bearer });
      expect(answer.status, who).toBe(status);
      expect(/^pizzapi_/m.test(answer.text), who).toBe(status === 200);
    }
  });

  it('is told on a port of its own, which this machine alone reaches, to whoever scrapes there', async () => {
    const log = readFileSync(join(stage.home, 'logs', 'gateway.log'), 'utf8');
    const line = log.split('\n').find((one) => /"msg":"health"/.test(one))!;
    const port = Number(/"port":(\d+)/.exec(line)![1]);
    const answer = await ask(`http://127.0.0.1:${port}`, '/metrics');
    expect(answer.text).toMatch(/^pizzapi_gateway_/m);
    const listening = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((one) => one.trim().split(/\s+/)[1]);
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    expect(listening.filter((address) => address?.endsWith(`:${hex}`) && address.startsWith('00000000'))).toEqual([]);
  });
});

describe('health', () => {
  it('says no more than that, to anyone', async () => {
    for (const [path, text] of [
      ['/livez', 'ok\n'],
      ['/readyz', 'ready\n'],
    ] as const) {
      const answer = await ask(stage.url, path);
      expect([answer.status, answer.text]).toEqual([200, text]);
    }
  });
});
