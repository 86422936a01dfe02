import type { Author, CommandOf, EventOf } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import type { LinkedCommand, LinkedCommandName } from '../../linked/linkedCommands.js';
import { again, ask, call, crash, last, OVEN, owner, run, say, start, tidyUpAfterEach } from '../../testing/human.js';
import type { TestSession } from '../testKit.js';

tidyUpAfterEach();

const agent: Author = { userId: 'ann', via: 'agent' };
const child = { sessionId: 'c', parentSessionId: 'p' };
const parent = { sessionId: 'p' };
const LONG = { waitMs: 60_000, answerMs: 120_000 };
let count = 0;

/** What the other session sends. */
function send<N extends LinkedCommandName>(
  { session }: TestSession,
  name: N,
  args: CommandOf<N>['args'],
  { id = `l_${++count}`, by = agent } = {},
) {
  const command = { commandId: id, name, args, by, at: 0, expiresAt: Infinity, sessionId: 'x' };
  return session.fromLinked(command as unknown as LinkedCommand);
}

const asksParent = async (test: TestSession, n = 1): Promise<EventOf<'session_trigger'>> => {
  await say(test, ask(OVEN));
  return test.log.next('session_trigger', n);
};
const ok = { kind: 'ok' };
const late = { kind: 'failed', error: { code: 'trigger_late' } };

describe('a child session that asks', () => {
  it('takes the answer of its parent, and the question closes on every screen', async () => {
    const test = await start({ linked: child });
    const trigger = await asksParent(test);
    expect(trigger).toMatchObject({ kind: 'ask_user_question', parentSessionId: 'p', payload: { questions: [OVEN] } });
    const { triggerId } = trigger;
    expect(await send(test, 'trigger_response', { triggerId, response: ['a', 'b'] })).toMatchObject({
      error: { code: 'dialog_invalid_answer' },
    });
    const id = 'l_answer';
    expect(await send(test, 'trigger_response', { triggerId, response: 'Gas' }, { id })).toEqual(ok);
    await test.log.next('question_cleared');
    await test.log.next('agent_end');
    expect(last(test, 'toolResult')).toBe('Answered: Gas');
    expect(test.log.all('trigger_response')).toMatchObject([{ triggerId, response: 'Gas' }]);
    expect(test.log.all('trigger_closed')).toEqual([]);
    // The same command once more is the same answer; another one is too late.
    expect(await send(test, 'trigger_response', { triggerId, response: 'Gas' }, { id })).toEqual(ok);
    expect(await send(test, 'trigger_response', { triggerId, response: 'Wood' })).toMatchObject(late);
    expect(test.log.all('trigger_response')).toHaveLength(1);
  });

  it('takes the answer of a person, names the person, and refuses a later answer of the parent', async () => {
    const test = await start({ linked: child });
    const { triggerId } = await asksParent(test);
    test.session.answerDialog((await test.log.next('dialog_opened')).dialogId, 'Wood', owner);
    expect(await test.log.next('trigger_closed')).toMatchObject({ triggerId, how: 'answered', by: owner });
    expect(await send(test, 'trigger_response', { triggerId, response: 'Gas' })).toMatchObject(late);
    await test.log.next('agent_end');
    expect(last(test, 'toolResult')).toBe('Answered: Wood');
  });

  it('continues without an answer after its time; an answer soon after that is a message, a later one is refused', async () => {
    const test = await start({ linked: { ...child, times: { waitMs: 1, answerMs: 60_000 } } });
    const { triggerId, at, waitsUntil, expiresAt } = await asksParent(test);
    // The log says when the child continues, and until when an answer is accepted.
    expect([waitsUntil, expiresAt]).toEqual([at + 1, at + 60_000]);
    expect(await test.log.next('trigger_closed')).toMatchObject({ triggerId, how: 'timed_out' });
    await test.log.next('agent_end');
    expect(last(test, 'toolResult')).toContain('Nobody answered in time');
    expect(test.log.all('question_cleared')).toHaveLength(1);
    expect(await send(test, 'trigger_response', { triggerId, response: 'Gas' })).toEqual(ok);
    await test.log.next('agent_end', 2);
    expect(last(test, 'user')).toBe('Your parent session answers what you asked before ("Which oven?"):\n\nGas');
    expect(await send(test, 'trigger_response', { triggerId, response: 'Gas' })).toMatchObject(late);

    const short = await start({ linked: { ...child, times: { waitMs: 1, answerMs: 0 } } });
    const asked = await asksParent(short);
    await short.log.next('agent_end');
    expect(await send(short, 'trigger_response', { triggerId: asked.triggerId, response: 'x' })).toMatchObject(late);
  });

  it('still waits after its process was killed, and has asked once', async () => {
    const before = await start({ linked: { ...child, times: LONG } });
    const { triggerId } = await asksParent(before);
    await before.log.next('dialog_opened');
    await crash(before);
    const after = await again(before, { linked: { ...child, times: LONG }, isResumed: true });
    await after.log.next('question_pending');
    expect(await send(after, 'trigger_response', { triggerId, response: 'Gas' })).toEqual(ok);
    await after.log.next('agent_end');
    expect(last(after, 'user')).toContain('Answered: Gas');
    // Neither the question nor an end of the run that never ended.
    expect(after.log.all('session_trigger').filter(({ kind }) => kind !== 'session_complete')).toEqual([]);
  });

  it('has its plan reviewed by its parent', async () => {
    const test = await start({ linked: child });
    await say(test, call('plan_mode', { action: 'submit', title: 'Bake' }));
    const { kind, triggerId } = await test.log.next('session_trigger');
    expect(kind).toBe('plan_review');
    await send(test, 'trigger_response', { triggerId, response: 'use less salt' });
    await test.log.next('agent_end');
    expect(last(test, 'toolResult')).toContain('use less salt');
  });

  it('withdraws its question when it is stopped', async () => {
    const test = await start({ linked: child });
    const { triggerId } = await asksParent(test);
    await test.log.next('dialog_opened');
    await test.session.abort();
    expect(await test.log.next('trigger_closed')).toMatchObject({ triggerId, how: 'withdrawn' });
  });
});

describe('a child session', () => {
  it('reports the result of each run to its parent, once no run follows', async () => {
    const test = await start({ linked: child });
    await say(test, '/demo thinking');
    const done = await test.log.next('session_trigger');
    expect(done).toMatchObject({
      kind: 'session_complete',
      payload: { text: expect.stringContaining('Facts and pieces') as string },
    });
    await say(test, '/demo error fatal');
    expect(await test.log.next('session_trigger', 2)).toMatchObject({
      kind: 'session_error',
      payload: { message: expect.stringContaining('refuses this prompt') as string },
    });
  });

  it('reports that it was interrupted when its process died at work', async () => {
    const before = await start({ linked: child });
    await say(before, call('bash', { command: 'sleep 30' }));
    await before.log.next('tool_execution_start');
    await crash(before);
    const after = await again(before, { linked: child, isResumed: true });
    expect(await after.log.next('session_trigger')).toMatchObject({
      kind: 'session_error',
      payload: { reason: 'interrupted' },
    });
    const third = await again(after, { linked: child, isResumed: true });
    expect(third.log.all('session_trigger')).toEqual([]);
  });

  it('asks without waiting, and sends nothing after the link has ended', async () => {
    const test = await start({ linked: child });
    await say(test, call('escalate', { text: 'Thin or thick?' }));
    const { triggerId, kind, payload } = await test.log.next('session_trigger');
    expect({ kind, payload }).toEqual({ kind: 'escalate', payload: { text: 'Thin or thick?' } });
    await test.log.next('session_trigger', 2);
    await send(test, 'trigger_response', { triggerId, response: 'Thin' });
    await test.log.next('session_trigger', 3);
    expect(last(test, 'user')).toContain('("Thin or thick?"):\n\nThin');
    expect(await send(test, 'session_unlinked', { sessionId: 'p' })).toEqual(ok);
    expect(await run(test, 'escalate', { text: 'x' })).toMatchObject({ isError: true });
    expect(test.log.all('session_unlinked')).toHaveLength(1);
    await say(test, ask(OVEN));
    await test.log.next('dialog_opened');
    expect(test.log.all('session_trigger')).toHaveLength(3);
  });
});

describe('a parent session', () => {
  const received = (triggerId: string, more: Partial<CommandOf<'session_trigger'>['args']> = {}) => ({
    ...{ triggerId, kind: 'ask_user_question', sessionId: 'kid', payload: { questions: [OVEN] }, ...more },
  });
  const spawned = async (test: TestSession): Promise<string> => {
    await run(test, 'spawn_session', { prompt: 'Bake', name: 'Baker' });
    return test.log.all('session_spawn').at(-1)!.sessionId;
  };

  it('starts a child with its own model and folder, and sends messages to its children only', async () => {
    const test = await start({ linked: parent });
    const kid = await spawned(test);
    expect(test.log.all('session_spawn')).toMatchObject([
      { sessionId: kid, prompt: 'Bake', name: 'Baker', model: 'demo/demo', cwd: test.cwd },
    ]);
    expect(await run(test, 'tell_child', { sessionId: 'other', text: 'x' })).toMatchObject({ isError: true });
    await run(test, 'tell_child', { sessionId: kid, text: 'Hurry' });
    expect(test.log.all('session_message')).toMatchObject([{ from: 'p', to: kid, text: 'Hurry' }]);
    await run(test, 'cleanup_child_session', { sessionId: kid });
    expect(test.log.all('cleanup_child_session')).toMatchObject([{ sessionId: kid }]);
    expect(await run(test, 'tell_child', { sessionId: kid, text: 'x' })).toMatchObject({ isError: true });
  });

  it('that may not use tools starts children that may not use them either', async () => {
    const test = await start({ linked: parent, pi: { noBuiltinTools: true, appendSystemPrompt: 'Be kind' } });
    await spawned(test);
    expect(test.log.all('session_spawn')[0]!.pi).toEqual({ noBuiltinTools: true });
  });

  it('names a child by the name that it gave it, also before the child is in a list', async () => {
    const test = await start({ linked: parent });
    const kid = await spawned(test);
    await send(test, 'session_trigger', received('t1', { sessionId: kid }));
    await test.log.next('agent_end', 2);
    expect(last(test, 'user')).toContain('"Baker"');
    // People see what it is, in place of the text for the agent.
    const about = { kind: 'trigger', trigger: 'ask_user_question', sessionId: kid, name: 'Baker' };
    expect(test.log.all('input_received').at(-1)).toMatchObject({ about });
    expect(test.log.all('message_end').findLast(({ origin }) => origin !== undefined)!.origin).toMatchObject({ about });
  });

  it('receives a trigger once, and its agent answers', async () => {
    const test = await start({ linked: parent });
    expect(await send(test, 'session_trigger', received('t1'), { id: 'l_1' })).toEqual(ok);
    expect(await send(test, 'session_trigger', received('t1'), { id: 'l_1' })).toEqual(ok);
    const answer = await test.log.next('trigger_response');
    expect(answer).toMatchObject({ triggerId: 't1', response: 'Wood', to: 'kid' });
    await test.log.next('agent_end');
    expect(test.log.all('trigger_received')).toHaveLength(1);
    expect(test.log.all('message_end').filter(({ message }) => message.role === 'user')).toHaveLength(1);
    expect(test.log.all('input_received')).toMatchObject([{ by: agent, deliverAs: 'followUp' }]);
    expect(await run(test, 'respond_to_trigger', { triggerId: 't1', response: 'x' })).toMatchObject({ isError: true });
  });

  it('delivers the messages of its queue after a crash, once', async () => {
    const before = await start({ linked: parent });
    await say(before, call('bash', { command: 'sleep 30' }));
    await before.log.next('tool_execution_start');
    await send(before, 'session_trigger', received('t1'), { id: 'l_1' });
    await crash(before);
    const after = await again(before, { linked: parent, isResumed: true });
    await after.log.next('trigger_response');
    await after.log.next('agent_end');
    expect(await send(after, 'session_trigger', received('t1'), { id: 'l_1' })).toEqual(ok);
    const third = await again(after, { linked: parent, isResumed: true });
    for (const { log } of [after, third]) expect(log.all('trigger_received')).toEqual([]);
    expect(third.log.all('input_received')).toEqual([]);
  });

  it('delivers a message whose text equals an older one after a crash, once', async () => {
    const before = await start({ linked: parent });
    const message = { from: 'kid', text: 'Go on' };
    expect(await send(before, 'session_message', message)).toEqual(ok);
    await before.log.next('agent_end');
    await say(before, call('bash', { command: 'sleep 30' }));
    await before.log.next('tool_execution_start');
    expect(await send(before, 'session_message', message)).toEqual(ok);
    await crash(before);
    const after = await again(before, { linked: parent, isResumed: true });
    await after.log.next('agent_end');
    expect(last(after, 'user')).toBe('Message from the session kid:\n\nGo on');
    const third = await again(after, { linked: parent, isResumed: true });
    await run(third, 'ls', {});
    expect(third.log.all('input_received')).toEqual([]);
  });

  it('retries the message that it was working on when its process died, and only once', async () => {
    const before = await start({ linked: parent });
    const text = call('bash', { command: 'sleep 30' });
    await send(before, 'session_message', { from: 'kid', text });
    await before.log.next('tool_execution_start');
    await crash(before);
    const after = await again(before, { linked: parent, isResumed: true });
    const note = '(You were interrupted while you worked on this.)';
    expect((await after.log.next('input_received')).text).toBe(`Message from the session kid:\n\n${text}\n\n${note}`);
    await after.log.next('agent_end');
    const third = await again(after, { linked: parent, isResumed: true });
    await run(third, 'ls', {});
    expect(third.log.all('input_received')).toEqual([]);
  });

  it('cannot answer a trigger that was settled by another', async () => {
    const test = await start({ linked: parent });
    await send(test, 'session_trigger', received('t1', { name: 'Baker, for a person' }));
    await test.log.next('agent_end');
    await send(test, 'trigger_closed', { triggerId: 't1', sessionId: 'kid', how: 'answered', by: owner });
    expect(test.log.all('trigger_closed')).toMatchObject([{ sessionId: 'kid', by: owner }]);
    const { isError, text } = await run(test, 'respond_to_trigger', { triggerId: 't1', response: 'x' });
    expect({ isError, text }).toMatchObject({
      isError: true,
      text: expect.stringContaining('answered already') as string,
    });
  });

  it('lets a person answer in the place of its agent', async () => {
    const test = await start({ linked: parent });
    await send(test, 'session_trigger', received('t1', { name: 'Baker, for a person' }));
    const answer = () =>
      send(test, 'trigger_response', { triggerId: 't1', response: 'Gas' }, { id: 'l_gas', by: owner });
    expect(await answer()).toEqual(ok);
    // The same command once more, after the death of a process, is the same answer and not one that is too late.
    expect(await answer()).toEqual(ok);
    expect(test.log.all('trigger_response')).toMatchObject([
      { triggerId: 't1', response: 'Gas', to: 'kid', by: owner },
    ]);
  });

  it('escalates a trigger to its people, even across a restart, and their answer goes to the child', async () => {
    const before = await start({ linked: parent });
    await send(before, 'session_trigger', received('t1', { name: 'Baker, for a person' }));
    await before.log.next('agent_end');
    await run(before, 'escalate_trigger', { triggerId: 't1', note: 'I have no oven' });
    const { question } = await before.log.next('question_pending');
    expect(question.questions[0]!.question).toContain('Which oven? (I have no oven)');
    await crash(before);
    const after = await again(before, { linked: parent, isResumed: true });
    await after.log.next('dialog_opened');
    after.session.answerDialog(question.toolCallId, 'Gas', owner);
    expect(await after.log.next('trigger_response')).toMatchObject({ response: 'Gas', to: 'kid', by: owner });
    expect(after.log.all('question_cleared')).toHaveLength(1);
  });

  it('escalates a trigger to its own parent, and passes the answer to the child', async () => {
    const test = await start({ linked: { sessionId: 'p', parentSessionId: 'g' } });
    await send(test, 'session_trigger', received('t1', { name: 'Baker, for a person' }));
    await test.log.next('agent_end');
    await run(test, 'escalate_trigger', { triggerId: 't1' });
    const up = test.log.all('session_trigger').find(({ kind }) => kind === 'escalate')!;
    expect(up).toMatchObject({ parentSessionId: 'g', payload: { of: { triggerId: 't1', sessionId: 'kid' } } });
    expect(await send(test, 'trigger_response', { triggerId: up.triggerId, response: 'Gas' })).toEqual(ok);
    expect(test.log.all('trigger_response')).toMatchObject([
      { triggerId: up.triggerId, response: 'Gas' },
      { triggerId: 't1', response: 'Gas', to: 'kid' },
    ]);
  });

  it('ends its links permanently when a person gives the command', async () => {
    const before = await start({ linked: { sessionId: 'p', parentSessionId: 'g' } });
    const kid = await spawned(before);
    await say(before, '/delink');
    await before.log.next('delink_own_parent');
    expect(before.log.all('delink_children')).toHaveLength(1);
    await before.session.dispose();
    const after = await again(before, { linked: { sessionId: 'p', parentSessionId: 'g' }, isResumed: true });
    expect(await run(after, 'tell_child', { sessionId: kid, text: 'x' })).toMatchObject({ isError: true });
    expect(await run(after, 'escalate', { text: 'x' })).toMatchObject({ isError: true });
    expect(after.log.all('session_trigger')).toEqual([]);
  });

  it('has its agent read about messages that were not delivered', async () => {
    const test = await start({ linked: parent });
    const kid = await spawned(test);
    const { spawnId } = test.log.all('session_spawn')[0]!;
    await send(test, 'link_receipt', { requestId: spawnId, to: kid, outcome: 'queued' });
    const error = { code: 'runner_not_found', message: 'There is no runner x.' };
    await send(test, 'link_receipt', { requestId: spawnId, to: kid, outcome: 'failed', error });
    await test.log.next('agent_end', 2);
    expect(last(test, 'user')).toBe(`The prompt to start the session ${kid} was not delivered: There is no runner x.`);
    expect(test.log.all('link_receipt')).toHaveLength(2);
  });
});
