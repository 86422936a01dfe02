import { describe, expect, it } from 'vitest';
import { again, run, say, start, tidyUpAfterEach } from '../../testing/human.js';

tidyUpAfterEach();

describe('the modes of a session', () => {
  it('are in the log from the start of each process, and when a person changes them by a command or by a switch', async () => {
    const before = await start();
    const asked = (test: typeof before) => test.log.all('approvals_changed').map(({ mode }) => mode);
    expect(asked(before)).toEqual(['allow']);
    await run(before, 'ls', {});
    before.session.modes!.setApprovals('ask');
    before.session.modes!.setPlanMode(true);
    expect(asked(before)).toEqual(['allow', 'ask']);
    expect(before.log.all('plan_mode_toggled').map(({ enabled }) => enabled)).toEqual([true]);
    await before.session.dispose();

    const after = await again(before);
    expect(asked(after)).toEqual(['ask']);
    expect(after.log.all('plan_mode_toggled').map(({ enabled }) => enabled)).toEqual([true]);
    after.session.modes!.setPlanMode(false);
    await say(after, '/approvals allow');
    await after.log.next('approvals_changed', 2);
    expect(asked(after)).toEqual(['ask', 'allow']);
    expect(await run(after, 'bash', { command: 'touch a' })).toMatchObject({ isError: false });
  });

  it('can be the modes in which the session begins, until they are changed', async () => {
    const goal = { description: 'A pizza is baked', maxTurns: 30 };
    const pi = { approvals: { mode: 'ask' as const, planMode: true as const }, goal };
    const before = await start({ pi });
    expect(before.log.all('approvals_changed')).toMatchObject([{ mode: 'ask' }]);
    expect(before.log.all('plan_mode_toggled')).toMatchObject([{ enabled: true }]);
    expect(before.log.all('goal_updated')).toMatchObject([{ goal: { ...goal, status: 'active' } }]);
    await run(before, 'ls', {});
    before.session.modes!.setGoal(null);
    expect(before.log.all('goal_updated').at(-1)!.goal).toMatchObject({ status: 'cancelled' });
    await before.session.dispose();
    const after = await again(before, { pi });
    expect(after.log.all('goal_updated').at(-1)!.goal).toMatchObject({ status: 'cancelled' });
  });

  it('include a goal that the agent is told when a person sets it', async () => {
    const test = await start();
    test.session.modes!.setGoal({ description: 'A pizza is baked' });
    await test.log.next('agent_end');
    expect(test.log.all('goal_updated')[0]!.goal).toMatchObject({ description: 'A pizza is baked', status: 'active' });
    const told = test.log.all('message_end').filter(({ message }) => message.role === 'user');
    expect(JSON.stringify(told)).toContain('New goal: A pizza is baked');
  });

  it('do not exist where the tools for them are off', async () => {
    const { session, log } = await start({ human: false });
    expect(session.modes).toBeUndefined();
    expect(log.all('approvals_changed')).toEqual([]);
  });
});
