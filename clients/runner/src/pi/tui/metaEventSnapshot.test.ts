import { applyMetaEvent, defaultMetaState, type SessionEvent } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { MetaEventSnapshot } from './metaEventSnapshot.js';

const at = 1;
const question = (toolCallId: string): SessionEvent => ({
  type: 'question_pending',
  at,
  question: { toolCallId, questions: [{ question: 'Which?', options: [] }] },
});

it('a log that begins late has the state of one that was there from the start', () => {
  const said: SessionEvent[] = [
    { type: 'plan_mode_toggled', at, enabled: true },
    { type: 'todo_updated', at, todoList: [{ id: 1, text: 'Bake', status: 'pending' }] },
    { type: 'agent_start', at },
    question('q1'),
    { type: 'question_cleared', at, toolCallId: 'q1' },
    question('q2'),
    // A clear names what it clears and clears nothing else.
    { type: 'question_cleared', at, toolCallId: 'q1' },
    { type: 'plugin_trust_required', at, prompt: { promptId: 't1', pluginNames: [], pluginSummaries: [] } },
    { type: 'plugin_trust_resolved', at, promptId: 't0' },
    { type: 'compact_started', at },
    { type: 'compact_ended', at },
    { type: 'plan_mode_toggled', at, enabled: false },
  ];
  const memory = new MetaEventSnapshot();
  for (const event of said) memory.note(event);
  const { version: _all, ...whole } = said.reduce(applyMetaEvent, defaultMetaState());
  const { version: _late, ...late } = memory.events().reduce(applyMetaEvent, defaultMetaState());
  expect(late).toEqual(whole);
  expect(whole.pendingQuestion?.toolCallId).toBe('q2');
  expect(memory.events().map(({ type }) => type)).toEqual([
    ...['plan_mode_toggled', 'todo_updated', 'question_pending', 'plugin_trust_required'],
  ]);
});
