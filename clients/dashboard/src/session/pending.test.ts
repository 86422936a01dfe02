import { defaultMetaState, type DialogItem } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { pendingOf } from './pending.js';

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
const plan = {
  toolCallId: 't1',
  title: 'Bake',
  description: 'In two steps.',
  steps: [{ title: 'Knead' }, { title: 'Bake', description: 'hot' }],
};

it('offers the options of a dialog, yes and no for a confirmation, words for the others', () => {
  expect(pendingOf(defaultMetaState(), [dialog({})])[0]!.choices.map(({ value }) => value)).toEqual(['A', 'B']);
  expect(
    pendingOf(defaultMetaState(), [dialog({ method: 'confirm', options: [] })])[0]!.choices.map(({ value }) => value),
  ).toEqual([true, false]);
  const [input] = pendingOf(defaultMetaState(), [dialog({ method: 'editor', options: [], prefill: 'x' })]);
  expect(input).toMatchObject({ choices: [], write: { prefill: 'x', long: true } });
});

it('answers a plan by its own id when nothing else asks', () => {
  const [pending] = pendingOf({ ...defaultMetaState(), pendingPlan: plan }, []);
  expect(pending).toMatchObject({
    id: 't1',
    kind: 'plan',
    title: 'Bake',
    details: [{ label: '1. Knead' }, { label: '2. Bake', text: 'hot' }],
  });
});

it('shows a plan and the dialog that asks about it as one, answered by the dialog', () => {
  const pending = pendingOf({ ...defaultMetaState(), pendingPlan: plan }, [dialog({ title: 'Go ahead?' })]);
  expect(pending).toHaveLength(1);
  expect(pending[0]).toMatchObject({
    id: 'd1',
    kind: 'plan',
    title: 'Bake',
    message: 'In two steps.',
    ask: 'Go ahead?',
  });
  expect(pending[0]!.choices.map(({ label }) => label)).toEqual(['A', 'B']);
});

it('is empty when nobody asks', () => {
  expect(pendingOf(defaultMetaState(), [])).toEqual([]);
});
