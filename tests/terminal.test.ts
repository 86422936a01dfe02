import { createApi } from '@pizzapi/session-client';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI, runCli } from './support/cli.js';
import { shareLocalStack, type SharedStack } from './support/localStack.js';
import { until } from './support/until.js';
import { apiOf, newSession } from './support/viewer.js';

/** People with a terminal on another machine: a home of their own, and the address of the gateway. */
let stage: SharedStack;
let home: string;
const running = new Set<ChildProcess>();
beforeAll(async () => {
  stage = await shareLocalStack();
  home = mkdtempSync(join(tmpdir(), 'pizzapi-elsewhere-'));
}, 120_000);
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await stage.release();
  rmSync(home, { recursive: true, force: true, maxRetries: 5 });
});

const env = (): NodeJS.ProcessEnv => ({ PIZZAPI_RELAY_URL: stage.url, PIZZAPI_API_KEY: '' });
const cli = (...args: string[]) => runCli({ home, env: env() }, ...args);

interface Running {
  child: ChildProcess;
  output: { stdout: string; stderr: string };
  code: Promise<number | null>;
}

/** Starts a command that runs while the test continues. */
function start(args: readonly string[], extra: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, HOME: home, ...env(), PIZZAPI_HOME: home, ...extra },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, output, code: code.finally(() => running.delete(child)) };
}

/** Runs a command that requests a key, and approves or denies it as the owner does on the page. */
async function withAnswer(answer: 'approvePair' | 'denyPair', ...args: string[]) {
  const { output, code } = start([...args, '--no-browser']);
  const shown = await until('a code is shown', () => /the code\s+([A-Z0-9]{4}-[A-Z0-9]{4})/.exec(output.stderr)?.[1]);
  expect(await apiOf(stage)[answer](shown)).toMatchObject({ kind: 'ok' });
  return { code: await code, ...output };
}

const storedKey = (): string => {
  const { relays } = JSON.parse(readFileSync(join(home, 'login.json'), 'utf8')) as {
    relays: Record<string, { apiKey: string }>;
  };
  return relays[stage.url]!.apiKey;
};

describe('a person with a terminal on another machine', () => {
  it('a person has no access before the sign-in, and none after the request for a key is denied', async () => {
    expect(await cli('sessions')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('pizzapi login') as string,
    });
    expect(await withAnswer('denyPair', 'login')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('pair_denied: ') as string,
    });
    expect(await cli('whoami')).toMatchObject({ code: 1, stdout: '' });
  });

  it('a person signs in by a browser, and gets the account that approved the request', async () => {
    expect(await withAnswer('approvePair', 'login', '--name', 'laptop')).toMatchObject({ code: 0 });
    expect(statSync(join(home, 'login.json')).mode & 0o777).toBe(0o600);
    expect(JSON.parse((await cli('whoami', '--json')).stdout)).toMatchObject({ userId: 'owner', by: 'key' });
  });

  it('a person creates, lists and revokes keys, and a revoked key gives no access', async () => {
    const made = await cli('keys', 'create', 'ci', '--expires', '1d');
    const token = made.stdout.trim();
    expect(token).toMatch(/^pzk_/);
    const ci = { ...env(), PIZZAPI_API_KEY: token };
    expect(await runCli({ home, env: ci }, 'sessions')).toMatchObject({ code: 0 });
    const rows = (await cli('keys', '--json')).stdout.trim().split('\n');
    const keys = rows.map((row) => JSON.parse(row) as { id: string; name: string });
    expect(keys.map(({ name }) => name)).toEqual(expect.arrayContaining(['ci', 'laptop']));
    expect(await cli('keys', 'revoke', keys.find(({ name }) => name === 'ci')!.id)).toMatchObject({ code: 0 });
    expect(await runCli({ home, env: ci }, 'sessions')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^unauthenticated: \S+ refused your key/) as string,
    });
  });

  it('a person shares a session, and the guest sees only that session until the link is revoked', async () => {
    const sid = await newSession(stage);
    const shared = await until('it can be shared', async () => {
      const run = await cli('share', sid, '--expires', '1h', '--json');
      return run.code === 0 && run;
    });
    const { shareUrl, shareId, token } = JSON.parse(shared.stdout) as Record<'shareUrl' | 'shareId' | 'token', string>;
    const guest = start(['tail', shareUrl, '--as', 'Grace', '--json'], { PIZZAPI_HOME: join(home, 'guest') });
    await until('the guest sees the log', () => guest.output.stdout.includes('session_started'));
    expect(await createApi({ url: stage.url, token }).sessions()).toMatchObject({ kind: 'failed' });
    expect((await cli('share', sid, '--list')).stdout).toMatch(
      new RegExp(`^${shareId} +read +(now|\\dm) +in [56]\\d min$`, 'm'),
    );
    expect(await cli('share', sid, '--revoke', shareId)).toMatchObject({ code: 0 });
    expect(await guest.code).toBe(1);
    expect(guest.output.stderr).toMatch(/^unauthenticated: The link does not open the session.*\n$/);
    expect((await cli('share', sid, '--list')).stdout).toMatch(new RegExp(`^${shareId} .*revoked$`, 'm'));
  });

  it('a person pairs a machine, whose runner then connects to the gateway without further options', async () => {
    expect(await withAnswer('approvePair', 'runner', 'pair', '--name', 'box')).toMatchObject({ code: 0 });
    expect(statSync(join(home, 'runner', 'token.json')).mode & 0o777).toBe(0o600);
    const runner = start(['runner', '--name', 'box']);
    const names = async () => {
      const reply = await apiOf(stage).runners();
      return reply.kind === 'ok' ? reply.value.runners.map(({ name }) => name) : [];
    };
    await until(`the runner is listed: ${runner.output.stderr}`, async () => (await names()).includes('box'));
    runner.child.kill('SIGTERM');
    expect(await runner.code).toBe(0);
  });

  it('reads in the audit log who did all this, and no secret', async () => {
    const { stdout } = await cli('audit', '--limit', '1000', '--json');
    const rows = stdout
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row) as { kind: string });
    const kinds = new Set(rows.map(({ kind }) => kind));
    const wanted = [
      'pair_asked',
      'pair_answered',
      'key_created',
      'key_revoked',
      'share_created',
      'share_revoked',
      'join',
    ];
    expect(wanted.filter((kind) => !kinds.has(kind))).toEqual([]);
    expect(stdout).not.toContain(storedKey());
    expect(stdout).not.toMatch(/pz[kr]_[0-9A-Za-z]{32}|eyJ/);
  });

  it('an admin lists the accounts, and cannot disable the own account', async () => {
    expect((await cli('users')).stdout).toMatch(/^owner +admin +active/m);
    expect(await cli('users', 'disable', 'owner')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^own_account: /) as string,
    });
  });

  it('a person signs out, and the key gives no access any more', async () => {
    const key = storedKey();
    expect(await cli('logout')).toMatchObject({ code: 0, stderr: '' });
    expect(await createApi({ url: stage.url, token: key }).me()).toMatchObject({ kind: 'failed' });
    expect(await cli('whoami')).toMatchObject({ code: 1 });
  });
});
