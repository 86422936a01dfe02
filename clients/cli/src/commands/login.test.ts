import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { EventEmitter } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintToken } from '@pizzapi/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../testing/run.js';
import { ok, refuse, scriptedApi, type ScriptedApi } from '../testing/scriptedApi.js';

const key = mintToken('user');
const me = { userId: 'u_1', name: 'Ada', role: 'admin', email: 'ada@example.com', by: 'key', hasPassword: true };
const mine = { id: 'k_1', kind: 'user', name: 'laptop', hint: key.slice(0, 8), createdAt: 0 };
const pairReply = { code: 'ABCD-EFGH', secret: 'poll-secret', intervalMs: 2_000 };

let home: string;
let api: ScriptedApi;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi-login-'));
  api = await scriptedApi({
    'GET /api/auth/me': ({ bearer }) => (bearer === key ? ok(me) : refuse(401, 'unauthenticated')),
    'POST /api/pair': () =>
      ok({ ...pairReply, verifyUrl: `${api.url}/pair?code=${pairReply.code}`, expiresAt: Date.now() + 600_000 }),
  });
  env = { PIZZAPI_HOME: home, PIZZAPI_RELAY_URL: api.url };
});
afterEach(async () => {
  await api.close();
  rmSync(home, { recursive: true, force: true });
});

const file = () => join(home, 'login.json');
const storedKeys = () => JSON.parse(readFileSync(file(), 'utf8')) as unknown;
const routes = () => api.requests.map(({ route }) => route);
/** Answers polls in order and repeats the last answer. */
function polls(...answers: (() => ReturnType<typeof ok>)[]): void {
  let at = 0;
  api.script['POST /api/pair/poll'] = () => answers[Math.min(at++, answers.length - 1)]!();
}
const pending = () => ok({ status: 'pending' });
const approved = () => ok({ status: 'approved', token: key });

describe('login with a key from stdin', () => {
  it('login checks the key and stores it in a file that only its owner can read', async () => {
    const { code, stdout, stderr } = await run(['login', '--key'], { env, stdin: `${key}\n` });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Signed in at ${api.url} as Ada <ada@example.com>, admin.\n` });
    expect(storedKeys()).toEqual({ relays: { [api.url]: { apiKey: key } } });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(stdout + stderr).not.toContain(key);
  });

  it('login restricts the permissions of an open file and keeps the keys of other gateways in it', async () => {
    const other = { 'https://other.example': { apiKey: 'pzk_other' } };
    writeFileSync(file(), JSON.stringify({ relays: other }));
    chmodSync(file(), 0o644);
    await run(['login', '--key'], { env, stdin: key });
    expect(storedKeys()).toEqual({ relays: { ...other, [api.url]: { apiKey: key } } });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['nothing', '', 'stdin contains no key'],
    ['a mistyped key', `${key.slice(0, -1)}!`, 'This is not an API key'],
    ['the token of a runner', mintToken('runner'), 'PIZZAPI_RUNNER_TOKEN'],
  ])('login refuses %s without a request to the gateway', async (_what, stdin, sentence) => {
    const { code, stderr } = await run(['login', '--key'], { env, stdin });
    expect({ code, requests: routes(), stored: existsSync(file()) }).toEqual({ code: 2, requests: [], stored: false });
    expect(stderr).toContain(sentence);
    if (stdin !== '') expect(stderr).not.toContain(stdin);
  });

  it('login does not store a key that the gateway refuses', async () => {
    const { code, stderr } = await run(['login', '--key'], { env, stdin: mintToken('user') });
    expect({ code, stored: existsSync(file()) }).toEqual({ code: 1, stored: false });
    expect(stderr).toMatch(/^unauthenticated: \S+ refused your key/);
  });
});

describe('login in the browser', () => {
  it('browser login shows the address and the code, opens the page, retries failed polls, and stores the key', async () => {
    const busy = () => ({ ...refuse(429, 'too_many_requests'), headers: { 'retry-after': '7' } });
    polls(pending, busy, () => refuse(503, 'draining'), pending, approved);
    const pauses: number[] = [];
    const opened: string[] = [];
    const { code, stdout, stderr } = await run(['login', '--name', 'laptop'], {
      env,
      io: { browse: (url) => void opened.push(url), sleep: async (ms) => void pauses.push(ms) },
    });
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('Signed in') as string });
    expect(pauses).toEqual([2_000, 2_000, 7_000, 2_000, 2_000]);
    expect(opened).toEqual([`${api.url}/pair?code=${pairReply.code}`]);
    expect(stderr).toContain(opened[0]);
    expect(stderr).toContain(`the code  ${pairReply.code}`);
    expect(stdout + stderr).not.toContain(key);
    expect(stdout + stderr).not.toContain(pairReply.secret);
    expect(api.requests[0]).toMatchObject({ body: { kind: 'user', name: 'laptop' }, bearer: undefined });
    expect(storedKeys()).toEqual({ relays: { [api.url]: { apiKey: key } } });
  });

  it('browser login opens only a page, whatever address the gateway names', async () => {
    api.script['POST /api/pair'] = () => ok({ ...pairReply, verifyUrl: 'file:///etc/passwd\u001b[2J', expiresAt: 0 });
    polls(approved);
    const opened: string[] = [];
    const { stderr } = await run(['login'], { env, io: { browse: (url) => void opened.push(url) } });
    expect(opened).toEqual([]);
    expect(stderr).not.toContain('\u001b');
  });

  it('browser login shows a QR code only on a terminal that has room for it, and only when requested', async () => {
    polls(approved);
    api.script['POST /api/pair'] = () => ok({ ...pairReply, verifyUrl: 'https://relay.example/pair#ABCD-EFGH' });
    const shown = async (columns: number | undefined, ...flags: string[]) =>
      (await run(['login', ...flags], { env, ...(columns === undefined ? {} : { columns }) })).stderr.includes('▀▀▀▀');
    expect([await shown(80), await shown(80, '--no-qr'), await shown(20), await shown(undefined)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
    // No other device can open an address of this machine.
    api.script['POST /api/pair'] = () =>
      ok({ ...pairReply, verifyUrl: 'http://pizzapi.localhost:7492/pair#ABCD-EFGH' });
    const local = (await run(['login'], { env, columns: 80 })).stderr;
    expect([local.includes('▀'), local.includes('npm start -- --lan')]).toEqual([false, true]);
  });

  it.each([
    ['no', () => ok({ status: 'denied' }), 'pair_denied: The request was denied.'],
    [
      'nothing in time',
      () => refuse(404, 'pair_not_found'),
      'pair_not_found: The request expired before it was approved.',
    ],
    ['a refusal', () => refuse(400, 'bad_request'), 'bad_request: '],
  ])('browser login stores nothing when the answer is %s', async (_what, answer, sentence) => {
    polls(pending, answer);
    const { code, stderr } = await run(['login'], { env });
    expect({ code, stored: existsSync(file()) }).toEqual({ code: 1, stored: false });
    expect(stderr.split('\n').at(-2)).toContain(sentence);
  });

  it('browser login stops at Ctrl-C, reports it, and stores nothing', async () => {
    polls(pending);
    const signals = new EventEmitter();
    const { code, stderr } = await run(['login'], {
      env,
      io: { signals, sleep: async () => void signals.emit('SIGINT') },
    });
    expect({ code, stored: existsSync(file()), requests: routes() }).toEqual({
      code: 130,
      stored: false,
      requests: ['POST /api/pair'],
    });
    expect(stderr).toContain('nothing was saved');
    expect(signals.listenerCount('SIGINT')).toBe(0);
  });
});

describe('a stored key', () => {
  beforeEach(() => run(['login', '--key'], { env, stdin: key }));

  it('a stored key is used for its gateway when PIZZAPI_API_KEY is not set', async () => {
    const { stdout } = await run(['whoami'], { env });
    expect(stdout).toBe(`Ada <ada@example.com>, admin, at ${api.url}, by an API key\n`);
    await run(['whoami'], { env: { ...env, PIZZAPI_API_KEY: 'pzk_other' } });
    expect(api.requests.at(-1)!.bearer).toBe('pzk_other');
  });

  it('commands use the gateway of the stored key when no other is named', async () => {
    expect(JSON.parse((await run(['whoami', '--json'], { env: { PIZZAPI_HOME: home } })).stdout)).toEqual({
      url: api.url,
      ...me,
    });
  });

  it('a stored key is never sent to another gateway', async () => {
    const other = await scriptedApi();
    await run(['whoami', '--relay-url', other.url], { env: { PIZZAPI_HOME: home } });
    expect(other.requests).toMatchObject([{ bearer: undefined }]);
    await other.close();
  });

  it('logout revokes and deletes the stored key', async () => {
    api.script['GET /api/keys'] = () => ok({ keys: [{ ...mine, id: 'k_0', hint: 'pzk_0000' }, mine] });
    api.script['DELETE /api/keys/k_1'] = () => ({ status: 204 });
    expect(await run(['logout'], { env })).toEqual({ code: 0, stdout: `Signed out of ${api.url}.\n`, stderr: '' });
    expect(api.requests.at(-1)).toMatchObject({ route: 'DELETE /api/keys/k_1', bearer: key });
    expect(storedKeys()).toEqual({ relays: {} });
    expect(await run(['logout'], { env })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^unauthenticated: No sign-in/) as string,
    });
  });

  it('logout deletes the stored key and prints a warning when it cannot be revoked', async () => {
    api.script['GET /api/keys'] = () => refuse(503, 'unavailable');
    const { code, stderr } = await run(['logout'], { env });
    expect({ code, stored: storedKeys() }).toEqual({ code: 1, stored: { relays: {} } });
    expect(stderr).toContain(`but not revoked: unavailable: `);
    expect(stderr).toContain(`begins with ${key.slice(0, 8)}`);
    expect(stderr).not.toContain(key);
  });
});

it('a person who is not signed in gets instructions to sign in', async () => {
  expect(await run(['whoami'], { env })).toEqual({
    code: 1,
    stdout: '',
    stderr: `unauthenticated: You are not signed in at ${api.url}. Sign in with \`pizzapi login --relay-url ${api.url}\`, or set PIZZAPI_API_KEY.\n`,
  });
});
