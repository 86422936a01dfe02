import { CONTINUE_INPUT } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { BOB, read, sends } from '../testing/guests.js';
import { again, ask, call, crash, OVEN, owner, start, tidyUpAfterEach } from '../testing/human.js';
import type { TestSession } from './testKit.js';

tidyUpAfterEach();

const linked = { sessionId: 'p' };
const SLEEPS = call('bash', { command: 'sleep 30' });
const resumed = { linked, isResumed: true };

async function atWork(): Promise<TestSession> {
  const test = await start({ linked });
  await test.session.submitInput({ commandId: 'work', text: SLEEPS, by: owner });
  await test.log.next('tool_execution_start');
  return test;
}

/** What the agent of the next process has read once it rests. */
async function readAfter(before: TestSession, continuesInterrupted = true): Promise<string[]> {
  const after = await again(before, { ...resumed, continuesInterrupted });
  await after.session.submitInput({ commandId: 'last', text: 'last', by: owner, deliverAs: 'followUp' });
  await after.log.until(() => read(after).includes('last'));
  return read(after);
}

describe('a run that the stop of its host has ended', () => {
  it('is continued by the next process, in the name of PizzaPi, where the person wants that', async () => {
    const before = await atWork();
    await before.session.dispose();
    const after = await again(before, { ...resumed, continuesInterrupted: true });
    const by = { userId: 'system', via: 'system' };
    expect(await after.log.next('input_received')).toMatchObject({ text: CONTINUE_INPUT, by });
    await after.log.next('agent_end');
    expect(read(after)).toEqual([CONTINUE_INPUT]);
    // It is continued once.
    await after.session.dispose();
    expect(await readAfter(after)).toEqual(['last']);
  });

  it('waits for a person where nobody wants that, and after a crash, which the work may have caused', async () => {
    const stopped = await atWork();
    await stopped.session.dispose();
    expect(await readAfter(stopped, false)).toEqual(['last']);
    const crashed = await atWork();
    await crash(crashed);
    expect(await readAfter(crashed)).toEqual(['last']);
  });

  it('waits for a person where a guest is part of the turn, and where a person is asked something', async () => {
    const before = await atWork();
    await before.session.abort();
    await sends(before, BOB, SLEEPS);
    await before.log.next('tool_execution_start', 2);
    await before.session.dispose();
    expect(await readAfter(before)).toEqual(['last']);
    const asking = await start({ linked });
    await asking.session.submitInput({ commandId: 'work', text: ask(OVEN), by: owner });
    await asking.log.next('question_pending');
    await asking.session.dispose();
    const after = await again(asking, { ...resumed, continuesInterrupted: true });
    await after.log.next('question_pending');
    expect(after.log.all('input_received')).toEqual([]);
  });
});
