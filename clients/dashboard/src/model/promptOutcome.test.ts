import { errorInfo, type Author } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import type { Viewpoint } from './author.js';
import { answerText, settledText, type Resolution } from './promptOutcome.js';

const reader: Viewpoint = { isGuest: false, userId: 'owner' };
const ann: Author = { userId: 'guest_1', via: 'collab', name: 'Ann' };
const me: Author = { userId: 'owner', via: 'owner', name: 'Ada' };
const system: Author = { userId: 'system', via: 'system' };
const late = { kind: 'refused', error: errorInfo('dialog_late') } as const;
const text = (resolution: Resolution | undefined, given?: Parameters<typeof settledText>[1]) =>
  settledText(resolution, given, reader).text;

it('says that an answer was delivered, and by whom another was given', () => {
  expect(text({ outcome: 'answered', by: me }, { kind: 'delivered', value: 'Gas' })).toBe('Delivered: “Gas”.');
  expect(text(undefined, { kind: 'delivered', value: undefined })).toBe('Closed without an answer.');
  expect(text({ outcome: 'answered', by: ann, value: ['Gas', 'Leo'] })).toBe('Ann answered: “Gas · Leo”.');
  expect(text({ outcome: 'answered', by: me, value: 'approve' })).toBe('You answered on another screen: “approved”.');
});

it('says who was faster than an answer that came too late', () => {
  expect(text({ outcome: 'answered', by: ann }, late)).toBe('Too late: Ann already answered.');
  expect(text({ outcome: 'answered', by: { ...me, via: 'terminal' } }, late)).toBe(
    'Too late: you already answered in a terminal.',
  );
  expect(text({ outcome: 'timed_out', by: system }, late)).toBe('Too late: it had expired.');
  expect(text({ outcome: 'settled', by: system }, late)).toBe('Too late: the agent no longer waits for an answer.');
  expect(text(undefined, { kind: 'refused', error: errorInfo('command_expired') })).toMatch(/^Not delivered: /);
});

it('says when nobody answered, and when the agent gave up waiting', () => {
  expect(settledText({ outcome: 'timed_out', by: system }, undefined, reader)).toEqual({
    tone: 'bad',
    text: 'Expired without an answer.',
  });
  expect(text({ outcome: 'cancelled', by: ann })).toBe('Ann closed it without an answer.');
  expect(text({ outcome: 'cancelled', by: system })).toContain('no longer waits for an answer');
  expect(text(undefined)).toContain('no longer waits for an answer');
});

it('puts answers of every shape into words', () => {
  expect(
    [true, ['a', 'b'], 'folder', 'Gas', { action: 'edit', text: 'x' }, { action: 'deny', reason: 'no' }].map(
      answerText,
    ),
  ).toEqual(['Yes', 'a · b', 'allowed in this folder', 'Gas', 'approved with edits', 'denied: no']);
});
