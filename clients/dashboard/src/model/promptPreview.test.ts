import { defaultMetaState, type SessionMetaState } from '@pizzapi/protocol';
import { describe, expect, it } from 'vitest';
import { dialogPreviews, promptPreviews } from './promptPreview.js';

const asked = (meta: Partial<SessionMetaState>, ids = ['x']) => promptPreviews({ ...defaultMetaState(), ...meta }, ids);
const question = (questions: { question: string; options: string[] }[]) => ({
  pendingQuestion: { toolCallId: 'x', questions },
});
const values = (choices: readonly { value: unknown }[]) => choices.map(({ value }) => value);

describe('what is asked', () => {
  it('is a question with each of its options once', () => {
    const [one] = asked(question([{ question: 'Which oven?', options: ['Gas', 'Wood', 'Gas'] }]));
    expect(one).toMatchObject({ id: 'x', kind: 'question', title: 'Which oven?' });
    expect(values(one!.choices)).toEqual(['Gas', 'Wood']);
  });

  it('has no quick answer where several questions, or many options, need a page', () => {
    const oven = { question: 'Which oven?', options: ['Gas', 'Wood'] };
    const [several] = asked(question([oven, oven, oven]));
    expect(several).toMatchObject({ text: 'And 2 more questions', choices: [] });
    const [many] = asked(question([{ question: 'Which?', options: [...'abcdefg'] }]));
    expect(many!.choices).toEqual([]);
  });

  it('is the call that waits for approval, to be allowed once or denied', () => {
    const actions = [
      { id: 'session', label: 'Allow in this session' },
      { id: 'approve', label: 'Allow once', style: 'primary' as const },
      { id: 'deny', label: 'Deny', style: 'danger' as const },
    ];
    const field = (key: string, value: string) => ({ key, label: key, value });
    const fields = [field('command', 'rm -r dist\nls')];
    const [approval] = asked({ pendingApproval: { promptId: 'x', title: 'Allow this command?', fields, actions } });
    expect(approval).toMatchObject({ code: 'rm -r dist\nls' });
    expect(values(approval!.choices)).toEqual(['approve', 'deny']);
    expect(approval!.line).toBe('Allow this command? rm -r dist');
    const write = [field('path', 'a.txt'), field('content', 'Hello')];
    const [other] = asked({ pendingApproval: { promptId: 'x', title: 'Allow the tool?', fields: write } });
    expect(other!.code).toBe('path: a.txt\ncontent: Hello');
  });

  it('is a plan with the beginning of its steps, and the trust in plugins', () => {
    const steps = [...'abcdef'].map((title) => ({ title }));
    const [plan] = asked({ pendingPlan: { toolCallId: 'x', title: 'Tidy up', steps } });
    expect(plan!.text).toBe('1. a\n2. b\n3. c\n4. d\n… and 2 more');
    const [short] = asked({ pendingPlan: { toolCallId: 'x', title: 'Tidy up', steps: steps.slice(0, 2) } });
    expect(values(short!.choices)).toEqual(['approve', 'cancel']);
    const [trust] = asked({
      pendingPluginTrust: { promptId: 'x', pluginNames: ['a', 'b'], pluginSummaries: ['tools'] },
    });
    expect(trust).toMatchObject({ text: 'a: tools\nb' });
  });

  it('is not what was answered meanwhile', () => {
    expect(asked(question([{ question: 'Which oven?', options: [] }]), ['y'])).toEqual([]);
  });

  it('is cut where it is long, and can be refused but not agreed to before all of it was read', () => {
    const long = 'x'.repeat(5_000);
    const [one] = asked(question([{ question: long, options: ['Yes'] }]));
    expect(one!.title.length).toBeLessThan(500);
    expect(one!.choices).toEqual([]);
    const fields = [{ key: 'command', label: 'command', value: `ls ${long}; rm -r .` }];
    const [approval] = asked({ pendingApproval: { promptId: 'x', title: 'Allow this command?', fields } });
    expect(values(approval!.choices)).toEqual(['deny']);
    const hidden = [{ key: 'command', label: 'command', value: `ls${'\n'.repeat(50)}rm -r .` }];
    const [below] = asked({ pendingApproval: { promptId: 'x', title: 'Allow this command?', fields: hidden } });
    expect([below!.code, values(below!.choices)]).toEqual(['ls…', ['deny']]);
    const steps = [{ title: 'a', description: 'and delete everything' }];
    const [plan] = asked({ pendingPlan: { toolCallId: 'x', title: 'Tidy up', steps } });
    expect(values(plan!.choices)).toEqual(['cancel']);
    const [trust] = asked({ pendingPluginTrust: { promptId: 'x', pluginNames: ['a'], pluginSummaries: [long] } });
    expect(values(trust!.choices)).toEqual([false, 'never']);
    const dialog = { type: 'dialog_opened', dialogId: 'd', method: 'confirm', title: 'Sure?', message: long };
    expect(dialogPreviews([dialog], ['d'])[0]!.choices).toEqual([]);
  });
});

describe('the open dialogs in a log', () => {
  it('are shown with what they ask', () => {
    const opened = (dialogId: string, fields: object) => ({
      type: 'dialog_opened',
      dialogId,
      title: 'Sure?',
      ...fields,
    });
    const events = [opened('d1', { method: 'confirm' }), opened('d2', { method: 'select', options: ['A', 'B'] })];
    expect(dialogPreviews(events, ['d2']).map(({ id, choices }) => [id, values(choices)])).toEqual([
      ['d2', ['A', 'B']],
    ]);
    expect(values(dialogPreviews(events, ['d1'])[0]!.choices)).toEqual([true, false]);
  });
});
