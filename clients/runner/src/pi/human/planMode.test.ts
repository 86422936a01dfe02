import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { again, call, crash, last, owner, run, say, start, tidyUpAfterEach } from '../../testing/human.js';

tidyUpAfterEach();

describe('plan mode', () => {
  it('blocks what writes, lets through what reads, and ends with an approved plan', async () => {
    const test = await start();
    const { session, log, cwd } = test;
    writeFileSync(join(cwd, 'pizza.md'), 'dough');
    await say(test, '/plan');
    expect(await log.next('plan_mode_toggled')).toMatchObject({ enabled: true });
    const written = await run(test, 'write', { path: 'new.md', content: 'x' });
    expect(written).toMatchObject({ isError: true });
    expect(written.text).toContain('Plan mode is on');
    expect(existsSync(join(cwd, 'new.md'))).toBe(false);
    expect(await run(test, 'bash', { command: 'rm pizza.md' })).toMatchObject({ isError: true });
    expect(existsSync(join(cwd, 'pizza.md'))).toBe(true);
    expect(await run(test, 'bash', { command: 'ls | grep pizza' })).toEqual({ text: 'pizza.md\n', isError: false });

    await say(test, call('plan_mode', { action: 'submit', title: 'Bake', steps: [{ title: 'Knead' }] }));
    const { plan } = await log.next('plan_pending');
    expect(plan).toMatchObject({ title: 'Bake', steps: [{ title: 'Knead' }] });
    await log.until(() => log.all('dialog_opened').some((event) => event.method === 'select'));
    const { dialogId } = log.all('dialog_opened').findLast((event) => event.method === 'select')!;
    session.answerDialog(dialogId, 'Approve', owner);
    await log.next('plan_cleared');
    await log.next('agent_end', 4);
    expect(last(test, 'toolResult')).toContain('approved the plan');
    expect(log.all('plan_mode_toggled').at(-1)).toMatchObject({ enabled: false });
    expect(await run(test, 'bash', { command: 'rm pizza.md' })).toMatchObject({ isError: false });
    expect(existsSync(join(cwd, 'pizza.md'))).toBe(false);
  });

  it('lets a plan be rewritten, changed or refused', async () => {
    const test = await start();
    const { session, log } = test;
    await say(test, '/plan on');
    const submit = async (n: number) => {
      await say(test, call('plan_mode', { action: 'submit', title: 'Bake' }));
      return (await log.next('plan_pending', n)).plan.toolCallId;
    };
    await submit(1);
    const select = () => log.all('dialog_opened').findLast((event) => event.method === 'select')?.dialogId;
    await log.until(() => select() !== undefined);
    session.answerDialog(select()!, 'Edit…', owner);
    await log.until(() => log.all('dialog_opened').some((event) => event.method === 'editor'));
    const editor = log.all('dialog_opened').at(-1)!;
    expect(editor.prefill).toBe('# Bake');
    session.answerDialog(editor.dialogId, '# Boil', owner);
    await log.next('agent_end');
    expect(last(test, 'toolResult')).toContain('# Boil');
    expect(log.all('plan_mode_toggled').at(-1)).toMatchObject({ enabled: false });

    await say(test, '/plan on');
    session.answerDialog(await submit(2), 'use less salt', owner);
    await log.next('agent_end', 2);
    expect(last(test, 'toolResult')).toContain('use less salt');
    session.answerDialog(await submit(3), 'reject', owner);
    await log.next('agent_end', 3);
    expect(last(test, 'toolResult')).toContain('did not approve');
    expect(log.all('plan_mode_toggled').at(-1)).toMatchObject({ enabled: true });
  });

  it('is still on after a restart, with the plan that waits', async () => {
    const before = await start();
    await say(before, '/plan on');
    await say(before, call('plan_mode', { action: 'submit', title: 'Bake' }));
    const { toolCallId } = (await before.log.next('plan_pending')).plan;
    await crash(before);
    const after = await again(before);
    expect(after.log.all('plan_mode_toggled')).toMatchObject([{ enabled: true }]);
    expect(after.log.all('plan_pending')).toMatchObject([{ plan: { toolCallId } }]);
    after.session.answerDialog(toolCallId, 'approve', owner);
    await after.log.next('agent_end');
    expect(after.log.all('plan_mode_toggled').at(-1)).toMatchObject({ enabled: false });
    expect(last(after, 'user')).toContain('the plan "Bake" that you submitted');
  });
});
