import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ErrorCode, ExecChunk } from '@pizzapi/protocol';
import { run } from '../testing/run.js';
import { ok, refuse, scriptedApi, type ScriptedApi } from '../testing/scriptedApi.js';

const EXEC_ID = 'exec_aaaaaaaaaaaaaaaaaaaa';
const base64 = (text: string) => Buffer.from(text).toString('base64');
const chunk = (given: Partial<ExecChunk>) => ok({ execId: EXEC_ID, stdout: '', stderr: '', ...given });
const at = (method: string) => `POST /api/runners/r1/rpc/${method}`;

let api: ScriptedApi;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  const runner = { runnerId: 'r1', name: 'laptop', kind: 'daemon', online: true };
  api = await scriptedApi({
    'GET /api/runners': () => ok({ runners: [runner] }),
    [at('exec')]: () => chunk({ next: 0 }),
    [at('exec_input')]: ({ body }) => {
      const { offset, bytes } = body as { offset: number; bytes: string };
      return ok({ received: offset + Buffer.from(bytes, 'base64').byteLength });
    },
    [at('exec_output')]: () => chunk({ exit: { code: 0, signal: null } }),
    [at('exec_kill')]: () => ok({}),
  });
  env = { PIZZAPI_RELAY_URL: api.url, PIZZAPI_API_KEY: 'pzk_x', PIZZAPI_HOME: '/nonexistent' };
});
afterEach(() => api.close());

const bodies = (method: string) => api.requests.filter(({ route }) => route === at(method)).map(({ body }) => body);
const exec = (...argv: string[]) => run(['exec', 'laptop', ...argv], { env });

describe('pizzapi exec', () => {
  it('prints both outputs as they are, and ends with the code of the command', async () => {
    api.script[at('exec')] = () => chunk({ stdout: base64('\u001b[31mred\u001b[0m '), next: 13 });
    api.script[at('exec_output')] = ({ body }) =>
      (body as { after: number }).after === 13
        ? chunk({ stdout: base64('more\n'), stderr: base64('oh\n'), next: 21 })
        : chunk({ exit: { code: 3, signal: null } });
    const ran = await exec('--no-stdin', '--cwd', '~/a', '--env', 'A=b=c', '--timeout', '2h', '--', 'ls', '-l', 'x y');
    expect(ran).toEqual({ code: 3, stdout: '\u001b[31mred\u001b[0m more\n', stderr: 'oh\n' });
    expect(bodies('exec')).toEqual([
      { argv: ['ls', '-l', 'x y'], cwd: '~/a', env: { A: 'b=c' }, timeoutMs: 7_200_000, waitMs: 1_000 },
    ]);
  });

  it('passes its input on, each part once, to the end', async () => {
    let refused = false;
    const given = api.script[at('exec_input')]!;
    api.script[at('exec_input')] = (request) => {
      if (refused) return given(request);
      refused = true;
      return refuse(503, 'unavailable');
    };
    let release = () => chunk({ next: 0 });
    api.script[at('exec_output')] = () => release();
    const ran = run(['exec', 'laptop', '--', 'cat'], { env, stdin: 'typed text' });
    await expect.poll(() => bodies('exec_input').length).toBe(3);
    release = () => chunk({ exit: { code: 0, signal: null } });
    expect((await ran).code).toBe(0);
    const part = { execId: EXEC_ID, offset: 0, bytes: base64('typed text') };
    expect(bodies('exec_input')).toEqual([part, part, { execId: EXEC_ID, offset: 10, bytes: '', end: true }]);
  });

  it('sends again what a command that does not read has not taken', async () => {
    let received = 0;
    api.script[at('exec_input')] = ({ body }) => {
      const { offset, bytes, end } = body as { offset: number; bytes: string; end?: boolean };
      expect(offset).toBe(received);
      const length = Buffer.from(bytes, 'base64').byteLength;
      received += length > 4 ? 3 : length;
      if (end === true) release = () => chunk({ exit: { code: 0, signal: null } });
      return ok({ received });
    };
    let release = () => chunk({ next: 0 });
    api.script[at('exec_output')] = () => release();
    expect(await run(['exec', 'laptop', '--', 'cat'], { env, stdin: 'typed text' })).toMatchObject({ code: 0 });
    const parts = bodies('exec_input').map((body) =>
      Buffer.from((body as { bytes: string }).bytes, 'base64').toString(),
    );
    expect(parts).toEqual(['typed text', 'ed text', 'text', '']);
  });

  it.each([
    ['right_missing', () => refuse(403, 'right_missing')],
    ['runner_failed', () => ok({ received: 11 })],
  ])('ends the command with an error when its input cannot be passed on: %s', async (code, answer) => {
    api.script[at('exec_input')] = answer;
    api.script[at('exec_output')] = () => chunk({ next: 0 });
    const ran = await run(['exec', 'laptop', '--', 'tar', 'x'], { env, stdin: 'typed text' });
    expect(ran).toMatchObject({ code: 255, stderr: expect.stringMatching(`^${code}: `) as string });
    expect(bodies('exec_kill')).toEqual([{ execId: EXEC_ID }]);
  });

  it.each([
    ['the signal that ended it', { code: null, signal: 'SIGKILL' }, 137, ''],
    ['the time it had', { code: null, signal: 'SIGTERM', ended: 'timeout' }, 143, '--timeout'],
    ['its limit of output', { code: null, signal: 'SIGTERM', ended: 'output_limit' }, 143, '--max-output'],
  ] as const)('says %s', async (_what, exit, code, stderr) => {
    api.script[at('exec')] = () => chunk({ exit });
    const ran = await exec('--', 'sleep', '9');
    expect(ran).toMatchObject({ code, stderr: expect.stringContaining(stderr) as string });
  });

  it.each([
    ['ENOENT', 127],
    ['EACCES', 126],
  ])('ends as a shell does when the program does not start: %s', async (errno, code) => {
    api.script[at('exec')] = () => ({
      status: 422,
      body: { error: { code: 'exec_failed', message: 'No.', details: { errno } } },
    });
    expect(await exec('--', 'nope')).toMatchObject({ code, stderr: 'exec_failed: No.\n' });
  });

  it.each([
    ['right_missing', 403],
    ['host_lost', 503],
  ] as [ErrorCode, number][])('ends with 255 when the request fails with %s', async (code, status) => {
    api.script[at('exec')] = () => refuse(status, code);
    expect(await exec('--', 'true')).toMatchObject({
      code: 255,
      stderr: expect.stringMatching(`^${code}: `) as string,
    });
  });

  it('continues after a gateway or a runner was away for a moment, without losing or repeating output', async () => {
    api.script[at('exec')] = () => chunk({ stdout: base64('one '), next: 4 });
    let asked = 0;
    api.script[at('exec_output')] = ({ body }) => {
      expect(body).toMatchObject({ after: 4 });
      return asked++ < 2 ? refuse(503, 'host_lost') : chunk({ stdout: base64('two'), exit: { code: 0, signal: null } });
    };
    expect(await exec('--', 'x')).toEqual({ code: 0, stdout: 'one two', stderr: '' });
  });

  it('passes Ctrl-C on, and ends everything at the second one', async () => {
    const signals = new EventEmitter();
    let release = () => chunk({ next: 0 });
    api.script[at('exec_output')] = () => release();
    const ran = run(['exec', 'laptop', '--', 'sleep', '9'], { env, io: { signals } });
    await expect.poll(() => bodies('exec_output').length).toBeGreaterThan(0);
    signals.emit('SIGINT');
    await expect.poll(() => bodies('exec_kill')).toEqual([{ execId: EXEC_ID, signal: 'SIGINT' }]);
    signals.emit('SIGINT');
    await expect.poll(() => bodies('exec_kill').at(-1)).toEqual({ execId: EXEC_ID });
    release = () => chunk({ exit: { code: null, signal: 'SIGINT' } });
    expect((await ran).code).toBe(130);
    expect(signals.listenerCount('SIGINT')).toBe(0);
  });

  it.each([
    ['--timeout', 'soon'],
    ['--max-output', 'much'],
    ['--env', 'A'],
  ])('refuses %s %s', async (flag, value) => {
    expect(await exec(flag, value, '--', 'x')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^bad_option: /) as string,
    });
  });
});

describe('pizzapi runner', () => {
  it('ping prints the round trip of each hop', async () => {
    api.script[at('ping')] = () => ok({ at: 5, natsMs: 1, gateway: { natsMs: 2, runnerMs: 3.25 } });
    const { code, stdout } = await run(['runner', 'ping', 'laptop'], { env });
    expect(code).toBe(0);
    expect(stdout.replace(/[\d.]+ ms/g, 'N ms').replace(/ +/g, ' ')).toBe(
      [
        'this machine to the gateway',
        'the gateway to nats-server',
        'the runner to nats-server',
        'the gateway to the runner',
        'all',
      ]
        .map((hop) => `${hop} N ms\n`)
        .join(''),
    );
    expect(stdout).toContain(' 3.3 ms');
  });

  it.each(['restart', 'shutdown'])('%s asks the runner', async (name) => {
    api.script[at(name)] = () => ok({});
    expect(await run(['runner', name, 'laptop'], { env })).toMatchObject({ code: 0 });
    expect(bodies(name)).toEqual([{}]);
  });

  it('status of a named runner prints what it answers, and its warnings', async () => {
    const warnings = [{ code: 'disk_low', message: 'The disk is nearly full', at: 1 }];
    const info = { runnerId: 'r1', name: 'laptop', kind: 'daemon', online: true, version: '1', piVersion: '2' };
    const more = { platform: 'linux', roots: ['/work'], warnings, allow: ['sessions'] };
    api.script['GET /api/runners'] = () => ok({ runners: [{ ...info, ...more }] });
    api.script[at('status')] = () => ok({ runnerId: 'r1', pid: 42, sessions: [] });
    const { code, stdout } = await run(['runner', 'status', 'laptop'], { env });
    expect(code).toBe(0);
    for (const part of ['process 42', '/work', 'allows    sessions', 'The disk is nearly full'])
      expect(stdout).toContain(part);
    api.script[at('status')] = () => refuse(503, 'host_lost');
    const json = await run(['runner', 'status', 'laptop', '--json'], { env });
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ running: false, error: { code: 'host_lost' } });
  });
});
