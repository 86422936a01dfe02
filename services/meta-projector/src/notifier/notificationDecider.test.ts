import type { SessionEvent } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { NotificationDecider, NOTIFIER_EVENTS, type NotificationNotice } from './notificationDecider.js';

const SETTLE = 1_000;
const MINUTE = 60_000;
type Bare = SessionEvent extends infer E ? (E extends SessionEvent ? Omit<E, 'at'> : never) : never;

/** A session that tells its story; `told` is what its owner is told of it. */
class Story {
  readonly decider = new NotificationDecider({ settleMs: SETTLE });
  readonly told: Pick<NotificationNotice, 'kind' | 'body'>[] = [];
  now = 1_000_000;
  private n = 0;

  happens(event: Bare, { msgId = `m${++this.n}`, ageMs = 0 } = {}): this {
    expect(NOTIFIER_EVENTS).toContain(event.type);
    this.decider.onEvent({ sid: 's', msgId, at: this.now - ageMs, event: { ...event } }, this.now);
    return this;
  }

  says(text: string, more: object = {}): this {
    return this.happens({
      type: 'message_end',
      messageId: 'm',
      message: { role: 'assistant', content: [{ type: 'text', text }], ...more },
    });
  }

  passes(ms = SETTLE): this {
    this.now += ms;
    for (const { kind, body } of this.decider.due(this.now)) this.told.push({ kind, body });
    return this;
  }
}

const asks = (toolCallId: string, question = 'Which oven?', options = ['Wood', 'Gas']): Bare => ({
  type: 'question_pending',
  question: { toolCallId, questions: [{ question, options }] },
});
const dialog = (dialogId: string, more: object = {}): Bare => ({
  ...{ type: 'dialog_opened', dialogId, method: 'confirm', title: 'Delete it?' },
  ...more,
});
const start: Bare = { type: 'agent_start' };
const end: Bare = { type: 'agent_end' };

describe('the end of a run', () => {
  it('is told with the last words of the agent', () => {
    const story = new Story().happens(start).says('Let me look.').says('').says('All  **tests**\n`pass`.').happens(end);
    expect(story.told).toEqual([]);
    expect(story.passes().told).toEqual([{ kind: 'finished', body: 'All tests pass.' }]);
    expect(story.decider.nextAt).toBeUndefined();
  });

  it('keeps the words that came before a last call of a tool, and none of the run before', () => {
    const story = new Story().happens(start).says('Done.').says('').happens(end).passes();
    story.happens(start).happens(end).passes();
    expect(story.told.map(({ body }) => body)).toEqual(['Done.', 'The agent is done.']);
  });

  it('is not told when a queued input goes on at once, or the run is tried again', () => {
    const story = new Story()
      .happens(start)
      .says('One.')
      .happens(end)
      .passes(SETTLE - 1);
    story.happens(start).says('Two.').happens(end).passes();
    expect(story.told.map(({ body }) => body)).toEqual(['Two.']);
    story.happens(start).says('', { stopReason: 'error', errorMessage: 'overloaded' }).happens(end);
    story.happens({ type: 'auto_retry_start', attempt: 1, maxAttempts: 3, delayMs: 9, errorMessage: 'x' });
    expect(story.passes(MINUTE).told).toHaveLength(1);
  });

  it('is told after the compaction that follows it, unless the run is tried again then', () => {
    const story = new Story();
    const compacts = (willRetry: boolean) => {
      story.happens(start).says('Done.').happens(end).happens({ type: 'compaction_start', reason: 'threshold' });
      story.passes(MINUTE);
      story.happens({ type: 'compaction_end', reason: 'threshold', aborted: false, willRetry }).passes();
    };
    compacts(true);
    expect(story.told).toEqual([]);
    compacts(false);
    expect(story.told).toHaveLength(1);
  });

  it('in an error is told as that, by an abort not at all', () => {
    const story = new Story();
    story.happens(start).says('', { stopReason: 'error', errorMessage: 'No key for this model' }).happens(end).passes();
    story.happens(start).says('I was', { stopReason: 'aborted' }).happens(end).passes();
    expect(story.told).toEqual([{ kind: 'error', body: 'No key for this model' }]);
  });

  it('by the stop or the death of its host is told once, and not when the agent continues at once', () => {
    const body = 'The host was stopped while the agent wrote. Open the session to continue.';
    const resumed: Bare = { type: 'session_resumed', epoch: 2 };
    const story = new Story().happens(start).happens({ type: 'run_interrupted' });
    story.says('I was', { stopReason: 'aborted' }).happens(end).passes().happens(resumed).passes();
    expect(story.told).toEqual([{ kind: 'error', body }]);
    story.happens(start).happens(resumed).passes();
    expect(story.told).toHaveLength(2);
    story.happens(start).happens(resumed).happens(start).passes();
    expect(story.told).toHaveLength(2);
  });

  it('is nobody’s news while a prompt waits', () => {
    const story = new Story().happens(start).happens(asks('q')).happens(end).passes();
    expect(story.told.map(({ kind }) => kind)).toEqual(['input']);
  });

  it('is told also while a prompt waits that the agent does not wait for', () => {
    const prompt = { promptId: 't1', pluginNames: ['oven'], pluginSummaries: [] };
    const story = new Story().happens({ type: 'plugin_trust_required', prompt }).passes();
    story.happens(start).says('Baked').happens(end).passes();
    expect(story.told.map(({ kind }) => kind)).toEqual(['input', 'finished']);
  });
});

describe('a prompt', () => {
  it('is told with what it asks', () => {
    const story = new Story().happens(asks('q1')).passes();
    story.happens({ type: 'plan_pending', plan: { toolCallId: 'p1', title: 'Bake' } }).passes();
    story.happens({ type: 'approval_pending', approval: { promptId: 'a1', title: 'Allow bash "rm a"?' } }).passes();
    story.happens({
      type: 'plugin_trust_required',
      prompt: { promptId: 't1', pluginNames: ['oven'], pluginSummaries: [] },
    });
    story.passes().happens(dialog('d1')).passes();
    story.happens({ type: 'session_trigger', triggerId: 'e1', kind: 'escalate', payload: { text: 'Now?' } }).passes();
    expect(story.told.map(({ body }) => body)).toEqual([
      'Which oven? Wood · Gas',
      'A plan to approve: Bake',
      'Allow bash "rm a"?',
      'Load the extensions and settings of this folder? oven',
      'Delete it?',
      'Something to decide: Now?',
    ]);
    expect(new Set(story.told.map(({ kind }) => kind))).toEqual(new Set(['input']));
  });

  it('is told once, whichever way it is walked through and however often it is announced', () => {
    const story = new Story()
      .happens(asks('q'))
      .happens(dialog('d1', { promptId: 'q' }))
      .passes();
    story
      .happens({ type: 'session_resumed', epoch: 2 })
      .happens(asks('q'))
      .happens(dialog('d2', { promptId: 'q' }));
    expect(story.passes().told).toHaveLength(1);
  });

  it('that is answered at once is not told; the others are', () => {
    const story = new Story()
      .happens(asks('q1'))
      .happens(dialog('d1'))
      .happens(asks('q2', 'Its name?', []));
    story.happens({ type: 'question_cleared', toolCallId: 'q1' });
    story.happens({ type: 'dialog_resolved', dialogId: 'd1', by: { userId: 'u', via: 'terminal' } });
    expect(story.passes().told.map(({ body }) => body)).toEqual(['Its name?']);
  });

  it('that nobody has to answer is none', () => {
    const story = new Story();
    for (const method of ['notify', 'status', 'widget']) story.happens(dialog(method, { method }));
    story.happens({ type: 'session_trigger', triggerId: 'e1', kind: 'session_complete' });
    expect(story.passes().told).toEqual([]);
  });

  it('goes with its session', () => {
    const story = new Story().happens(asks('q')).happens({ type: 'session_ended', reason: 'killed' });
    expect(story.passes().told).toEqual([]);
  });

  it('comes no more after twenty that wait', () => {
    const story = new Story();
    for (let i = 0; i < 30; i++) story.happens(dialog(`d${i}`));
    expect(story.passes().told).toHaveLength(20);
  });
});

describe('the end of a session', () => {
  it('is told when it is an error or its host was lost', () => {
    const story = new Story();
    for (const reason of ['completed', 'killed', 'expired', 'error', 'host_lost'] as const)
      story
        .happens({ type: 'session_ended', reason, ...(reason === 'error' ? { message: 'Out of disk' } : {}) })
        .passes();
    expect(story.told).toEqual([
      { kind: 'error', body: 'Out of disk' },
      { kind: 'error', body: 'Its runner was lost.' },
    ]);
  });

  it('leaves what was done worth telling, unless somebody ended it', () => {
    const ended = (reason: 'completed' | 'killed') => {
      const story = new Story().happens(start).says('Done.').happens(end).happens({ type: 'session_ended', reason });
      return story.passes().told.length;
    };
    expect([ended('completed'), ended('killed')]).toEqual([1, 0]);
  });
});

describe('what happened', () => {
  it('counts once, however often it is delivered', () => {
    const story = new Story();
    story.happens(end, { msgId: 's.1.1' }).passes().happens(end, { msgId: 's.1.1' }).passes();
    expect(story.told).toHaveLength(1);
  });

  it('long ago is not told, and still known', () => {
    const story = new Story().happens(asks('q'), { ageMs: 11 * MINUTE }).happens(end);
    expect(story.passes().told).toEqual([]);
  });

  it('is cut where a lock screen ends', () => {
    const story = new Story().happens(start).says('🍕'.repeat(1_000)).happens(end).passes();
    expect([...story.told[0]!.body]).toHaveLength(240);
    expect(story.told[0]!.body.endsWith('🍕…')).toBe(true);
  });

  it('in nonsense harms nobody', () => {
    const { decider } = new Story();
    for (const type of NOTIFIER_EVENTS) {
      const event = { type, message: 7, question: 'x', plan: null, prompt: [], approval: 1, dialogId: {}, method: 3 };
      decider.onEvent({ sid: 's', msgId: type, at: 0, event }, 0);
    }
    expect(decider.due(Infinity).length).toBeLessThan(NOTIFIER_EVENTS.length);
  });
});
