import { defaultMetaState, type SessionMetaState } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { answerProblem } from './guestAnswers.js';

const state: SessionMetaState = {
  ...defaultMetaState(),
  pendingQuestion: { toolCallId: 'q', questions: [] },
  pendingPlan: { toolCallId: 'p', title: 'Bake' },
  pendingApproval: { promptId: 'a', title: 'Allow?' },
  pendingPluginTrust: { promptId: 't', pluginNames: [], pluginSummaries: [] },
};
const code = (right: 'write' | 'approve', dialogId: string, value: unknown) =>
  answerProblem(state, right, { dialogId, value })?.code;

it('an answer of a guest is judged by what it is to, as the meta state of the session says', () => {
  expect(code('write', 'q', 'Wood')).toBeUndefined();
  expect(code('write', 'p', 'approve')).toBe('forbidden');
  expect(code('write', 'a', 'deny')).toBe('forbidden');
  expect(code('approve', 'p', 'approve')).toBeUndefined();
  expect(code('approve', 'a', 'approve')).toBeUndefined();
  expect(code('approve', 'a', 'folder')).toBe('forbidden');
  for (const value of [true, false, 'never', null]) expect(code('approve', 't', value)).toBe('forbidden');
});

it('what is not there is left to the host, which knows', () => {
  expect(code('write', 'some-dialog', 'Allow once')).toBeUndefined();
  expect(answerProblem(state, 'write', undefined)).toBeUndefined();
});
