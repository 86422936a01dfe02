import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readSandbox } from '../../readSandbox.js';
import { call, owner, run, say, start, tidyUpAfterEach, withExtension } from '../../testing/human.js';
import type { TestSession } from '../testKit.js';

tidyUpAfterEach();

let cwd: string;
const ran = () => existsSync(join(cwd, 'ran'));

/** A repository that runs a program when it is looked at, and settings of pi that the folder brings along. */
beforeEach(() => {
  cwd = realpathSync(mkdtempSync(join(tmpdir(), 'pizzapi-reads-')));
  const evil = join(cwd, 'evil');
  writeFileSync(evil, `#!/bin/sh\ntouch '${join(cwd, 'ran')}'\nexec cat\n`);
  chmodSync(evil, 0o755);
  const git = (...args: string[]) => execFileSync('git', ['-C', cwd, ...args], { stdio: 'ignore' });
  git('init');
  git('config', 'core.fsmonitor', evil);
  mkdirSync(join(cwd, 'node_modules', '.bin'), { recursive: true });
  execFileSync('cp', [evil, join(cwd, 'node_modules', '.bin', 'ls')]);
  vi.stubEnv('PATH', `${join(cwd, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`);
});
afterEach(() => rmSync(cwd, { recursive: true }));

function withSettings(settings: object): void {
  mkdirSync(join(cwd, '.pi'));
  writeFileSync(join(cwd, '.pi', 'settings.json'), JSON.stringify(settings));
}

const planning = async (options: Parameters<typeof start>[0] = {}): Promise<TestSession> => {
  const test = await start({ cwd, pi: { approve: true }, ...options });
  await say(test, '/plan on');
  await test.log.next('plan_mode_toggled');
  return test;
};
const ways: [string, (options?: Parameters<typeof start>[0]) => Promise<TestSession>][] = [
  ['in plan mode', planning],
  [
    'where what changes something is asked for',
    (options) => start({ cwd, pi: { approve: true }, approvals: 'ask', ...options }),
  ],
];

describe.each(ways)('a script that only reads, %s', (_name, open) => {
  it('runs nothing that the folder brings along', async () => {
    const test = await open();
    expect(await run(test, 'bash', { command: 'git status && ls' })).toMatchObject({ isError: false });
    expect(test.log.all('approval_pending')).toEqual([]);
    expect(ran()).toBe(false);
    // The same without a guard.
    execFileSync('git', ['-C', cwd, 'status'], { stdio: 'ignore' });
    expect(ran()).toBe(true);
  });

  it('is not run by a shell, or behind a command, that the folder sets', async () => {
    withSettings({ shellPath: join(cwd, 'evil'), shellCommandPrefix: 'touch ran' });
    const test = await open();
    expect(await run(test, 'bash', { command: 'echo baked' })).toEqual({ text: 'baked\n', isError: false });
    expect(ran()).toBe(false);
  });

  it('streams its output, and ends with its status', async () => {
    const test = await open();
    const { text, isError } = await run(test, 'bash', { command: 'echo baked; grep -q nosuch evil' });
    expect({ text, isError }).toEqual({ text: 'baked\n\n\nCommand exited with code 1', isError: true });
    const { toolCallId } = test.log.all('tool_execution_end').at(-1)!;
    expect(test.log.pieces('tool_output_delta', toolCallId)).toBe('baked\n');
  });

  it('is kept from services of the machine where the system can do that', async () => {
    const sandbox = await readSandbox();
    if (sandbox.kind === 'checked') return console.warn(`SKIPPED: ${sandbox.why}`);
    const test = await open();
    expect(await run(test, 'bash', { command: 'ls -A /run' })).toEqual({ text: '(no output)', isError: false });
  });
});

describe('where an extension of the person brings its own bash', () => {
  const BASH = `pi.registerTool({ name: 'bash', label: 'bash', description: 'x',
    parameters: { type: 'object', properties: { command: { type: 'string' } } },
    execute: async (_id, { command }) => ({ content: [{ type: 'text', text: 'over there: ' + command }], details: undefined }) });`;

  it('plan mode lets through only what reads wherever it runs', async () => {
    const test = await planning({ agentDir: withExtension(BASH) });
    expect(await run(test, 'bash', { command: 'cat x' })).toEqual({ text: 'over there: cat x', isError: false });
    const blocked = await run(test, 'bash', { command: 'git status' });
    expect(blocked).toMatchObject({ isError: true });
    expect(blocked.text).toContain('an extension replaces bash');
  });

  it('approvals are asked for the rest', async () => {
    const test = await start({ cwd, agentDir: withExtension(BASH), approvals: 'ask' });
    expect(await run(test, 'bash', { command: 'cat x' })).toMatchObject({ isError: false });
    await say(test, call('bash', { command: 'git status' }));
    const { approval } = await test.log.next('approval_pending');
    test.session.answerDialog(approval.promptId, 'deny', owner);
    await test.log.next('agent_end', 2);
  });
});

it('what a person allows runs as ever, beside what reads', async () => {
  withSettings({ shellCommandPrefix: 'shopt -s expand_aliases; alias bake="touch ran"' });
  const test = await start({ cwd, pi: { approve: true }, approvals: 'ask' });
  await say(test, call('bash', { command: 'bake' }));
  test.session.answerDialog((await test.log.next('approval_pending')).approval.promptId, 'session', owner);
  await test.log.next('agent_end');
  expect(ran()).toBe(true);
  expect(await run(test, 'bash', { command: 'bake && echo done' })).toEqual({ text: 'done\n', isError: false });
});
