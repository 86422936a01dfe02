import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyMetaEvent,
  defaultMetaState,
  isMetaRelayEvent,
  metaEventToPatch,
  META_RELAY_EVENT_TYPES,
} from './sessionMeta.js';

const given = (...events: unknown[]) =>
  events.reduce(
    (state: ReturnType<typeof defaultMetaState>, event) => applyMetaEvent(state, event),
    defaultMetaState(),
  );

const question = {
  type: 'question_pending',
  at: 1,
  question: { toolCallId: 'q1', questions: [{ question: 'Red?', options: ['yes', 'no'] }] },
};
const plan = { type: 'plan_pending', at: 1, plan: { toolCallId: 'p1', title: 'Paint' } };
const approval = { type: 'approval_pending', at: 1, approval: { promptId: 'a1', title: 'rm -rf build' } };

describe('the meta state', () => {
  it('there are 19 meta events', () => {
    expect(META_RELAY_EVENT_TYPES.size).toBe(19);
    expect(isMetaRelayEvent({ type: 'goal_updated' })).toBe(true);
    expect(isMetaRelayEvent({ type: 'message_end' })).toBe(false);
    expect(isMetaRelayEvent(null)).toBe(false);
  });

  it('the approvals that a process states stay when the process ends', () => {
    const asks = { type: 'approvals_changed', at: 1, mode: 'ask' };
    expect(defaultMetaState().approvals).toBeNull();
    expect(given(asks, { type: 'session_resumed', at: 2, epoch: 2 }).approvals).toBe('ask');
    expect(given(asks, { ...asks, mode: 'allow' }).approvals).toBe('allow');
    expect(given(asks, { ...asks, mode: 'perhaps' }).approvals).toBe('ask');
  });

  it('given a question, when it is cleared, then the meta state holds no question', () => {
    expect(given(question).pendingQuestion?.toolCallId).toBe('q1');
    expect(given(question, { type: 'question_cleared', at: 2, toolCallId: 'q1' }).pendingQuestion).toBeNull();
  });

  it.each([
    [question, { type: 'question_cleared', at: 2, toolCallId: 'q0' }, 'pendingQuestion'],
    [plan, { type: 'plan_cleared', at: 2, toolCallId: 'p0' }, 'pendingPlan'],
    [approval, { type: 'approval_cleared', at: 2, promptId: 'a0' }, 'pendingApproval'],
  ] as const)(
    'given %j, when a clear names another id, then the meta state does not change',
    (pending, clear, slot) => {
      const before = given(pending);
      expect(applyMetaEvent(before, clear)).toBe(before);
      expect(before[slot]).not.toBeNull();
    },
  );

  const trust = {
    type: 'plugin_trust_required',
    at: 1,
    prompt: { promptId: 't1', pluginNames: ['p'], pluginSummaries: ['s'] },
  };
  const busy = [
    { type: 'compact_started', at: 2 },
    { type: 'retry_state_changed', at: 3, state: { errorMessage: 'overloaded', detectedAt: 3 } },
    trust,
  ];
  const OVER = { isCompacting: false, retryState: null, pendingPluginTrust: null };

  it('given a process in a compaction, in a retry and in a trust prompt, when another process resumes the session, then all three are over', () => {
    const before = given(question, plan, approval, ...busy);
    expect(before).toMatchObject({ isCompacting: true, retryState: { errorMessage: 'overloaded' } });
    const after = applyMetaEvent(before, { type: 'session_resumed', at: 9, epoch: 2 });
    expect(after).toMatchObject({ ...OVER, version: before.version + 1 });
    // Pi's file holds these: the next process asks them again under the same id.
    expect([after.pendingQuestion, after.pendingPlan, after.pendingApproval]).not.toContain(null);
  });

  it.each([
    ['killed', true],
    ['completed', true],
    ['host_lost', false],
  ])('given pending prompts, when the session ends as %s, then they are over: %s', (reason, isOver) => {
    const after = applyMetaEvent(given(question, plan, approval, ...busy), { type: 'session_ended', at: 9, reason });
    expect(after).toMatchObject(OVER);
    const left = [after.pendingQuestion, after.pendingPlan, after.pendingApproval].filter((one) => one !== null);
    expect(left).toHaveLength(isOver ? 0 : 3);
  });

  it('given nothing that only a process can end, when the session is resumed, then the meta state does not change', () => {
    const before = given(question);
    expect(applyMetaEvent(before, { type: 'session_resumed', at: 9, epoch: 2 })).toBe(before);
  });

  it('the meta state counts the events that were applied', () => {
    expect(given(question, plan, { type: 'compact_started', at: 3 }).version).toBe(3);
  });

  it('the meta state ignores an event in the wrong shape', () => {
    const before = given(question);
    expect(applyMetaEvent(before, { type: 'todo_updated', at: 1, todoList: 'milk' })).toBe(before);
    expect(applyMetaEvent(before, { type: 'mcp_startup_report', at: 1, toolCount: 3 })).toBe(before);
  });

  it('the meta state fold is total over any input', () => {
    const type = fc.constantFrom(...META_RELAY_EVENT_TYPES);
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.jsonValue(),
            fc.tuple(type, fc.dictionary(fc.string(), fc.jsonValue())).map(([t, rest]) => ({ ...rest, type: t })),
          ),
        ),
        (events) => {
          const state = given(...events);
          expect(Object.keys(state)).toEqual(Object.keys(defaultMetaState()));
          for (const event of events) expect(typeof metaEventToPatch(event)).toBe('object');
        },
      ),
    );
  });
});
