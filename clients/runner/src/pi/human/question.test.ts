import { describe, expect, it } from 'vitest';
import { IS_PI_1, type TestSession } from '../testKit.js';
import {
  again,
  ask,
  call,
  crash,
  last,
  OVEN,
  owner,
  say,
  start,
  tidyUpAfterEach,
  withExtension,
} from '../../testing/human.js';

/** Takes its time between pi's look at whether the agent works and its start. */
const SLOW = `pi.on('before_agent_start', () => new Promise((resolve) => setTimeout(resolve, 100)))`;

tidyUpAfterEach();

describe('a question of the agent', () => {
  it('is answered through its dialogs, and the model reads the answers', async () => {
    const test = await start();
    const { session, log } = test;
    await say(test, ask(OVEN, { question: 'Its name?' }));
    const first = await log.next('dialog_opened');
    const { question } = await log.next('question_pending');
    expect(question.questions).toEqual([OVEN, { question: 'Its name?', options: [] }]);
    expect(first).toMatchObject({ method: 'select', title: '(1/2) Which oven?' });
    expect(session.answerDialog(first.dialogId, 'Something else…', owner)).toBe('resolved');
    const own = await log.next('dialog_opened', 2);
    session.answerDialog(own.dialogId, 'Solar', owner);
    const second = await log.next('dialog_opened', 3);
    expect(second).toMatchObject({ method: 'input', title: '(2/2) Its name?' });
    session.answerDialog(second.dialogId, 'Quattro', owner);
    await log.next('agent_end');
    expect(log.all('question_cleared')).toMatchObject([{ toolCallId: question.toolCallId }]);
    expect(last(test, 'toolResult')).toBe('Answered:\n- Which oven?\n  Solar\n- Its name?\n  Quattro');
    expect(last(test, 'assistant')).toContain('Quattro');
  });

  it('is answered by its own id as well: the first valid answer wins and closes the dialog', async () => {
    const test = await start();
    const { session, log } = test;
    await say(test, ask(OVEN));
    const { dialogId } = await log.next('dialog_opened');
    const { toolCallId } = (await log.next('question_pending')).question;
    expect(session.answerDialog(toolCallId, 7, owner)).toBe('invalid');
    expect(session.answerDialog(toolCallId, 'Gas', owner)).toBe('resolved');
    expect(session.answerDialog(toolCallId, 'Wood', owner)).toBe('late');
    await log.next('agent_end');
    expect(session.answerDialog(dialogId, 'Wood', owner)).toBe('late');
    expect(log.all('dialog_resolved')).toMatchObject([
      { dialogId: toolCallId, outcome: 'answered', value: 'Gas', by: owner },
      { dialogId, outcome: 'cancelled' },
    ]);
    expect(log.all('dialog_opened')).toMatchObject([{ dialogId, promptId: toolCallId }]);
    expect(last(test, 'toolResult')).toBe('Answered: Gas');
  });

  it('is cancelled by an abort, and closed by a person or by its time-out', async () => {
    const test = await start();
    const { session, log } = test;
    await say(test, ask(OVEN));
    await log.next('dialog_opened');
    expect(await session.abort()).toEqual({ kind: 'ok' });
    expect(log.all('question_cleared')).toHaveLength(1);
    expect(session.state()).toMatchObject({ isStreaming: false, openDialogs: 0 });

    await say(test, ask(OVEN));
    const { dialogId } = await log.next('dialog_opened', 2);
    session.answerDialog(dialogId, null, owner);
    await log.next('agent_end', 2);
    expect(last(test, 'toolResult')).toContain('closed the question');

    await say(test, call('ask_user_question', { questions: [OVEN], timeoutSeconds: 0.05 }));
    const { expiresAt, at } = await log.next('dialog_opened', 3);
    expect(expiresAt! - at).toBeLessThanOrEqual(50);
    await log.next('agent_end', 3);
    expect(log.all('dialog_resolved').at(-1)).toMatchObject({ outcome: 'timed_out' });
    expect(last(test, 'toolResult')).toContain('Nobody answered in time');
  });

  it.each([
    ['stopped', (test: TestSession) => test.session.dispose()],
    ['killed', crash],
  ])('is asked again under its id after the process was %s, and the answer arrives', async (_how, stop) => {
    const before = await start();
    await say(before, ask(OVEN));
    await before.log.next('dialog_opened');
    const { question } = await before.log.next('question_pending');
    await stop(before);
    expect(before.log.all('question_cleared')).toEqual([]);

    const after = await again(before);
    expect(after.log.all('question_pending').map((event) => event.question)).toEqual([question]);
    const { dialogId } = await after.log.next('dialog_opened');
    expect(after.session.answerDialog(dialogId, 'Wood', owner)).toBe('resolved');
    await after.log.next('agent_end');
    expect(after.log.all('question_cleared')).toMatchObject([{ toolCallId: question.toolCallId }]);
    expect(last(after, 'user')).toBe(
      'This answers what you asked before you were interrupted ("Which oven?").\n\nAnswered: Wood',
    );
    const third = await again(after);
    expect(third.log.all('question_pending')).toEqual([]);
  });

  it('takes an answer by its own id before its dialog is open again', async () => {
    const before = await start();
    await say(before, ask(OVEN));
    const { toolCallId } = (await before.log.next('question_pending')).question;
    await before.session.dispose();
    const after = await again(before);
    expect(after.session.answerDialog(toolCallId, 'Gas', owner)).toBe('resolved');
    await after.log.next('agent_end');
    expect(last(after, 'user')).toContain('Answered: Gas');
  });

  it('is shown again when a newer question is answered', async () => {
    const before = await start();
    await say(before, ask(OVEN));
    const first = (await before.log.next('question_pending')).question.toolCallId;
    await before.session.dispose();
    const after = await again(before);
    await say(after, ask({ question: 'Its name?' }));
    const second = (await after.log.next('question_pending', 2)).question.toolCallId;
    after.session.answerDialog(second, 'Quattro', owner);
    expect((await after.log.next('question_pending', 3)).question.toolCallId).toBe(first);
    await after.log.next('agent_end');
    after.session.answerDialog(first, 'Gas', owner);
    await after.log.next('agent_end', 2);
    expect(after.log.all('question_cleared').map((event) => event.toolCallId)).toEqual([second, first]);
  });

  it('is delivered once, also when the process dies while the agent works on something else', async () => {
    const before = await start();
    await say(before, ask(OVEN));
    const { toolCallId } = (await before.log.next('question_pending')).question;
    await crash(before);
    const busy = await again(before);
    await say(busy, call('bash', { command: 'sleep 300' }));
    await busy.log.next('tool_execution_start');
    expect(busy.session.answerDialog(toolCallId, 'Gas', owner)).toBe('resolved');
    await busy.log.until(() => busy.session.state().queue.followUp.length === 1);
    await crash(busy);
    const after = await again(busy);
    await after.log.next('agent_end');
    expect(last(after, 'user')).toContain('Answered: Gas');
    await crash(after);
    const next = await again(after);
    await say(next, 'Hello');
    await next.log.next('agent_end');
    expect(next.log.all('message_end').filter(({ message }) => message.role === 'user')).toHaveLength(1);
    expect(last(next, 'user')).toBe('Hello');
  });

  it('is answered once more after a crash for each of two questions with the same text and answer', async () => {
    let test = await start();
    for (const n of [1, 2]) {
      await say(test, ask(OVEN));
      await test.log.next('question_pending', n);
      await crash(test);
      test = await again(test);
    }
    const ids = test.log.all('question_pending').map(({ question }) => question.toolCallId);
    await say(test, call('bash', { command: 'sleep 300' }));
    await test.log.next('tool_execution_start');
    for (const id of ids) expect(test.session.answerDialog(id, 'Gas', owner)).toBe('resolved');
    await test.log.until(() => test.session.state().queue.followUp.length === 2);
    await crash(test);
    const after = await again(test);
    const heard = () => after.log.all('message_end').filter(({ message }) => message.role === 'user');
    await after.log.until(() => heard().length === 2);
    for (const { message } of heard()) expect(JSON.stringify(message.content)).toContain('Answered: Gas');
  });

  it('is delivered also when another question is answered and an input arrives at the same moment', async () => {
    let test = await start();
    await say(test, ask(OVEN));
    await test.log.next('question_pending');
    await crash(test);
    test = await again(test);
    await say(test, ask({ question: 'Its name?' }));
    await test.log.next('question_pending', 2);
    const [first, second] = test.log.all('question_pending').map(({ question }) => question.toolCallId);
    await crash(test);
    const after = await again(test, { agentDir: withExtension(SLOW) });
    expect(after.session.answerDialog(first!, 'Gas', owner)).toBe('resolved');
    expect(after.session.answerDialog(second!, 'Quattro', owner)).toBe('resolved');
    expect(await say(after, 'Hurry')).toEqual({ kind: 'ok' });
    const heard = () => after.log.all('message_end').filter(({ message }) => message.role === 'user');
    await after.log.until(() => heard().length === 3);
    const texts = heard().map(({ message }) => JSON.stringify(message.content));
    for (const what of ['Answered: Gas', 'Answered: Quattro', 'Hurry'])
      expect(texts.filter((text) => text.includes(what))).toHaveLength(1);
    expect(after.log.all('dialog_opened').filter(({ level }) => level === 'error')).toEqual([]);
  });

  // pi 1.x loads nothing again while its agent works.
  it.skipIf(IS_PI_1)('still waits when the extensions are loaded again', async () => {
    const agentDir = withExtension(`pi.registerCommand('anew', { handler: (_args, ctx) => ctx.reload() })`);
    const test = await start({ agentDir });
    await say(test, ask(OVEN));
    const { toolCallId } = (await test.log.next('question_pending')).question;
    await say(test, '/anew');
    expect((await test.log.next('question_pending', 2)).question.toolCallId).toBe(toolCallId);
    expect(test.log.all('question_cleared')).toEqual([]);
    await test.log.next('agent_end');
    test.session.answerDialog(toolCallId, 'Gas', owner);
    await test.log.next('agent_end', 2);
    expect(last(test, 'user')).toContain('Answered: Gas');
  });

  it('is not asked again when the session ended for good', async () => {
    const before = await start();
    await say(before, ask(OVEN));
    await before.log.next('dialog_opened');
    await before.session.dispose({ permanently: true });
    expect(before.log.all('question_cleared')).toHaveLength(1);
    const after = await again(before);
    expect(after.log.all('question_pending')).toEqual([]);
  });

  it('stays with its session and is not asked in a fork of it', async () => {
    const before = await start();
    await say(before, ask(OVEN));
    await before.log.next('dialog_opened');
    const fork = before.session.fork();
    if (fork.kind === 'failed') throw new Error(fork.error.message);
    const forked = await again(before, { sessionFile: fork.sessionFile! });
    expect(forked.log.all('question_pending')).toEqual([]);
  });
});
