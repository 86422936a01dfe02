import { expect, it } from 'vitest';
import { aboutText, shownText } from './messageAbout.js';

const agent = { userId: 'ann', via: 'agent' } as const;

it.each([
  [
    { kind: 'trigger', trigger: 'ask_user_question', sessionId: 'k', name: 'Bake' },
    'Question from the child session “Bake”',
  ],
  [{ kind: 'trigger', trigger: 'session_complete', sessionId: 'k' }, 'Result from the child session “k”'],
  [{ kind: 'trigger', trigger: 'a new one', sessionId: 'k' }, 'Message from the child session “k”'],
  [{ kind: 'response', sessionId: 'p' }, 'Answer from the parent session “p”'],
  [{ kind: 'undelivered', sessionId: 'k', name: 'Bake' }, 'Not delivered to the session “Bake”'],
  [{ kind: 'answer' }, 'Answer to an earlier prompt'],
  [{ kind: 'message', sessionId: 'p' }, 'Message from the session “p”'],
  [undefined, 'Message from a linked session'],
] as const)('a text for the agent is named in words for people: %j is “%s”', (about, words) => {
  expect(aboutText(about)).toBe(words);
});

it('the current name of the other session is shown, and the text of a person as it is', () => {
  const about = { kind: 'trigger', trigger: 'plan_review', sessionId: 'k', name: 'Old' } as const;
  expect(aboutText(about, () => 'New')).toBe('Plan to review from the child session “New”');
  expect(shownText({ text: 'use respond_to_trigger', by: agent, about }, () => 'New')).not.toContain('trigger');
  expect(shownText({ text: 'hello', by: { userId: 'ann', via: 'owner' } })).toBe('hello');
});
