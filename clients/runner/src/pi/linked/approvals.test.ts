import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ApprovalLimits, PiOptions } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { again, call, last, owner, run, say, start, tidyUpAfterEach } from '../../testing/human.js';
import type { TestSession } from '../testKit.js';
import type { OpenOptions } from '../types.js';

tidyUpAfterEach();

const parent = { sessionId: 'p' };
const child = { sessionId: 'c', parentSessionId: 'p' };
const rule = (command: string, decision: 'ask' | 'allow' | 'deny') => ({ tool: 'bash', command, decision });

function decideForFolder({ agentDir, cwd }: Pick<TestSession, 'agentDir' | 'cwd'>, ...rules: object[]): void {
  writeFileSync(join(agentDir, 'pizzapi-approvals.json'), JSON.stringify({ folders: { [cwd]: rules } }));
}

/** Has the agent start a session, which a person may have to allow, and tells what that one is started with. */
async function spawnedWith(test: TestSession, args: object = {}): Promise<PiOptions | undefined> {
  const { log, session } = test;
  const spawns = log.all('session_spawn').length;
  const asked = log.all('approval_pending').length;
  const runs = log.all('agent_end').length;
  await say(test, call('spawn_session', { prompt: 'Bake', ...args }));
  await log.until(() => log.all('approval_pending').length > asked || log.all('agent_end').length > runs);
  if (log.all('approval_pending').length > asked) {
    session.answerDialog(log.all('approval_pending').at(-1)!.approval.promptId, 'approve', owner);
  }
  await log.next('agent_end', runs + 1);
  expect(log.all('session_spawn'), last(test, 'toolResult')).toHaveLength(spawns + 1);
  return log.all('session_spawn').at(-1)!.pi;
}

async function told(test: TestSession, text: string): Promise<void> {
  const notices = () => test.log.all('dialog_opened').filter(({ method }) => method === 'notify').length;
  const before = notices();
  await say(test, text);
  await test.log.until(() => notices() > before);
}

/** The session that was started so, on a machine whose own runner asks for nothing. */
const childWith = (pi: PiOptions | undefined, options: Partial<OpenOptions> = {}) =>
  start({ linked: child, approvals: 'allow', ...(pi === undefined ? {} : { pi }), ...options });

async function isAsked(test: TestSession, command: string): Promise<boolean> {
  const { log, session } = test;
  const asked = log.all('approval_pending').length;
  const runs = log.all('agent_end').length;
  await say(test, call('bash', { command }));
  await log.until(() => log.all('approval_pending').length > asked || log.all('agent_end').length > runs);
  const isPending = log.all('approval_pending').length > asked;
  if (isPending) session.answerDialog(log.all('approval_pending').at(-1)!.approval.promptId, 'deny', owner);
  await log.next('agent_end', runs + 1);
  return isPending;
}

describe('a child session', () => {
  it('asks for what its parent asks for, wherever it runs', async () => {
    const test = await start({ linked: parent });
    expect(await spawnedWith(test)).toBeUndefined();
    await told(test, '/approvals ask');
    const pi = await spawnedWith(test, { runner: 'elsewhere' });
    expect(pi).toEqual({ approvals: { mode: 'ask' } });
    const kid = await childWith(pi);
    expect(await isAsked(kid, 'touch a')).toBe(true);
    expect(existsSync(join(kid.cwd, 'a'))).toBe(false);
    expect(await isAsked(kid, 'ls')).toBe(false);
    // Its own children as well.
    expect(await spawnedWith(kid)).toEqual(pi);
  });

  it('asks also where its runner has its people left alone', async () => {
    const kid = await childWith({ approvals: { mode: 'ask' } }, { human: false });
    expect(await isAsked(kid, 'touch a')).toBe(true);
  });

  it('may not do what its parent may not, in whatever folder', async () => {
    const test = await start({ linked: parent });
    const [denied, asked] = [rule('rm *', 'deny'), rule('git push *', 'ask')];
    decideForFolder(test, denied, rule('make *', 'allow'), asked);
    const pi = await spawnedWith(test, { cwd: '/elsewhere' });
    expect(pi).toEqual({ approvals: { rules: [denied, asked] } });
    const kid = await childWith(pi);
    expect((await run(kid, 'bash', { command: 'env rm x' })).text).toContain('a rule says "deny bash "rm *""');
    expect(await isAsked(kid, 'git push')).toBe(true);
    expect(await isAsked(kid, 'touch a')).toBe(false);
    // A person can not undo by chance what came with the session.
    await told(kid, '/approvals forget');
    expect((await run(kid, 'bash', { command: 'rm x' })).isError).toBe(true);
    await kid.session.dispose();
    const later = await again(kid, { linked: child, ...(pi === undefined ? {} : { pi }) });
    expect((await run(later, 'bash', { command: 'rm x' })).text).toContain('a rule says');
  });

  it('may do without asking what its parent may, in the same folder only', async () => {
    const test = await start({ linked: parent, approvals: 'ask' });
    await say(test, call('bash', { command: 'touch a' }));
    const { promptId } = (await test.log.next('approval_pending')).approval;
    test.session.answerDialog(promptId, 'session', owner);
    await test.log.next('agent_end');
    const allowed = rule('touch a', 'allow');
    const mode = 'ask' as const;
    expect(await spawnedWith(test)).toEqual({ approvals: { mode, rules: [allowed] } });
    expect(await spawnedWith(test, { cwd: `${test.cwd}/.` })).toEqual({ approvals: { mode, rules: [allowed] } });
    expect(await spawnedWith(test, { cwd: join(test.cwd, 'sub') })).toEqual({ approvals: { mode } });
    expect(await spawnedWith(test, { cwd: test.cwd, runner: 'elsewhere' })).toEqual({ approvals: { mode } });
    const kid = await childWith({ approvals: { mode, rules: [allowed] } });
    expect(await isAsked(kid, 'touch a')).toBe(false);
    expect(await isAsked(kid, 'touch b')).toBe(true);
    await told(kid, '/approvals forget');
    expect(await isAsked(kid, 'touch a')).toBe(true);
  });

  it('plans where its parent plans, until its plan is approved', async () => {
    const pi = { approvals: { planMode: true } satisfies ApprovalLimits };
    const kid = await childWith(pi);
    expect(await kid.log.next('plan_mode_toggled')).toMatchObject({ enabled: true });
    expect((await run(kid, 'bash', { command: 'touch a' })).text).toContain('Plan mode is on');
    expect((await run(kid, 'spawn_session', { prompt: 'x' })).text).toContain('Plan mode is on');
    await say(kid, call('plan_mode', { action: 'submit', title: 'Bake' }));
    kid.session.answerDialog((await kid.log.next('plan_pending')).plan.toolCallId, 'approve', owner);
    await kid.log.next('agent_end', 3);
    expect(await run(kid, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
    await kid.session.dispose();
    const later = await again(kid, { linked: child, pi });
    expect(await run(later, 'bash', { command: 'touch b' })).toMatchObject({ isError: false });
  });

  it('plans when its parent began to plan before a person let it be started', async () => {
    const test = await start({ linked: parent, approvals: 'ask' });
    await say(test, call('spawn_session', { prompt: 'Bake' }));
    const { promptId } = (await test.log.next('approval_pending')).approval;
    await told(test, '/plan on');
    test.session.answerDialog(promptId, 'approve', owner);
    expect((await test.log.next('session_spawn')).pi).toEqual({ approvals: { mode: 'ask', planMode: true } });
    await test.log.next('agent_end');
  });

  it('is not started when it could not be told all that it may not do', async () => {
    const test = await start({ linked: parent });
    decideForFolder(test, ...Array.from({ length: 201 }, (_, index) => rule(`rm ${index}`, 'deny')));
    const { text, isError } = await run(test, 'spawn_session', { prompt: 'Bake' });
    expect({ text, isError }).toEqual({
      text: expect.stringContaining('201 rules that deny or ask') as string,
      isError: true,
    });
    writeFileSync(join(test.agentDir, 'pizzapi-approvals.json'), '{');
    expect(await run(test, 'spawn_session', { prompt: 'Bake' })).toMatchObject({ isError: true });
    expect(test.log.all('session_spawn')).toEqual([]);
  });
});
