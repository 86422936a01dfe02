import { createApi } from '@pizzapi/session-client';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI, runCli } from './support/cli.js';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { steppedOutput } from './support/steppedOutput.js';
import { until } from './support/until.js';
import { apiOf, newSession, watch } from './support/viewer.js';

/** People with a terminal on another machine: a home of their own, and the address of the gateway. */
let stage: LocalStack;
let home: string;
const running = new Set<ChildProcess>();
beforeAll(async () => {
  stage = await startLocalStack({}, { flags: ['--name', 'oven', '--max-sessions', '9'] });
  home = mkdtempSync(join(tmpdir(), 'pizzapi-elsewhere-'));
}, 120_000);
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await stage.clear();
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
      new RegExp(`^${shareId} +read +(now|\\dm) +in [56]\\d min +by link$`, 'm'),
    );
    expect(await cli('share', sid, '--revoke', shareId)).toMatchObject({ code: 0 });
    expect(await guest.code).toBe(1);
    expect(guest.output.stderr).toMatch(/^unauthenticated: The link does not open the session.*\n$/);
    expect((await cli('share', sid, '--list')).stdout).toMatch(new RegExp(`^${shareId} .*revoked +by link$`, 'm'));
  });

  it('a person pairs a machine, whose runner connects under the given name, hosts a session, and is forgotten once it is gone', async () => {
    expect(await withAnswer('approvePair', 'runner', 'pair', '--name', 'box')).toMatchObject({ code: 0 });
    expect(statSync(join(home, 'runner', 'token.json')).mode & 0o777).toBe(0o600);
    const runner = start(['runner', '--roots', home]);
    const listed = async () =>
      (await cli('runner', 'list', '--json')).stdout
        .split('\n')
        .filter((row) => row !== '')
        .map((row) => JSON.parse(row) as { runnerId: string; name: string; online: boolean });
    const box = () => listed().then((all) => all.find(({ name }) => name === 'box'));
    expect(await listed()).toContainEqual(expect.objectContaining({ name: 'oven', maxSessions: 9, online: true }));
    await until(`the runner is listed: ${runner.output.stderr}`, async () => (await box())?.online === true);
    const started = await cli('run', '--json', '--runner', 'box', '--cwd', home, '--model', 'demo/demo');
    const { sessionId, runnerId } = JSON.parse(started.stdout) as Record<'sessionId' | 'runnerId', string>;
    expect(runnerId).toBe((await box())?.runnerId);
    expect(await cli('runner', 'forget', 'box', '--yes')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^runner_online: /) as string,
    });
    runner.child.kill('SIGTERM');
    expect(await runner.code).toBe(0);
    await until('the runner is offline', async () => (await box())?.online === false);
    expect(await cli('runner', 'forget', runnerId.slice(0, -3), '--yes')).toMatchObject({
      code: 0,
      stdout: `Forgotten: ${runnerId}\n`,
      stderr: '',
    });
    expect(await box()).toBeUndefined();
    expect((await cli('keys')).stdout).not.toContain('box');
    expect(await apiOf(stage).events(sessionId)).toMatchObject({ kind: 'ok' });
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
      'runner_forgotten',
      'share_created',
      'share_revoked',
      'join',
    ];
    expect(wanted.filter((kind) => !kinds.has(kind))).toEqual([]);
    expect(stdout).not.toContain(storedKey());
    expect(stdout).not.toMatch(/pz[kr]_[0-9A-Za-z]{32}|eyJ/);
  });

  it('an operator checks health, storage, keys and accounts, and cannot disable the own account', async () => {
    const doctor = await runCli(stage, 'doctor', '--json');
    expect(JSON.parse(doctor.stdout)).toMatchObject({ ok: true });
    const usage = JSON.parse((await cli('usage', '--json')).stdout) as { uses: { of: string }[] };
    expect(usage.uses.map((use) => use.of)).toContain('account');
    expect((await cli('keys')).stdout).toMatch(/ user .* laptop$/m);
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

describe('pizzapi run, tail, rename, fork, kill, resume, stop and delete', () => {
  const cli = (command: string, ...args: string[]) => runCli(stage, command, '--relay-url', stage.url, ...args);
  const project = () => ['--cwd', stage.project, '--model', 'demo/demo'];

  it('a session can be started, read, renamed, forked, ended, resumed and deleted, each by the name that people know', async () => {
    const started = await cli('run', '--detach', '--json', ...project(), 'Hello');
    const { sessionId, shareUrl } = JSON.parse(started.stdout) as Record<'sessionId' | 'shareUrl', string>;
    expect(shareUrl).toBe(`${stage.pageUrl}/s/${sessionId}`);
    const watcher = watch(stage, sessionId);
    await watcher.next('agent_end');
    expect(await cli('rename', sessionId, 'A name')).toMatchObject({ code: 0, stderr: '' });
    await until('the list has the name', async () => (await cli('ls')).stdout.includes('A name'));
    const forked = await cli('fork', sessionId.slice(0, 12), '--name', 'The other way');
    expect(forked).toMatchObject({ code: 0 });
    expect(await cli('kill', 'A name')).toMatchObject({ code: 0, stdout: `Ended: ${sessionId}\n`, stderr: '' });
    expect(await cli('tail', 'a name', '--last', '1')).toMatchObject({ code: 0 });
    expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'killed' });
    const rows = (await cli('ls', '--json')).stdout.trim().split('\n');
    const listed = rows.map((row) => JSON.parse(row) as { sessionId: string; name: string; state: string });
    expect(listed).toContainEqual(expect.objectContaining({ sessionId, name: 'A name', state: 'ended' }));
    expect(listed).toContainEqual(expect.objectContaining({ sessionId: forked.stdout.trim(), name: 'The other way' }));
    expect(await cli('rename', sessionId, 'too late')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('session_ended: ') as string,
    });
    watcher.close();
    const resumed = await cli('resume', sessionId, '--json');
    const { sessionId: next } = JSON.parse(resumed.stdout) as { sessionId: string };
    expect(resumed.stderr).toBe(`${sessionId} has ended. ${next} continues it.\n`);
    const continued = await apiOf(stage).session(next);
    expect(continued).toMatchObject({ value: { session: { name: 'A name', state: 'idle' } } });
    expect(await cli('resume', next, '--detach')).toMatchObject({ code: 0, stdout: `${next}\n` });
    expect(await cli('delete', 'A name', '--yes')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^session_ambiguous: .*\(A name\), .*\(A name\)\.\n$/) as string,
    });
    expect(await cli('delete', sessionId.slice(0, 14), '--yes')).toMatchObject({ stdout: `Deleted: ${sessionId}\n` });
    const left = (await cli('ls', '--json')).stdout.trim().split('\n');
    expect(left.map((row) => (JSON.parse(row) as { sessionId: string }).sessionId)).not.toContain(sessionId);
  });

  it('pizzapi stop stops the agent, and the run that waits for it fails', async () => {
    const { prompt } = steppedOutput(stage, 1);
    const waiting = cli('run', '--wait', '--json', ...project(), '--name', 'Endless', prompt);
    await until('the agent works', async () => (await cli('ls')).stdout.match(/working .*Endless/) !== null);
    expect(await cli('stop', 'Endless')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Stopped: s_/) as string,
    });
    const { code, stdout, stderr } = await waiting;
    expect({ code, printed: JSON.parse(stdout) as unknown }).toMatchObject({ code: 1, printed: { status: 'aborted' } });
    expect(stderr).toMatch(/^s_\w+ {2}http\S+\ncommand_failed: The agent was stopped\.?\n$/);
  });

  it('pizzapi run passes the options after -- to pi on the runner, which applies them as its own command line', async () => {
    const ran = await cli(
      'run',
      '--wait',
      ...project(),
      '/demo call bash {"command":"touch baked"}',
      '--',
      '--tools',
      'read,ls',
      '--thinking',
      'off',
    );
    expect(ran).toMatchObject({ code: 0 });
    const [sid = ''] = ran.stderr.split(' ');
    const log = await apiOf(stage).events(sid);
    expect(JSON.stringify(log)).toContain('Tool bash not found');
    expect(await cli('run', '--detach', ...project(), '--', '--tools', 'raed')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^tool_unknown: There is no tool "raed"; there are .*bash/) as string,
    });
  });

  it('pizzapi run --wait waits for the agent, and its exit code is the outcome of the run', async () => {
    const done = await cli('run', '--wait', ...project(), '/demo thinking');
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('every reader has an offset') as string });
    expect(done.stdout).not.toMatch(/started|agent_end/);
    const failed = await cli('run', '--wait', ...project(), '/demo error fatal');
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('command_failed: The agent failed: ') as string,
    });
  });
});
