import { describe, expect, it } from 'vitest';
import { evolveRun, initialAgentRun, isFailure, messageText, requestedAgentRun, type AgentRun } from './run.js';

const after = (...events: unknown[]): AgentRun => events.reduce<AgentRun>(evolveRun, initialAgentRun());
const start = { type: 'agent_start' };
const end = { type: 'agent_end' };
const says = (text: string, fields: object = {}) => ({
  type: 'message_end',
  message: { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm' }, ...texts(text)], ...fields },
});
const texts = (text: string) => (text === '' ? [] : [{ type: 'text', text }]);
const fails = says('', { stopReason: 'error', errorMessage: 'overloaded' });
const retries = { type: 'auto_retry_start', attempt: 1, maxAttempts: 3, delayMs: 9, errorMessage: 'overloaded' };
const ended = (reason: string, fields: object = {}) => ({ type: 'session_ended', reason, ...fields });

describe('a run of the agent', () => {
  it('works until it ends, and has the last text of the agent', () => {
    const events = [start, says('Let me look.'), says('**Done.**'), says('')];
    expect(after(...events)).toMatchObject({ status: 'working', text: '**Done.**' });
    expect(after(...events, end)).toMatchObject({ status: 'completed', text: '**Done.**' });
  });

  it('has no text of the run before', () => {
    expect(after(start, says('One.'), end, start)).toEqual(requestedAgentRun());
  });

  it('has no text of a person', () => {
    const person = { type: 'message_end', message: { role: 'user', content: 'thanks' } };
    expect(after(start, says('Done.'), person, end).text).toBe('Done.');
  });

  it('is aborted where a person stopped it', () => {
    expect(after(start, says('I was', { stopReason: 'aborted' }), end).status).toBe('aborted');
  });

  it('is failing after an error until the agent retries, gives up or its session ends', () => {
    const failing = [start, fails, end];
    expect(after(...failing)).toMatchObject({ status: 'failing', error: 'overloaded' });
    expect(after(...failing, retries).status).toBe('working');
    expect(after(...failing, retries, start, says('Done.'), end)).toMatchObject({ status: 'completed', text: 'Done.' });
    expect(
      after(...failing, { type: 'auto_retry_end', success: false, attempt: 3, finalError: 'still' }),
    ).toMatchObject({
      status: 'failed',
      error: 'still',
    });
    expect(after(...failing, ended('completed')).status).toBe('failed');
    expect([after(...failing), after(start)].map(isFailure)).toEqual([true, false]);
  });

  it('is interrupted where its host was stopped or died, until the agent begins again', () => {
    const resumed = { type: 'session_resumed', epoch: 2 };
    const stopped = [start, { type: 'run_interrupted' }, says('I was', { stopReason: 'aborted' }), end];
    expect(after(...stopped)).toMatchObject({ status: 'interrupted', text: 'I was' });
    expect(after(...stopped, resumed).status).toBe('interrupted');
    expect(after(start, says('I am'), resumed).status).toBe('interrupted');
    expect(after(start, fails, end, resumed).status).toBe('interrupted');
    expect(after(start, resumed, start).status).toBe('working');
    expect(after(start, says('Done.'), end, resumed).status).toBe('completed');
    // What an earlier process left in its spool follows the event of the next one.
    expect(after(start, resumed, says('Done.'), end).status).toBe('completed');
    expect(after(start, resumed, says('Let me'), resumed).status).toBe('interrupted');
    // A session that only wakes had no run.
    expect(after(resumed)).toEqual(initialAgentRun());
    // A prompt that was given before the agent began is lost with its host.
    expect(evolveRun(requestedAgentRun(), resumed).status).toBe('interrupted');
  });

  it('works again where it is retried after a compaction', () => {
    const compacted = { type: 'compaction_end', reason: 'overflow', aborted: false };
    expect(after(start, says('x'), end, { ...compacted, willRetry: true }).status).toBe('working');
    expect(after(start, says('x'), end, { ...compacted, willRetry: false }).status).toBe('completed');
  });

  it.each([
    ['completed', 'completed'],
    ['killed', 'aborted'],
    ['expired', 'aborted'],
    ['host_lost', 'failed'],
    ['error', 'failed'],
  ])('that is not over ends with its session: %s makes it %s', (reason, status) => {
    expect(after(start, ended(reason)).status).toBe(status);
    expect(after(start, says('Done.'), end, ended(reason)).status).toBe('completed');
  });

  it('has the message of a session that ended in an error', () => {
    expect(after(start, ended('error', { message: 'Out of disk' })).error).toBe('Out of disk');
  });

  it('is the very same after an event that is not about it, or makes no sense', () => {
    const run = after(start, says('x'));
    const others = [undefined, 7, 'agent_end', [], {}, { type: 'turn_start' }, { type: 'message_end', message: 7 }];
    for (const event of others) expect(evolveRun(run, event)).toBe(run);
  });
});

it('the text of a message is that of its text blocks, or the message itself', () => {
  const message = { content: [{ type: 'text', text: 'a' }, { type: 'image' }, { type: 'text', text: 'b' }, 7] };
  expect([messageText(message), messageText(message, ' '), messageText({ content: 'c' })]).toEqual(['ab', 'a b', 'c']);
  expect(messageText({})).toBe('');
});
