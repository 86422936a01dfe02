import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { ask } from './support/http.js';
import { settleOwner, type Person } from './support/people.js';

let stage: LocalStack;
let ada: Person;

beforeAll(async () => {
  stage = await startLocalStack({ PIZZAPI_HEALTH_PORT: '0' });
  ada = await settleOwner(stage);
});
afterAll(() => stage.clear());

describe('what the gateway counts', () => {
  it('is not on the public port of the gateway, for any credentials', async () => {
    for (const bearer of [undefined, 'nonsense', ada.token, stage.token]) {
      const answer = await ask(stage.url, '/metrics', bearer === undefined ? {} : { bearer });
      expect([answer.status, answer.code]).toEqual([404, 'not_found']);
      expect(answer.text).not.toMatch(/pizzapi_|process_/);
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
