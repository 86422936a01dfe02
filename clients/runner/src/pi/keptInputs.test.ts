import { describe, expect, it } from 'vitest';
import { again, call, crash, last, owner, start, tidyUpAfterEach } from '../testing/human.js';
import type { TestSession } from './testKit.js';

tidyUpAfterEach();

/** A session whose agent works, with two inputs that wait. */
async function waiting(): Promise<TestSession> {
  const test = await start();
  await test.session.submitInput({ commandId: 'c_work', text: call('bash', { command: 'sleep 300' }), by: owner });
  await test.log.next('tool_execution_start');
  const picture = { data: 'iVBORw0KGgo=', mimeType: 'image/png' };
  await test.session.submitInput({
    commandId: 'c_1',
    text: 'First',
    by: owner,
    deliverAs: 'followUp',
    images: [picture],
  });
  await test.session.submitInput({ commandId: 'c_2', text: 'Second', by: owner, deliverAs: 'followUp' });
  expect(test.session.state().queue.followUp).toEqual(['First', 'Second']);
  return test;
}

const texts = ({ log }: TestSession) =>
  log.all('message_end').flatMap(({ message }) => (message.role === 'user' ? [JSON.stringify(message.content)] : []));

describe('inputs that wait while the agent works', () => {
  it.each([
    ['killed', crash],
    ['stopped', ({ session }: TestSession) => session.dispose()],
  ])('reach it by the next process when this one is %s, in order, once', async (_how, stop) => {
    const before = await waiting();
    await stop(before);
    const after = await again(before);
    await after.log.until(() => texts(after).length === 2);
    expect(texts(after)).toEqual([expect.stringMatching(/First.*iVBORw0KGgo=/), expect.stringContaining('Second')]);
    expect(after.log.all('input_received')).toMatchObject([
      { commandId: 'c_1', text: 'First', by: owner, deliverAs: 'followUp' },
      { commandId: 'c_2', text: 'Second', by: owner },
    ]);
    expect(after.log.all('input_delivered').map(({ commandId }) => commandId)).toEqual(['c_1', 'c_2']);
    await after.log.next('agent_end');
    await crash(after);
    const third = await again(after);
    await third.session.submitInput({ commandId: 'c_3', text: 'Third', by: owner });
    await third.log.next('agent_end');
    expect(texts(third)).toHaveLength(1);
    expect(last(third, 'user')).toBe('Third');
  });

  it('are not wanted any more when the session is ended for good', async () => {
    const before = await waiting();
    await before.session.dispose({ permanently: true });
    const after = await again(before);
    expect(after.log.all('input_received')).toEqual([]);
  });

  it('stay with their session: a fork does not hear them', async () => {
    const before = await waiting();
    const fork = before.session.fork();
    if (fork.kind === 'failed') throw new Error(fork.error.message);
    const forked = await again(before, { sessionFile: fork.sessionFile! });
    expect(forked.log.all('input_received')).toEqual([]);
  });
});
