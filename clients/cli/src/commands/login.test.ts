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
const asked = { code: 'ABCD-EFGH', secret: 'poll-secret', intervalMs: 2_000 };

let home: string;
let api: ScriptedApi;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'pizzapi-login-'));
  api = await scriptedApi({
    'GET /api/auth/me': ({ bearer }) => (bearer === key ? ok(me) : refuse(401, 'unauthenticated')),
    'POST /api/pair': () =>
      ok({ ...asked, verifyUrl: `${api.url}/pair?code=${asked.code}`, expiresAt: Date.now() + 600_000 }),
  });
  env = { PIZZAPI_HOME: home, PIZZAPI_RELAY_URL: api.url };
});
afterEach(async () => {
  await api.close();
  rmSync(home, { recursive: true, force: true });
});

const file = () => join(home, 'login.json');
const kept = () => JSON.parse(readFileSync(file(), 'utf8')) as unknown;
const routes = () => api.asked.map(({ route }) => route);
/** Answers polls in turn; the last answer again and again. */
function polls(...answers: (() => ReturnType<typeof ok>)[]): void {
  let at = 0;
  api.script['POST /api/pair/poll'] = () => answers[Math.min(at++, answers.length - 1)]!();
}
const pending = () => ok({ status: 'pending' });
const approved = () => ok({ status: 'approved', token: key });

describe('login with a key from stdin', () => {
  it('checks the key, and keeps it where its owner alone can read it', async () => {
    const { code, stdout, stderr } = await run(['login', '--key'], { env, stdin: `${key}\n` });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Signed in at ${api.url} as Ada <ada@example.com>, admin.\n` });
    expect(kept()).toEqual({ relays: { [api.url]: { apiKey: key } } });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(stdout + stderr).not.toContain(key);
  });

  it('closes a file that was open to others, and keeps what it has of other relays', async () => {
    const other = { 'https://other.example': { apiKey: 'pzk_other' } };
    writeFileSync(file(), JSON.stringify({ relays: other }));
    chmodSync(file(), 0o644);
    await run(['login', '--key'], { env, stdin: key });
    expect(kept()).toEqual({ relays: { ...other, [api.url]: { apiKey: key } } });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['nothing', '', 'stdin contains no key'],
    ['a mistyped key', `${key.slice(0, -1)}!`, 'This is not an API key'],
    ['the token of a runner', mintToken('runner'), 'PIZZAPI_RUNNER_TOKEN'],
  ])('refuses %s without asking the gateway', async (_what, stdin, sentence) => {
    const { code, stderr } = await run(['login', '--key'], { env, stdin });
    expect({ code, asked: routes(), kept: existsSync(file()) }).toEqual({ code: 2, asked: [], kept: false });
    expect(stderr).toContain(sentence);
    if (stdin !== '') expect(stderr).not.toContain(stdin);
  });

  it('keeps nothing that the gateway does not take', async () => {
    const { code, stderr } = await run(['login', '--key'], { env, stdin: mintToken('user') });
    expect({ code, kept: existsSync(file()) }).toEqual({ code: 1, kept: false });
    expect(stderr).toMatch(/^unauthenticated: \S+ refused your key/);
  });
});

describe('login in the browser', () => {
  it('shows where and which code, opens the page, waits through hiccups, and keeps the key', async () => {
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
    expect(opened).toEqual([`${api.url}/pair?code=${asked.code}`]);
    expect(stderr).toContain(opened[0]);
    expect(stderr).toContain(`the code  ${asked.code}`);
    expect(stdout + stderr).not.toContain(key);
    expect(stdout + stderr).not.toContain(asked.secret);
    expect(api.asked[0]).toMatchObject({ body: { kind: 'user', name: 'laptop' }, bearer: undefined });
    expect(kept()).toEqual({ relays: { [api.url]: { apiKey: key } } });
  });

  it('opens nothing but a page, whatever the gateway names', async () => {
    api.script['POST /api/pair'] = () => ok({ ...asked, verifyUrl: 'file:///etc/passwd\u001b[2J', expiresAt: 0 });
    polls(approved);
    const opened: string[] = [];
    const { stderr } = await run(['login'], { env, io: { browse: (url) => void opened.push(url) } });
    expect(opened).toEqual([]);
    expect(stderr).not.toContain('\u001b');
  });

  it('shows a QR code on a terminal that has room for one, and only if it is wanted', async () => {
    polls(approved);
    const shown = async (columns: number | undefined, ...flags: string[]) =>
      (await run(['login', ...flags], { env, ...(columns === undefined ? {} : { columns }) })).stderr.includes('▀▀▀▀');
    expect([await shown(80), await shown(80, '--no-qr'), await shown(20), await shown(undefined)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it.each([
    ['no', () => ok({ status: 'denied' }), 'pair_denied: The request was denied.'],
    [
      'nothing in time',
      () => refuse(404, 'pair_not_found'),
      'pair_not_found: The request expired before it was approved.',
    ],
    ['a refusal', () => refuse(400, 'bad_request'), 'bad_request: '],
  ])('keeps nothing when the answer is %s', async (_what, answer, sentence) => {
    polls(pending, answer);
    const { code, stderr } = await run(['login'], { env });
    expect({ code, kept: existsSync(file()) }).toEqual({ code: 1, kept: false });
    expect(stderr.split('\n').at(-2)).toContain(sentence);
  });

  it('stops at Ctrl-C, says so, and keeps nothing', async () => {
    polls(pending);
    const signals = new EventEmitter();
    const { code, stderr } = await run(['login'], {
      env,
      io: { signals, sleep: async () => void signals.emit('SIGINT') },
    });
    expect({ code, kept: existsSync(file()), asked: routes() }).toEqual({
      code: 130,
      kept: false,
      asked: ['POST /api/pair'],
    });
    expect(stderr).toContain('nothing was saved');
    expect(signals.listenerCount('SIGINT')).toBe(0);
  });
});

describe('a login', () => {
  beforeEach(() => run(['login', '--key'], { env, stdin: key }));

  it('speaks for the person there, after PIZZAPI_API_KEY', async () => {
    const { stdout } = await run(['whoami'], { env });
    expect(stdout).toBe(`Ada <ada@example.com>, admin, at ${api.url}, by an API key\n`);
    await run(['whoami'], { env: { ...env, PIZZAPI_API_KEY: 'pzk_other' } });
    expect(api.asked.at(-1)!.bearer).toBe('pzk_other');
  });

  it('is the gateway that commands ask when no other is named', async () => {
    expect(JSON.parse((await run(['whoami', '--json'], { env: { PIZZAPI_HOME: home } })).stdout)).toEqual({
      url: api.url,
      ...me,
    });
  });

  it('is never shown to another gateway', async () => {
    const other = await scriptedApi();
    await run(['whoami', '--relay-url', other.url], { env: { PIZZAPI_HOME: home } });
    expect(other.asked).toMatchObject([{ bearer: undefined }]);
    await other.close();
  });

  it('is revoked and forgotten by logout', async () => {
    api.script['GET /api/keys'] = () => ok({ keys: [{ ...mine, id: 'k_0', hint: 'pzk_0000' }, mine] });
    api.script['DELETE /api/keys/k_1'] = () => ({ status: 204 });
    expect(await run(['logout'], { env })).toEqual({ code: 0, stdout: `Signed out of ${api.url}.\n`, stderr: '' });
    expect(api.asked.at(-1)).toMatchObject({ route: 'DELETE /api/keys/k_1', bearer: key });
    expect(kept()).toEqual({ relays: {} });
    expect(await run(['logout'], { env })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^unauthenticated: No sign-in/) as string,
    });
  });

  it('is forgotten by logout though it could not be revoked, which is said', async () => {
    api.script['GET /api/keys'] = () => refuse(503, 'unavailable');
    const { code, stderr } = await run(['logout'], { env });
    expect({ code, kept: kept() }).toEqual({ code: 1, kept: { relays: {} } });
    expect(stderr).toContain(`but not revoked: unavailable: `);
    expect(stderr).toContain(`begins with ${key.slice(0, 8)}`);
    expect(stderr).not.toContain(key);
  });
});

it('who is not signed in reads how to', async () => {
  expect(await run(['whoami'], { env })).toEqual({
    code: 1,
    stdout: '',
    stderr: `unauthenticated: You are not signed in at ${api.url}. Sign in with \`pizzapi login --relay-url ${api.url}\`, or set PIZZAPI_API_KEY.\n`,
  });
});
