import { describe, expect, it } from 'vitest';
import { openedDialog, type DialogItem } from './fold/transcript/index.js';
import { defaultMetaState } from './fold/sessionMeta.js';
import type { SessionMetaState } from './meta.js';
import { answerableBy, pendingPrompts, promptLine, type PromptView } from './prompts.js';

const dialog = (fields: Partial<DialogItem>): DialogItem => ({
  ...{ kind: 'dialog', id: 'd1', seq: 1, at: 0, method: 'select', title: 'Which?', options: ['A', 'B'], state: 'open' },
  ...fields,
});
const meta = (fields: Partial<SessionMetaState>): SessionMetaState => ({ ...defaultMetaState(), ...fields });
const values = ({ choices }: PromptView) => choices.map(({ value }) => value);
const question = { toolCallId: 'q1', questions: [{ question: 'Which oven?', options: ['Wood', 'Gas', 'Wood'] }] };
const several = { ...question, questions: [...question.questions, { question: 'Its name?', options: [] }] };
const plan = { toolCallId: 't1', title: 'Bake', steps: [{ title: 'Knead' }] };
const actions = [
  { id: 'approve', label: 'Allow once', style: 'primary' as const },
  { id: 'session', label: 'Allow in this session' },
  { id: 'folder', label: 'Always allow in this folder' },
  { id: 'an-answer-of-a-later-version', label: 'Allow for an hour' },
  { id: 'deny', label: 'Deny', style: 'danger' as const },
];
const fields = [{ key: 'command', label: 'command', value: 'rm -r dist\nls' }];
const approval = { promptId: 'v1', title: 'Allow this command?', toolName: 'bash', fields, actions };
const trust = { promptId: 'p1', pluginNames: ['oven', 'timer'], pluginSummaries: ['tools'] };

describe('pending prompts', () => {
  it('are empty where the session asks nothing', () => {
    expect(pendingPrompts(meta({}))).toEqual([]);
  });

  it('offer the options of a single question, each once', () => {
    const [one] = pendingPrompts(meta({ pendingQuestion: question }));
    expect(one).toMatchObject({ kind: 'question', id: 'q1', title: 'Which oven?' });
    expect(values(one!)).toEqual(['Wood', 'Gas']);
  });

  it('count the questions of a prompt with several, and offer no answer to one of them', () => {
    const [two] = pendingPrompts(meta({ pendingQuestion: several }));
    expect(two).toMatchObject({ title: 'The agent has 2 questions', choices: [] });
  });

  it('let a plan be approved, cancelled and edited', () => {
    const [one] = pendingPrompts(meta({ pendingPlan: plan }));
    expect(one).toMatchObject({ kind: 'plan', id: 't1', title: 'Bake', text: '# Bake\n\n1. Knead' });
    expect(values(one!)).toEqual(['approve', 'cancel']);
  });

  it('offer the actions of an approval, or approve and deny where it names none', () => {
    const [named] = pendingPrompts(meta({ pendingApproval: approval }));
    expect(named!.choices[0]).toEqual({ label: 'Allow once', value: 'approve', look: 'primary' });
    expect(named!.choices[1]).toEqual({ label: 'Allow in this session', value: 'session' });
    const [plain] = pendingPrompts(meta({ pendingApproval: { promptId: 'v2', title: 'Allow?' } }));
    expect(plain!.choices).toEqual([
      { label: 'Approve', value: 'approve', look: 'primary' },
      { label: 'Deny', value: 'deny', look: 'danger' },
    ]);
  });

  it('ask whether to load what a folder has of its own: from now on, not now, never', () => {
    const [one] = pendingPrompts(meta({ pendingPluginTrust: trust }));
    expect(one).toMatchObject({ kind: 'trust', plugins: [{ summary: 'tools' }, { name: 'timer', summary: '' }] });
    expect(values(one!)).toEqual([true, false, 'never']);
  });

  it('offer the options of a dialog, yes and no for a confirmation, a field for words', () => {
    expect(pendingPrompts(meta({}), [dialog({})])).toMatchObject([{ choices: [{ value: 'A' }, { value: 'B' }] }]);
    expect(values(pendingPrompts(meta({}), [dialog({ method: 'confirm', options: [] })])[0]!)).toEqual([true, false]);
    expect(pendingPrompts(meta({}), [dialog({ method: 'editor', options: ['A'], prefill: 'x' })])).toMatchObject([
      { choices: [], write: { prefill: 'x', long: true } },
    ]);
  });
});

describe('a prompt and the dialogs that are its steps', () => {
  it('are one prompt, which is answered as a whole by its own id', () => {
    const step = dialog({ title: 'Approve the plan?', promptId: 't1' });
    expect(pendingPrompts(meta({ pendingPlan: plan }), [step])).toEqual(pendingPrompts(meta({ pendingPlan: plan })));
  });

  it('expire together, with the first step that does', () => {
    const steps = [dialog({ promptId: 'q1', expiresAt: 9 }), dialog({ id: 'd2', promptId: 'q1', expiresAt: 7 })];
    expect(pendingPrompts(meta({ pendingQuestion: question }), steps)).toMatchObject([{ id: 'q1', expiresAt: 7 }]);
  });

  it('leave the dialogs of extensions, and the steps of a prompt that is not pending, as they are', () => {
    const dialogs = [dialog({}), dialog({ id: 'd2', promptId: 'older' }), dialog({ id: 'd3', promptId: 'q1' })];
    const ids = pendingPrompts(meta({ pendingQuestion: question }), dialogs).map(({ id }) => id);
    expect(ids).toEqual(['d1', 'd2', 'q1']);
  });
});

describe('what a viewer may answer', () => {
  const all = pendingPrompts(
    meta({ pendingQuestion: question, pendingPlan: plan, pendingApproval: approval, pendingPluginTrust: trust }),
    [dialog({})],
  );
  const answerable = (mode: Parameters<typeof answerableBy>[0]) =>
    all.flatMap((prompt) => answerableBy(mode, prompt) ?? []);

  it('is all of it for the owner, nothing for a reader, questions for a writer, approvals and plans for an approver', () => {
    expect(answerable('owner')).toEqual(all);
    expect(answerable('read')).toEqual([]);
    expect(answerable('collab').map(({ kind }) => kind)).toEqual(['question']);
    expect(answerable('approve').map(({ kind }) => kind)).toEqual(['question', 'plan', 'approval']);
  });

  it('lets a guest decide this call alone, and approve a plan without editing it', () => {
    const [, shownPlan, shownApproval] = answerable('approve');
    expect(values(shownApproval!)).toEqual(['approve', 'deny']);
    expect(shownPlan).not.toHaveProperty('text');
    expect(values(shownPlan!)).toEqual(['approve', 'cancel']);
  });
});

describe('the line of a prompt', () => {
  const lineOf = (fields: Partial<SessionMetaState>) => promptLine(pendingPrompts(meta(fields))[0]!);

  it('has what is asked and the options', () => {
    expect(lineOf({ pendingQuestion: question })).toBe('Which oven? Wood · Gas');
    expect(lineOf({ pendingQuestion: several })).toBe('Which oven? Wood · Gas (and 1 more)');
    expect(lineOf({ pendingPlan: plan })).toBe('A plan to approve: Bake');
    expect(lineOf({ pendingPluginTrust: trust })).toBe('Load the extensions and settings of this folder? oven, timer');
  });

  it('has the first line of a command that waits for an approval', () => {
    expect(lineOf({ pendingApproval: approval })).toBe('Allow this command? rm -r dist');
    const write = [...fields, { key: 'path', label: 'path', value: 'a.txt' }];
    expect(lineOf({ pendingApproval: { ...approval, title: 'Allow?', message: 'In /tmp', fields: write } })).toBe(
      'Allow? In /tmp',
    );
  });
});

describe('a dialog that an event opens', () => {
  it('is read from the event, unless it asks nothing', () => {
    const event = { type: 'dialog_opened', dialogId: 'd1', method: 'select', title: 'Which?', options: ['A'] };
    expect(openedDialog({ ...event, expiresAt: 9 })).toMatchObject({ id: 'd1', options: ['A'], expiresAt: 9 });
    for (const method of ['notify', 'status', 'widget', 'of a later version', 7])
      expect(openedDialog({ ...event, method })).toBeUndefined();
    expect(openedDialog({ type: 'dialog_resolved', dialogId: 'd1', method: 'select' })).toBeUndefined();
  });
});
