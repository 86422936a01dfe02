import type { LinkFacts } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import type { Viewpoint } from './author.js';
import { linkView } from './links.js';

const reader: Viewpoint = { isGuest: false, userId: 'owner' };
const view = (link: Partial<LinkFacts>) =>
  linkView({ kind: 'trigger_received', id: 't1', sessionId: 's2', ...link }, reader);
const questions = (...texts: string[]) => ({ questions: texts.map((question) => ({ question, options: ['A', 'B'] })) });

it('says who started, asked or told whom', () => {
  expect(view({ kind: 'spawn', text: 'Bake' })).toMatchObject({ icon: 'spawn', before: 'Started', text: 'Bake' });
  expect(view({ trigger: 'session_complete', payload: { text: 'All **done**.' } })).toMatchObject({
    after: 'is done',
    text: 'All **done**.',
    open: false,
  });
  const told = { kind: 'trigger_sent', trigger: 'session_complete', payload: { text: 'Done.' } } as const;
  expect(view(told)).toMatchObject({ before: 'Notified', after: 'that it is done', text: '' });
  expect(view({ kind: 'trigger_sent', trigger: 'plan_review' })).toMatchObject({ before: 'Asked', icon: 'plan' });
  expect(view({ trigger: 'of_tomorrow', payload: 7 })).toMatchObject({ after: 'sent “of_tomorrow”', text: '' });
});

it('shows questions with their options, plans with their steps, and what is handed on', () => {
  const ask = { trigger: 'ask_user_question', payload: questions('Which?', 'Why?') };
  expect(view(ask).text).toBe('1. Which? (A · B)\n2. Why? (A · B)');
  const plan = { title: 'Bake', steps: [{ title: 'Knead' }, 7] };
  expect(view({ trigger: 'plan_review', payload: { plan } }).text).toBe('**Bake**\n\n1. Knead');
  const of = { trigger: 'ask_user_question', payload: questions('Which?') };
  expect(view({ trigger: 'escalate', payload: { text: 'You decide.', of } }).text).toBe(
    'You decide.\n\nWhich? (A · B)',
  );
});

it('says who answered, or that nobody did', () => {
  const answered = { trigger: 'ask_user_question', state: 'answered', response: ['Gas', 'Leo'] } as const;
  expect(view(answered).outcome?.text).toBe('The agent answered: “Gas · Leo”');
  expect(view({ ...answered, kind: 'trigger_sent' }).outcome?.text).toBe('Its parent answered: “Gas · Leo”');
  const by = { userId: 'owner', via: 'owner' } as const;
  expect(view({ ...answered, by }).outcome?.text).toBe('You answered: “Gas · Leo”');
  expect(view({ ...answered, by: { userId: 'g', via: 'collab', name: 'Ann' } }).outcome?.text).toContain(
    'Ann, via link',
  );
  expect(view({ state: 'timed_out' }).outcome).toEqual({ tone: 'bad', text: 'Expired without an answer.' });
  expect(view({ state: 'open' })).toMatchObject({ open: true });
});

it('shows how far something that was sent has come, and why no further', () => {
  expect(view({ kind: 'message_sent', receipt: 'queued' }).receipt).toMatchObject({ stage: 'queued' });
  expect(view({ receipt: 'late' }).receipt).toEqual({ stage: 'refused', text: 'The answer was too late' });
  const error = { code: 'session_ended', message: 'This session is over.' };
  expect(view({ kind: 'spawn', receipt: 'failed', error }).receipt?.text).toBe('Not delivered: This session is over.');
});
