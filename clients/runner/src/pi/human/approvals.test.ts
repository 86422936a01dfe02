import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TestSession } from '../testKit.js';
import { again, call, last, owner, run, say, start, tidyUpAfterEach } from '../../testing/human.js';

tidyUpAfterEach();

describe('approvals', () => {
  const pending = (test: TestSession, n = 1) => test.log.next('approval_pending', n);

  it('are not asked for unless they are wanted', async () => {
    const test = await start();
    expect(await run(test, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
    expect(test.log.all('approval_pending')).toEqual([]);
  });

  it('a denied call is an error that tells the model why', async () => {
    const test = await start({ approvals: 'ask' });
    const { session, log, cwd } = test;
    await say(test, call('bash', { command: 'touch a' }));
    const { approval } = await pending(test);
    expect(approval).toMatchObject({ toolName: 'bash', fields: [{ key: 'command', value: 'touch a' }] });
    const { dialogId, options } = await log.next('dialog_opened');
    expect(options).toContain('Always allow in this folder: bash "touch a"');
    session.answerDialog(dialogId, 'Deny with a reason…', owner);
    session.answerDialog((await log.next('dialog_opened', 2)).dialogId, 'no files here', owner);
    await log.next('agent_end');
    expect(log.all('approval_cleared')).toMatchObject([{ promptId: approval.promptId }]);
    expect(log.all('tool_execution_end')[0]).toMatchObject({ isError: true });
    expect(last(test, 'toolResult')).toContain('The person denied it: no files here');
    expect(existsSync(join(cwd, 'a'))).toBe(false);
  });

  it('hold for this call, for the session, or for the folder', async () => {
    const test = await start({ approvals: 'ask' });
    const answered = async (command: string, n: number, action: string) => {
      const runs = test.log.all('agent_end').length;
      await say(test, call('bash', { command }));
      test.session.answerDialog((await pending(test, n)).approval.promptId, action, owner);
      await test.log.next('agent_end', runs + 1);
    };
    await answered('touch a', 1, 'approve');
    await answered('touch a', 2, 'session');
    await answered('touch b', 3, 'folder');
    for (const command of ['touch a', 'touch b', 'ls']) {
      expect(await run(test, 'bash', { command })).toMatchObject({ isError: false });
    }
    expect(test.log.all('approval_pending')).toHaveLength(3);

    await test.session.dispose();
    const resumed = await again(test, { approvals: 'ask' });
    expect(await run(resumed, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
    const other = await start({ cwd: test.cwd, agentDir: test.agentDir, approvals: 'ask' });
    expect(await run(other, 'bash', { command: 'touch b' })).toMatchObject({ isError: false });
    await say(other, call('bash', { command: 'touch a' }));
    await pending(other);
  });

  it('are wanted for as long as a person says so', async () => {
    const before = await start();
    await run(before, 'ls', {});
    await say(before, '/approvals ask');
    await before.log.until(() => before.log.all('dialog_opened').some((event) => event.method === 'notify'));
    await before.session.dispose();
    const after = await again(before);
    await say(after, call('bash', { command: 'touch a' }));
    const { promptId } = (await pending(after)).approval;
    after.session.answerDialog(promptId, 'deny', owner);
    await after.log.next('agent_end');
    await say(after, '/approvals allow');
    expect(await run(after, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
  });

  it('cannot be given by the agent to itself', async () => {
    const test = await start();
    const path = join(test.agentDir, 'pizzapi-approvals.json');
    expect(await run(test, 'write', { path, content: '{}' })).toMatchObject({ isError: true });
    for (const command of [`echo {} > ${path}`, `cd ${test.agentDir} && touch pizzapi-approvals.json`]) {
      expect(await run(test, 'bash', { command })).toMatchObject({ isError: true });
    }
    for (const name of ['trust.json', 'pizzapi-trust.json']) {
      const trust = join(test.agentDir, name);
      expect(await run(test, 'write', { path: trust, content: '{}' })).toMatchObject({ isError: true });
      expect(await run(test, 'bash', { command: `echo {} > ${trust}` })).toMatchObject({ isError: true });
      expect(existsSync(trust)).toBe(false);
    }
    expect(existsSync(path)).toBe(false);
    expect((await run(test, 'bash', { command: `cat ${path}` })).text).toContain('No such file');
  });

  it('denied for the folder are denied however the command is written, and asked for where it cannot be told', async () => {
    const test = await start();
    const rules = [
      { tool: 'bash', command: 'rm *', decision: 'deny' },
      { tool: 'bash', command: 'git push *', decision: 'ask' },
    ];
    writeFileSync(join(test.agentDir, 'pizzapi-approvals.json'), JSON.stringify({ folders: { [test.cwd]: rules } }));
    writeFileSync(join(test.cwd, 'pizza'), '');
    for (const command of ['/bin/rm pizza', 'env rm pizza', 'if true; then rm pizza; fi', "sh -c 'rm pizza'"]) {
      const { text, isError } = await run(test, 'bash', { command });
      expect({ text, isError }, command).toMatchObject({
        isError: true,
        text: expect.stringContaining('deny bash') as string,
      });
    }
    expect(existsSync(join(test.cwd, 'pizza'))).toBe(true);
    for (const [index, command] of ['git -C . push', 'X=r$Y; $X pizza'].entries()) {
      const runs = test.log.all('agent_end').length;
      await say(test, call('bash', { command }));
      test.session.answerDialog((await pending(test, index + 1)).approval.promptId, 'deny', owner);
      await test.log.next('agent_end', runs + 1);
    }
    expect(await run(test, 'bash', { command: 'touch baked' })).toMatchObject({ isError: false });
  });

  it('of the folder do not reach another one', async () => {
    const test = await start({ approvals: 'ask' });
    const rule = { tool: 'bash', command: 'git *', decision: 'allow' };
    writeFileSync(join(test.agentDir, 'pizzapi-approvals.json'), JSON.stringify({ folders: { [test.cwd]: [rule] } }));
    expect(await run(test, 'bash', { command: `cd ${test.cwd} && git init -q` })).toMatchObject({ isError: false });
    expect(test.log.all('approval_pending')).toEqual([]);
    for (const [index, command] of ['cd / && git init x', 'git -C / init x'].entries()) {
      const runs = test.log.all('agent_end').length;
      await say(test, call('bash', { command }));
      test.session.answerDialog((await pending(test, index + 1)).approval.promptId, 'deny', owner);
      await test.log.next('agent_end', runs + 1);
    }
  });

  it('that come after a restart let exactly that call through', async () => {
    const before = await start({ approvals: 'ask' });
    await say(before, call('bash', { command: 'touch a' }));
    const { promptId } = (await pending(before)).approval;
    await before.session.dispose();
    const after = await again(before, { approvals: 'ask' });
    after.session.answerDialog(promptId, 'approve', owner);
    // What the model does next is another call, and needs an approval of its own.
    const other = (await pending(after, 2)).approval;
    expect(other.fields).not.toMatchObject([{ value: 'touch a' }]);
    after.session.answerDialog(other.promptId, 'approve', owner);
    await after.log.next('agent_end');
    expect(last(after, 'user')).toContain('make it again');
    expect(await run(after, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
    await say(after, call('bash', { command: 'touch a' }));
    await pending(after, 3);
  });
});
