import type { SessionEntry } from '@mariozechner/pi-coding-agent';
import type { Author } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { again, call, crash, last, owner, start, tidyUpAfterEach } from '../testing/human.js';
import { AgentInbox } from './agentInbox.js';
import type { InboxMessage } from './inboxEntries.js';
import { PNG, type TestSession } from './testKit.js';

tidyUpAfterEach();

/** A session whose agent works, with two inputs that wait. */
async function waiting(): Promise<TestSession> {
  const test = await start();
  await test.session.submitInput({ commandId: 'c_work', text: call('bash', { command: 'sleep 300' }), by: owner });
  await test.log.next('tool_execution_start');
  const picture = { data: PNG, mimeType: 'image/png' };
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
  ])('reach the agent once and in order through the next process when this one is %s', async (_how, stop) => {
    const before = await waiting();
    await stop(before);
    const after = await again(before);
    await after.log.until(() => texts(after).length === 2);
    expect(texts(after)).toEqual([expect.stringContaining(PNG), expect.stringContaining('Second')]);
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

  it('are withdrawn when the session ends for good', async () => {
    const before = await waiting();
    await before.session.dispose({ permanently: true });
    const after = await again(before);
    expect(after.log.all('input_received')).toEqual([]);
  });

  it('stay with their session and are not delivered in a fork of it', async () => {
    const before = await waiting();
    const fork = before.session.fork();
    if (fork.kind === 'failed') throw new Error(fork.error.message);
    const forked = await again(before, { sessionFile: fork.sessionFile! });
    expect(forked.log.all('input_received')).toEqual([]);
  });
});

/** pi's session file, in memory. */
class History {
  constructor(readonly entries: SessionEntry[] = []) {}

  getSessionId = () => 'pi-1';
  getEntries = () => [...this.entries];
  getBranch = () => this.getEntries();

  appendCustomEntry = (customType: string, data?: unknown): string => this.#push({ type: 'custom', customType, data });

  read(text: string, role = 'user'): string {
    return this.#push({ type: 'message', message: { role, content: text } });
  }

  /** The inbox of the next process. */
  next(sid = 's1'): AgentInbox {
    return new AgentInbox(this, sid);
  }

  #push(entry: object): string {
    const id = `e${this.entries.length}`;
    this.entries.push({ id, parentId: null, timestamp: '', ...entry } as unknown as SessionEntry);
    return id;
  }
}

const by: Author = { userId: 'ann', via: 'agent' };
const linked = (id: string, text = 'Go on'): InboxMessage => ({ id, text, by, policy: 'retryInterrupted' });
const answer = (id: string, text = 'Gas'): InboxMessage => ({ id, text, policy: 'resendOnce' });
const idsOf = (messages: InboxMessage[]) => messages.map(({ id }) => id);

describe('the inbox of an agent', () => {
  it('accepts a message once, in whatever process', () => {
    const history = new History();
    expect([1, 2].map(() => history.next().accept(linked('a')))).toEqual([true, true]);
    const inbox = history.next();
    inbox.restore();
    expect(inbox.accept(linked('a'))).toBe(false);
    expect(inbox.has('a')).toBe(true);
  });

  it('tells messages with the same text apart by their ids', () => {
    const history = new History();
    const inbox = history.next();
    for (const id of ['a', 'b', 'c']) inbox.accept(linked(id));
    inbox.consumed('b', history.read('Go on'));
    expect(idsOf(history.next().restore())).toEqual(['a', 'c']);
  });

  it('counts the last message of the history as read where the process died before it recorded that', () => {
    const history = new History();
    const inbox = history.next();
    for (const id of ['a', 'b']) inbox.accept(linked(id));
    const entry = history.read('Go on');
    const after = history.next();
    expect(idsOf(after.restore())).toEqual(['b']);
    expect(after.readAs(entry)?.id).toBe('a');
  });

  it('does not count an earlier message with the same text as the reading of a later one', () => {
    const history = new History();
    history.read('Go on');
    history.next().accept(linked('a'));
    history.read('Done', 'assistant');
    expect(idsOf(history.next().restore())).toEqual(['a']);
  });

  it('delivers an unread answer once more, and never again', () => {
    const history = new History();
    for (const id of ['a', 'b']) history.next().accept(answer(id));
    const second = history.next();
    expect(idsOf(second.restore())).toEqual(['a', 'b']);
    expect(second.hasUnreadAnswer).toBe(true);
    const third = history.next();
    expect(third.restore()).toEqual([]);
    expect(third.hasUnreadAnswer).toBe(false);
  });

  it('does not deliver messages of linked sessions to another session that continues the file', () => {
    const history = new History();
    history.next('s1').accept(linked('a'));
    expect(history.next('s2').restore()).toEqual([]);
    expect(idsOf(history.next('s1').restore())).toEqual(['a']);
  });

  it('withdraws every message when it is closed', () => {
    const history = new History();
    const inbox = history.next();
    inbox.accept(linked('a'));
    inbox.accept({ id: 'b', text: 'Hello', by, policy: 'untilRead' });
    inbox.close();
    expect(history.next().restore()).toEqual([]);
  });

  it('reads the entries of earlier versions', () => {
    const history = new History();
    const input = { commandId: 'i1', text: 'First', by: owner, deliverAs: 'followUp' };
    history.appendCustomEntry('pizzapi.input', { sessionId: 'pi-1', input });
    history.appendCustomEntry('pizzapi.input', { sessionId: 'pi-1', input: { ...input, commandId: 'i2' } });
    history.appendCustomEntry('pizzapi.input', { sessionId: 'pi-2', input: { ...input, commandId: 'i3' } });
    history.appendCustomEntry('pizzapi.input-over', { commandId: 'i1' });
    const guests = [{ shareId: 'sh_bob', sessionId: 'p', name: 'Bob' }];
    const letter = { sid: 's1', kind: 'letter', text: 'Go on', userId: 'ann' };
    for (const id of ['l1', 'l2', 'l3']) history.appendCustomEntry('pizzapi.link', { ...letter, id, guests });
    history.appendCustomEntry('pizzapi.link', { ...letter, id: 'l4', guests: ['nobody'] });
    history.appendCustomEntry('pizzapi.link', { ...letter, id: 'l5', sid: 's2' });
    const kept = { sessionId: 'pi-1', text: 'Gas' };
    for (const again of [false, false, true]) history.appendCustomEntry('pizzapi.late-answer', { ...kept, again });
    for (const text of ['Go on', 'Go on']) history.read(text);
    history.read('Done', 'assistant');
    const restored = history.next().restore();
    expect(restored).toMatchObject([
      { id: 'i2', text: 'First', by: owner, policy: 'untilRead', deliverAs: 'followUp' },
      { id: 'l3', text: 'Go on', by: { ...by, guests }, policy: 'retryInterrupted' },
      { text: 'Gas', policy: 'resendOnce' },
    ]);
    const inbox = history.next();
    expect(idsOf(inbox.restore())).toEqual(['i2', 'l3']);
    for (const id of ['i2', 'l3']) inbox.consumed(id);
    expect(history.next().restore()).toEqual([]);
  });
});
