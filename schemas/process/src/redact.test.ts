import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger, type Logger } from './logger.js';
import { redactText, redactValue } from './redact.js';
import { mintToken } from './tokens.js';

const KEY = mintToken('user');
const TOKEN = mintToken('runner');
const SEED = `SU${'A2B3C4D5E6F7'.repeat(5).slice(0, 56)}`;
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzXzEifQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg';

/** Each kind of secret, with what must not be in the log. */
const TEXTS: [kind: string, text: string, secret: string][] = [
  ['an API key', `the key ${KEY} was refused`, KEY.slice(12)],
  ['a runner token', `Got "${TOKEN}"`, TOKEN.slice(12)],
  ['the seed of an nkey', `nkey ${SEED}`, SEED.slice(4)],
  ['a share token', `GET /s/s_1#share=${JWT}`, 'c2lnbmF0dXJl'],
  ['a grant', `password ${JWT}`, 'eyJzdWIi'],
  ['an authorization header', 'authorization: Bearer abcdef123456', 'abcdef123456'],
  ['basic credentials', 'Basic dXNlcjpwYXNz', 'dXNlcjpwYXNz'],
  ['a cookie', 'cookie: pizzapi_login=9f8e7d6c5b4a; other=1', '9f8e7d6c5b4a'],
  ['a cookie that is set', 'Set-Cookie: pizzapi_login=9f8e7d6c5b4a; HttpOnly', '9f8e7d6c5b4a'],
  ['a key in a query', 'https://api.test/v1?key=abc123def&x=1', 'abc123def'],
  ['a token in a query', '/ws/sessions/s?token=abc123def', 'abc123def'],
  ['a sign-in link', 'http://localhost:7492/#login=abc.123.def', 'abc.123.def'],
  ['a password in an address', 'nats://ada:hunter2@10.0.0.1:4222', 'hunter2'],
  ['a user token in an address', 'https://ghtoken123@github.test/x', 'ghtoken123'],
  ['a code of OIDC', '/api/auth/oidc/callback?code=xyz789&state=1', 'xyz789'],
  ['a key of a model provider', 'sk-ant-REDACTME-0123456789abcdef', 'REDACTME'],
  ['a variable', 'ANTHROPIC_API_KEY=abcdef OTHER=1', 'abcdef'],
  ['headers of an exporter', 'OTEL_EXPORTER_OTLP_HEADERS=x-honeycomb-team=abcdef', 'abcdef'],
  ['a password in JSON', 'The body was {"user":"ada","password":"hunter2","x":1}', 'hunter2'],
  ['a password with a quote in JSON', '{"password":"hun\\"ter2"}', 'ter2'],
  ['a token in JSON', "{'refresh_token': 'abc123def'}", 'abc123def'],
  [
    'a password in JSON inside of JSON',
    JSON.stringify({ body: JSON.stringify({ db_password: 'hunter2' }) }),
    'hunter2',
  ],
  ['a password in YAML', 'password: hunter2', 'hunter2'],
  ['a token in a header', 'Pizzapi-Page-Token: abc123def', 'abc123def'],
  ['the token of the owner in a subprotocol', `sec-websocket-protocol bearer.local.${'aB3-'.repeat(11)}`, 'aB3-aB3'],
  ['the token of a page in a subprotocol', `pizzapi.json, page.${'aB3_'.repeat(11)}`, 'aB3_aB3'],
  ['the cookie of a login', `got pizzapi=${'aB3-'.repeat(11)}`, 'aB3-aB3'],
  ['a password on a command line', "mysql --user ada --password 'hunter two' -e x", 'hunter'],
  ['a token on a command line', 'deploy --api-token=abc123def', 'abc123def'],
  ['a private key', '-----BEGIN PRIVATE KEY-----\nMIIEabc\n-----END PRIVATE KEY-----', 'MIIEabc'],
];

const FIELDS: [kind: string, facts: object, secret: string][] = [
  ['a password', { password: 'hunter2' }, 'hunter2'],
  ['a nested password', { options: { login: { password: 'hunter2' } } }, 'hunter2'],
  ['headers', { request: { headers: { Authorization: 'x1y2z3', Cookie: 'a1b2c3' } } }, 'x1y2z3'],
  ['cookies in a list', { headers: { 'set-cookie': ['a1b2c3', 'd4'] } }, 'a1b2c3'],
  ['a secret of ours', { runnerSecret: 'x1y2z3' }, 'x1y2z3'],
  ['an option', { natsNkey: 'x1y2z3', adminNkey: 'x1y2z3', natsPassword: 'x1y2z3', issuerSeed: 'x1y2z3' }, 'x1y2z3'],
  ['a page token', { 'x-pizzapi-page-token': 'x1y2z3' }, 'x1y2z3'],
  ['an environment', { env: { PIZZAPI_API_KEY: 'x1y2z3', OPENAI_API_KEY: 'x1y2z3' } }, 'x1y2z3'],
  ['credentials of any shape', { credentials: { anything: 'x1y2z3' } }, 'x1y2z3'],
];

describe('a log', () => {
  let folder: string;
  let file: string;
  let log: Logger;
  const lastLine = () => readFileSync(file, 'utf8').trimEnd().split('\n').at(-1)!;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pizzapi-log-'));
    file = join(folder, 'log');
    log = createLogger({ name: 'test', level: 'info', file });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(TEXTS)('never has %s, in a message, a fact, an error or a child', (_kind, text, secret) => {
    const ways: (() => void)[] = [
      () => log.info({}, text),
      () => log.info({ why: text }, 'x'),
      () => log.info({ deep: [{ why: text }] }, 'x'),
      () => log.error({ err: new Error(text, { cause: new Error(text) }) }, 'x'),
      () => log.child({ of: text }).info({}, 'x'),
    ];
    for (const write of ways) {
      write();
      expect(lastLine()).not.toContain(secret);
      expect(lastLine()).toContain('[redacted]');
    }
  });

  it.each(FIELDS)('never has %s, by the name of its field', (_kind, facts, secret) => {
    log.info(facts, 'x');
    expect(lastLine()).not.toContain(secret);
    log.child(facts).info({}, 'x');
    expect(lastLine()).not.toContain(secret);
  });

  it('keeps what an operator needs', () => {
    const facts = {
      ...{ sid: 's_0123456789abcdef', runnerId: 'r_1', requestId: 'req_1', traceId: 'a'.repeat(32), keyId: 'k_1' },
      ...{ tokens: 17, url: 'https://relay.test/api/sessions?limit=5', tokenRevoked: true, seq: 12 },
      ...{ path: '/home/ada/.pizzapi/logs', code: 'nats_unauthorized', keyHint: 'pzk_abcd' },
    };
    log.info(facts, 'the key pzk_abcd was used');
    expect(JSON.parse(lastLine())).toMatchObject({
      ...facts,
      level: 'info',
      name: 'test',
      msg: 'the key pzk_abcd was used',
    });
  });

  it.each([
    'Set PIZZAPI_NATS_NKEY or PIZZAPI_NATS_NKEY_FILE, not both',
    '{"tokens":17,"totalTokens":5,"tokenKind":"user","sid":"s_1"}',
    'git log --oneline -- src/page.svelte src/local.ts',
    'The token of this runner does not allow sessions',
    'pizzapi users passwd ada@example.com',
    'code: nats_unauthorized, key: Enter',
  ])('leaves a text without a secret as it is: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('stays fast with texts that look like secrets', () => {
    const began = performance.now();
    for (const part of ['token', '"password"', '--secret-', 'a-', '\\"', 'password: "'])
      redactText(part.repeat(Math.ceil(50_000 / part.length)));
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('says which key it was', () => {
    expect(redactText(KEY)).toBe(`${KEY.slice(0, 8)}[redacted]`);
  });

  it('a value without secrets stays as it is', () => {
    const value = { a: [1, null, true, 'x'], b: { c: 'd' } };
    expect(redactValue(value)).toEqual(value);
  });
});
