import { expect, it } from 'vitest';
import { draftedSessions, oldestDrafts, promptDraftKey, promptDrafts } from './draftKeys.js';

const texts = new Map([
  ['s_1', 'old'],
  ['new.prompt', 'a new session'],
  [promptDraftKey('s_1', 'q.1', '10'), 'tenth'],
  [promptDraftKey('s_1', 'q.1', '2'), 'second'],
  [promptDraftKey('s_1', 'q2', 'text'), ' '],
  [promptDraftKey('s_10', 'q3', 'text'), 'of another session'],
  ['s_2', 'latest'],
  ['s_3', ' '],
]);

it('the sessions with an unsent message are listed with the latest first, and other forms are not among them', () => {
  expect(draftedSessions(texts)).toEqual(['s_2', 's_1']);
});

it('the fields of a prompt are one text in their order, and empty ones and other sessions are left out', () => {
  expect(promptDrafts(texts, 's_1')).toEqual([{ promptId: 'q.1', text: 'second\ntenth' }]);
});

it('the drafts that were not changed for longest are forgotten first', () => {
  expect(oldestDrafts(['a', 'b', 'c'], 2)).toEqual(['a']);
  expect(oldestDrafts(['a'], 2)).toEqual([]);
});
