import type { MessageItem } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { announcementOf, type AnnouncedState } from './announcements.js';

const quiet: AnnouncedState = { isLoaded: true, isBusy: false, isEnded: false, asks: [] };
const busy = { ...quiet, isBusy: true };
const answer = (text: string, more: Partial<MessageItem> = {}): MessageItem => ({
  ...{ kind: 'message', id: 'a', seq: 1, at: 1, role: 'assistant', open: false, broken: false },
  blocks: [{ kind: 'text', text }],
  ...more,
});
const said = (before: AnnouncedState, now: AnnouncedState, ...items: MessageItem[]) =>
  announcementOf(before, now, () => items);

it('an answer is announced once, when it is complete, by its beginning', () => {
  expect(said(quiet, busy, answer('Half'))).toBe('The agent works.');
  expect(said(busy, busy, answer('Half an'))).toBeUndefined();
  expect(said(busy, quiet, answer('**Half** an answer'))).toBe('The agent answered: Half an answer');
  const long = said(busy, quiet, answer('word '.repeat(500)))!;
  expect(long.length).toBeLessThan(280);
  expect(long.endsWith('word …')).toBe(true);
});

it('a prompt is announced when it is new, and not for what was there when the page was opened', () => {
  const asks = { ...busy, asks: [{ id: 'p', title: 'Which oven?' }] };
  expect(said(busy, asks)).toBe('The agent asks: Which oven?');
  expect(said(asks, asks)).toBeUndefined();
  expect(said({ ...quiet, isLoaded: false }, asks)).toBeUndefined();
});

it('a stop and an error are announced as such', () => {
  expect(said(busy, quiet, answer('Ha', { stopReason: 'aborted' }))).toBe('The agent was stopped.');
  expect(said(busy, quiet, answer('', { error: 'No credit.' }))).toBe('The model reported an error. No credit.');
  expect(said(busy, { ...quiet, isEnded: true })).toBe('The session has ended.');
});
