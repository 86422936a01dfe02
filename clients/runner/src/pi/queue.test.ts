import type { Author } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { BOB, EVE, read } from '../testing/guests.js';
import { again, ask, call, crash, OVEN, owner, start, tidyUpAfterEach, withSettings } from '../testing/human.js';
import { QueueReporter, REPORT_AFTER_MESSAGES } from './queueReporter.js';
import { IS_PI_1, PNG, type TestSession } from './testKit.js';
import { itemOf } from './waitingInputs.js';

tidyUpAfterEach();

type How = 'prompt' | 'steer' | 'followUp';

/** An agent that waits for an answer, so that it works until the test answers or stops it. */
async function working(): Promise<TestSession> {
  const test = await start({ linked: { sessionId: 'p' } });
  await test.session.submitInput({ commandId: 'work', text: ask(OVEN), by: owner });
  await test.log.next('question_pending');
  return test;
}

const send = ({ session }: TestSession, commandId: string, deliverAs: How = 'followUp', by: Author = owner) =>
  session.submitInput({ commandId, text: `text of ${commandId}`, by, deliverAs });

/** The ids in the queue that viewers see. */
const shown = ({ log }: TestSession) =>
  log
    .all('queue_update')
    .at(-1)!
    .items!.map(({ commandId }) => commandId);

/** The ids of the inputs in the order in which the agent read them, after the first. */
const delivered = ({ log }: TestSession) =>
  log
    .all('input_delivered')
    .slice(1)
    .map(({ commandId }) => commandId);

async function answer(test: TestSession): Promise<void> {
  const { question } = await test.log.next('question_pending');
  test.session.answerDialog(question.toolCallId, 'Gas', owner);
}

/** Waits until the agent has read so many inputs after the first, and rests. */
async function rests(test: TestSession, count: number): Promise<void> {
  await test.log.until(() => delivered(test).length === count);
  await expect.poll(() => test.session.state().isStreaming).toBe(false);
}

describe('the queue after a stop', () => {
  it('waits, and the agent reads it in the order shown before the message that is sent next', async () => {
    const test = await working();
    await send(test, 'follow-1');
    await send(test, 'steer-1', 'steer');
    await send(test, 'follow-2');
    await send(test, 'steer-2', 'prompt');
    const order = ['steer-1', 'steer-2', 'follow-1', 'follow-2'];
    expect(shown(test)).toEqual(order);
    expect(await test.session.abort()).toEqual({ kind: 'ok' });
    expect(shown(test)).toEqual(order);
    expect(delivered(test)).toEqual([]);
    expect(test.session.state()).toMatchObject({ isStreaming: false });
    await send(test, 'next', 'prompt');
    await rests(test, 5);
    expect(delivered(test)).toEqual([...order, 'next']);
    expect(read(test).slice(1)).toEqual([...order, 'next'].map((id) => `text of ${id}`));
    expect(shown(test)).toEqual([]);
  });

  it('is dropped on request, with an event for each message and its author', async () => {
    const test = await working();
    await send(test, 'mine');
    await send(test, 'bobs', 'followUp', BOB);
    await send(test, 'of-an-agent', 'followUp', { userId: 'ann', via: 'agent' });
    await test.session.abort({ dropFor: owner });
    expect(shown(test)).toEqual(['of-an-agent']);
    expect(test.log.all('input_dropped')).toMatchObject([
      { commandId: 'mine', by: owner, error: { code: 'input_withdrawn' } },
      { commandId: 'bobs', by: owner },
    ]);
    await send(test, 'next', 'prompt');
    await rests(test, 2);
    expect(delivered(test)).toEqual(['of-an-agent', 'next']);
  });

  it('loses only the own messages of a guest who stops the agent and drops the queue', async () => {
    const test = await working();
    await send(test, 'mine');
    await send(test, 'bobs', 'followUp', BOB);
    await send(test, 'eves', 'followUp', EVE);
    await test.session.abort({ dropFor: BOB });
    expect(shown(test)).toEqual(['mine', 'eves']);
  });

  it('stays when the agent fails, and is read before the next message', async () => {
    const test = await start();
    await test.session.submitInput({ commandId: 'work', text: ask(OVEN), by: owner });
    await test.log.next('question_pending');
    await test.session.submitInput({ commandId: 'fails', text: '/demo error fatal', by: owner, deliverAs: 'steer' });
    await send(test, 'follow-1');
    await answer(test);
    await test.log.next('agent_end');
    await expect.poll(() => test.session.state().isStreaming).toBe(false);
    // pi 1.x reads its queue also after a failure.
    if (!IS_PI_1) expect(shown(test)).toEqual(['follow-1']);
    await send(test, 'next', 'prompt');
    await rests(test, 3);
    expect(delivered(test)).toEqual(['fails', 'follow-1', 'next']);
  });

  it('still waits in the next process, with its order and its edited texts', async () => {
    const before = await working();
    for (const id of ['a', 'b', 'c']) await send(before, id);
    before.session.queue.edit('a', 'edited', owner);
    before.session.queue.move('c', 'a', owner);
    await before.session.abort();
    await crash(before);
    const after = await again(before, { linked: { sessionId: 'p' } });
    await expect.poll(() => shown(after)).toEqual(['c', 'a', 'b']);
    // A shell command runs after all that the process does at its start.
    await after.session.exec('true', 'exec_1');
    expect(after.session.state().isStreaming).toBe(false);
    expect(after.log.all('input_received')).toMatchObject([{ commandId: 'c' }, { text: 'edited' }, {}]);
    await send(after, 'next', 'prompt');
    await after.log.until(() => read(after).length === 4);
    expect(read(after)).toEqual(['text of c', 'edited', 'text of b', 'text of next']);
  });
});

describe('a message in the queue', () => {
  it('is edited, moved and taken out while the agent works, and the agent reads the queue that is shown', async () => {
    const test = await working();
    for (const id of ['a', 'b', 'c', 'd']) await send(test, id);
    await send(test, 's', 'steer');
    const { queue } = test.session;
    expect(queue.edit('b', 'edited', owner)).toEqual({ kind: 'ok' });
    expect(queue.move('d', 'a', owner)).toEqual({ kind: 'ok' });
    expect(queue.remove('a', owner)).toEqual({ kind: 'ok' });
    expect(queue.move('c', 's', owner)).toEqual({ kind: 'ok' });
    expect(test.log.all('input_edited')).toMatchObject([{ commandId: 'b', text: 'edited', by: owner }]);
    expect(test.log.all('input_dropped')).toMatchObject([{ commandId: 'a', by: owner }]);
    await expect.poll(() => shown(test)).toEqual(['c', 's', 'd', 'b']);
    await answer(test);
    await rests(test, 4);
    expect(delivered(test)).toEqual(['c', 's', 'd', 'b']);
    expect(read(test).at(-1)).toBe('edited');
  });

  it('is read before the next step when it is sent now, and starts an agent that rests', async () => {
    const test = await working();
    for (const id of ['a', 'b']) await send(test, id);
    expect(test.session.queue.sendNow('b', owner)).toEqual({ kind: 'ok' });
    await expect
      .poll(() => test.log.all('queue_update').at(-1)!.items)
      .toMatchObject([
        { commandId: 'b', deliverAs: 'steer' },
        { commandId: 'a', deliverAs: 'followUp' },
      ]);
    await test.session.abort();
    test.session.queue.sendNow('a', owner);
    await rests(test, 2);
    expect(delivered(test)).toEqual(['a', 'b']);
  });

  it('cannot be changed once the agent has read it or a person took it out', async () => {
    const test = await working();
    await send(test, 'a');
    await send(test, 'b');
    const { queue } = test.session;
    queue.remove('b', owner);
    await answer(test);
    await rests(test, 1);
    const gone = { kind: 'failed', error: { code: 'input_not_queued' } };
    for (const id of ['a', 'b', 'never sent']) {
      expect(queue.edit(id, 'x', owner)).toMatchObject(gone);
      expect(queue.remove(id, owner)).toMatchObject(gone);
      expect(queue.move(id, undefined, owner)).toMatchObject(gone);
      expect(queue.sendNow(id, owner)).toMatchObject(gone);
    }
  });

  it('keeps its pictures and its attached files when its text is edited; no text and commands are refused', async () => {
    const test = await working();
    const images = [{ data: PNG, mimeType: 'image/png' }];
    const notes = '[Attached file: /x]';
    const deliverAs = 'followUp';
    await test.session.submitInput({ commandId: 'a', text: `look\n\n${notes}`, by: owner, images, notes, deliverAs });
    const { queue } = test.session;
    expect(queue.edit('a', '/plan on', owner)).toMatchObject({ error: { code: 'command_invalid' } });
    await send(test, 'b');
    expect(queue.edit('b', ' ', owner)).toMatchObject({ error: { code: 'input_empty' } });
    expect(queue.edit('a', 'look again', owner)).toEqual({ kind: 'ok' });
    await answer(test);
    await rests(test, 2);
    const [, message] = test.log.all('message_end').filter((event) => event.message.role === 'user');
    expect(message!.message.content).toEqual([
      { type: 'text', text: `look again\n\n${notes}` },
      { type: 'image', ...images[0] },
    ]);
  });

  it('of another person cannot be edited, and a guest cannot change it at all', async () => {
    const test = await working();
    await send(test, 'mine');
    await send(test, 'bobs', 'followUp', BOB);
    const { queue } = test.session;
    const forbidden = { kind: 'failed', error: { code: 'forbidden' } };
    for (const guest of [BOB, EVE]) {
      expect(queue.edit('mine', 'x', guest)).toMatchObject(forbidden);
      expect(queue.remove('mine', guest)).toMatchObject(forbidden);
      expect(queue.move('mine', undefined, guest)).toMatchObject(forbidden);
      expect(queue.sendNow('mine', guest)).toMatchObject(forbidden);
    }
    expect(queue.edit('bobs', 'x', owner)).toMatchObject(forbidden);
    expect(queue.edit('bobs', '/plan on', BOB)).toEqual({ kind: 'ok' });
    expect(queue.move('bobs', 'mine', owner)).toEqual({ kind: 'ok' });
    await answer(test);
    await rests(test, 2);
    // The words of a guest are text, also when they are edited.
    expect(read(test).slice(1)).toEqual(['/plan on', 'text of mine']);
  });
});

describe('a compaction', () => {
  it('that is requested while another one runs is refused with a sentence', async () => {
    const test = await start({ agentDir: withSettings({ compaction: { keepRecentTokens: 100 } }) });
    for (const id of ['a', 'b']) {
      await test.session.submitInput({ commandId: id, text: '/demo long 3000', by: owner });
      await test.log.next('agent_end', id === 'a' ? 1 : 2);
    }
    const [first, second] = await Promise.all([test.session.compact(), test.session.compact()]);
    expect(first).toMatchObject({ kind: 'ok' });
    expect(second).toMatchObject({
      kind: 'failed',
      error: {
        code: 'compaction_running',
        message: expect.stringContaining('A compaction is running already') as string,
      },
    });
    expect(test.log.all('compaction_end')).toHaveLength(1);
  });

  it('does not lose the queue: the agent reads it afterwards, in the order shown', async () => {
    const test = await working();
    await send(test, 'follow-1');
    await send(test, 'steer-1', 'steer');
    const compacting = test.session.compact();
    const sent = send(test, 'meanwhile', 'prompt');
    expect(shown(test)).toEqual(['steer-1', 'follow-1', 'meanwhile']);
    await Promise.all([compacting, sent]);
    await rests(test, 3);
    expect(delivered(test)).toEqual(['steer-1', 'follow-1', 'meanwhile']);
  });
});

it('an input that is sent while the agent works waits behind the inputs that steer and before those that follow up', async () => {
  const test = await working();
  await test.session.submitInput({ commandId: 'next', text: call('ls', {}), by: owner, deliverAs: 'followUp' });
  await send(test, 'prompt', 'prompt');
  expect(shown(test)).toEqual(['prompt', 'next']);
});

it('a queue that waits is reported again while the agent works, with texts and authors and without notes of files', () => {
  const emitted: object[] = [];
  const pi = { getSteeringMessages: () => [], getFollowUpMessages: () => [] };
  const notes = '[Attached file: /x]';
  const items: ReturnType<typeof itemOf>[] = [];
  const reporter = new QueueReporter(pi, { items }, (event) => emitted.push(event));
  for (let n = 0; n < REPORT_AFTER_MESSAGES; n++) reporter.messageEnded();
  expect(emitted).toEqual([]);
  items.push(itemOf({ commandId: 'a', text: `look\n\n${notes}`, notes, by: BOB, deliverAs: 'followUp' }));
  for (let n = 0; n < 2 * REPORT_AFTER_MESSAGES; n++) reporter.messageEnded();
  const item = { commandId: 'a', deliverAs: 'followUp', text: 'look', by: BOB };
  expect(emitted).toMatchObject(Array(2).fill({ type: 'queue_update', items: [item] }));
});
