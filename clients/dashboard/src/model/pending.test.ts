import { defaultMetaState, type DialogItem, type SessionMetaState } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { diffOf } from './tools.js';
import { answerableBy, pendingOf, wholeAnswer, type ApprovalPrompt, type PendingCardPrompt } from './pending.js';

const dialog = (fields: Partial<DialogItem>): DialogItem => ({
  kind: 'dialog',
  id: 'd1',
  seq: 1,
  at: 0,
  method: 'select',
  title: 'Which?',
  options: ['A', 'B'],
  state: 'open',
  ...fields,
});
const meta = (fields: Partial<SessionMetaState>): SessionMetaState => ({ ...defaultMetaState(), ...fields });
const plan = { toolCallId: 't1', title: 'Bake', steps: [{ title: 'Knead' }] };
const question = { toolCallId: 'q1', questions: [{ question: 'Which?', options: ['A', 'B'] }] };

describe('what waits for a person', () => {
  it('is a dialog with its options, yes and no for a confirmation, words for the others', () => {
    expect(pendingOf(meta({}), [dialog({})])).toMatchObject([{ choices: [{ value: 'A' }, { value: 'B' }] }]);
    expect(pendingOf(meta({}), [dialog({ method: 'confirm', options: [] })])).toMatchObject([
      { choices: [{ value: true }, { value: false }] },
    ]);
    expect(pendingOf(meta({}), [dialog({ method: 'editor', options: [], prefill: 'x' })])).toMatchObject([
      { choices: [], write: { prefill: 'x', long: true } },
    ]);
  });

  it('is answered as a whole by its own id, with or without a dialog that walks through it', () => {
    const alone = pendingOf(meta({ pendingPlan: plan }), []);
    expect(alone).toMatchObject([{ id: 't1', kind: 'plan', title: 'Bake', text: '# Bake\n\n1. Knead' }]);
    const walked = pendingOf(meta({ pendingPlan: plan }), [
      dialog({ title: 'Go ahead?', promptId: 't1', expiresAt: 9 }),
    ]);
    expect(walked).toMatchObject([{ ...alone[0], expiresAt: 9 }]);
  });

  it('hides no dialog of somebody else, nor the step of a prompt that is not shown', () => {
    const dialogs = [dialog({}), dialog({ id: 'd2', promptId: 'older' }), dialog({ id: 'd3', promptId: 'q1' })];
    expect(pendingOf(meta({ pendingQuestion: question }), dialogs).map(({ id }) => id)).toEqual(['d1', 'd2', 'q1']);
  });

  it('says one question itself, and how many there are', () => {
    expect(pendingOf(meta({ pendingQuestion: question }), [])).toMatchObject([{ title: 'Which?' }]);
    const two = { ...question, questions: [...question.questions, { question: 'Its name?', options: [] }] };
    expect(pendingOf(meta({ pendingQuestion: two }), [])).toMatchObject([{ title: 'The agent has 2 questions' }]);
  });

  it('shows the call that needs an approval as calls are shown: with its diff', () => {
    const edits = JSON.stringify([{ oldText: 'a', newText: 'b' }]);
    const fields = [
      { key: 'path', label: 'path', value: 'x.ts' },
      { key: 'edits', label: 'edits', value: edits },
    ];
    const pendingApproval = { promptId: 'v1', title: 'Allow?', toolName: 'edit', fields };
    const [approval] = pendingOf(meta({ pendingApproval }), []) as [ApprovalPrompt];
    expect(diffOf(approval.call)).toMatchObject({ added: 1, removed: 1 });
    expect(approval.choices).toEqual([
      { label: 'Approve', value: 'approve', look: 'primary' },
      { label: 'Deny', value: 'deny', look: 'danger' },
    ]);
    const cut = { ...pendingApproval, fields: [{ key: 'edits', label: 'edits', value: `${edits.slice(0, 9)}…` }] };
    expect(pendingOf(meta({ pendingApproval: cut }), [])).toMatchObject([{ call: { args: { edits: '[{"oldTex…' } } }]);
  });

  it('is nothing when nobody asks', () => {
    expect(pendingOf(meta({}), [])).toEqual([]);
  });
});

describe('what a guest may answer of it', () => {
  const actions = [
    { id: 'approve', label: 'Allow once', style: 'primary' as const },
    { id: 'session', label: 'Allow in this session' },
    { id: 'folder', label: 'Always allow in this folder' },
    { id: 'a-kind-of-answer-to-come', label: 'Allow for an hour' },
    { id: 'deny', label: 'Deny', style: 'danger' as const },
  ];
  const approval = { promptId: 'v1', title: 'Allow?', toolName: 'bash', fields: [], actions };
  const all = pendingOf(meta({ pendingQuestion: question, pendingPlan: plan, pendingApproval: approval }), [
    dialog({}),
  ]);
  const kinds = (mode: Parameters<typeof answerableBy>[0]) =>
    all
      .map((one) => answerableBy(mode, one))
      .flatMap((one): PendingCardPrompt['kind'][] => (one === undefined ? [] : [one.kind]));

  it('is nothing for who watches, questions for who writes, approvals and plans for who approves', () => {
    expect(kinds('owner')).toHaveLength(4);
    expect(kinds('read')).toEqual([]);
    expect(kinds('collab')).toEqual(['question']);
    expect(kinds('approve').sort()).toEqual(['approval', 'plan', 'question']);
  });

  it('is of an approval this one call, and of a plan the plan as it is', () => {
    const shown = all.map((one) => answerableBy('approve', one));
    const allowed = shown.find((one): one is ApprovalPrompt => one?.kind === 'approval');
    expect(allowed?.choices.map(({ value }) => value)).toEqual(['approve', 'deny']);
    const asked = shown.find((one) => one?.kind === 'plan');
    expect(asked).toBeDefined();
    expect(asked).not.toHaveProperty('text');
  });
});

it('an answer to several questions is whole once each has one; words count before a choice', () => {
  expect(wholeAnswer([{ choice: 'A', words: '' }, { words: ' ' }])).toBeUndefined();
  expect(wholeAnswer([{ choice: 'A', words: 'C' }, { words: ' d ' }])).toEqual(['C', 'd']);
});
