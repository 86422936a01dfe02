import { describe, expect, it } from 'vitest';
import { createTranscript, foldTranscript, type NoticeItem } from './index.js';

const fold = (...events: unknown[]) =>
  foldTranscript(
    createTranscript(),
    events.map((event, index) => [index + 1, event] as const),
  );
const links = (...events: unknown[]) => fold(...events).items.map((item) => (item as NoticeItem).link);

const payload = { questions: [{ question: 'Which oven?', options: ['Wood', 'Gas'] }] };
const asks = {
  type: 'session_trigger',
  at: 1,
  triggerId: 't',
  kind: 'ask_user_question',
  parentSessionId: 'p',
  payload,
  expiresAt: 9,
};
const trigger = { ...asks, type: 'trigger_received', sessionId: 'c' };
const receipt = (requestId: string, outcome: string, error?: object) => ({
  ...{ type: 'link_receipt', at: 3, requestId, to: 'c', outcome },
  ...(error === undefined ? {} : { error }),
});
const by = { userId: 'ann', via: 'owner' };

describe('the events of linked sessions', () => {
  it("a child session and its outcome are one item of the parent's transcript", () => {
    const spawn = { type: 'session_spawn', at: 1, spawnId: 's', sessionId: 'c', prompt: 'Bake', name: 'Baker' };
    expect(links(spawn)).toEqual([{ kind: 'spawn', id: 's', sessionId: 'c', text: 'Bake', name: 'Baker' }]);
    expect(links(spawn, receipt('s', 'queued'), receipt('s', 'delivered'))).toMatchObject([{ receipt: 'delivered' }]);
    const error = { code: 'runner_not_found', message: 'There is no runner x.' };
    const [item] = fold(spawn, receipt('s', 'failed', error)).items;
    expect(item).toMatchObject({ level: 'error', link: { receipt: 'failed', error } });
    expect((item as NoticeItem).text).toBe('Started the session Baker: Bake (not delivered: There is no runner x.)');
  });

  it('the item of a child session names the guests in whose turn it was started', () => {
    const guests = [{ shareId: 'sh_1', sessionId: 'p', name: 'Bob' }];
    const spawn = { type: 'session_spawn', at: 1, spawnId: 's', sessionId: 'c', prompt: 'Bake', name: 'Baker', guests };
    expect(links(spawn)).toMatchObject([{ kind: 'spawn', guests }]);
    const [item] = fold(spawn).items;
    expect((item as NoticeItem).text).toBe('Started the session Baker for Bob, by share link: Bake');
  });

  it('a trigger is an open item on both logs until it ends in one of its ways', () => {
    expect(links(asks)).toMatchObject([{ kind: 'trigger_sent', sessionId: 'p', state: 'open', expiresAt: 9, payload }]);
    expect(links(trigger)).toMatchObject([{ kind: 'trigger_received', sessionId: 'c', state: 'open' }]);
    const response = { type: 'trigger_response', at: 2, triggerId: 't', response: 'Gas' };
    expect(links(asks, response)).toMatchObject([{ state: 'answered', response: 'Gas' }]);
    expect(links(trigger, { ...response, to: 'c' }, receipt('t', 'late'))).toMatchObject([
      { state: 'answered', response: 'Gas', receipt: 'late' },
    ]);
    const closed = (how: string, more = {}) => ({ type: 'trigger_closed', at: 2, triggerId: 't', how, ...more });
    expect(links(asks, closed('timed_out'))).toMatchObject([{ state: 'timed_out' }]);
    expect(links(trigger, closed('answered', { sessionId: 'c', by }))).toMatchObject([{ state: 'answered', by }]);
    // The event is about the trigger of the child session that the parent's log names.
    expect(links(trigger, closed('answered'))).toMatchObject([{ state: 'open' }]);
  });

  it('a trigger that the next process asks again stays one item, and the end of its session withdraws it', () => {
    expect(links(asks, asks)).toHaveLength(1);
    expect(links(asks, { type: 'session_ended', at: 2, reason: 'killed' })[0]).toMatchObject({ state: 'withdrawn' });
    const done = { type: 'trigger_received', at: 2, triggerId: 'd', kind: 'session_complete', sessionId: 'c' };
    expect(links(trigger, done)).toMatchObject([{ state: 'withdrawn' }, { trigger: 'session_complete' }]);
    expect(links(trigger, { ...done, sessionId: 'other' })).toMatchObject([{ state: 'open' }, {}]);
  });

  it('the transcript distinguishes a message that was sent from a message that was received', () => {
    const message = { type: 'session_message', at: 1, from: 'p', text: 'Hurry', messageId: 'm' };
    expect(links({ ...message, to: 'c' }, receipt('m', 'queued'))).toMatchObject([
      { kind: 'message_sent', sessionId: 'c', receipt: 'queued' },
    ]);
    expect(links(message, receipt('m', 'queued'))).toEqual([
      { kind: 'message_received', id: 'm', sessionId: 'p', text: 'Hurry' },
    ]);
  });
});
