import { expect, it } from 'vitest';
import { visible } from './visible.js';

const HOSTILE = '\u001b[31mred\u202e';

it('texts at any depth are cleaned, names in one line, and what goes back to a host stays as it is', () => {
  const session = { sessionId: HOSTILE, cwd: HOSTILE, name: `a\n${HOSTILE}\u200b`, notes: [{ text: `a\n${HOSTILE}` }] };
  expect(visible(session)).toEqual({ ...session, name: 'a red', notes: [{ text: 'a\nred' }] });
  const dialog = { title: HOSTILE, options: [HOSTILE], value: HOSTILE, output: HOSTILE };
  expect(visible(dialog)).toEqual({ ...dialog, title: 'red' });
});

it('an object with nothing to clean is returned itself, and the same object gives the same result', () => {
  const plain = { name: 'Pizza', list: [{ text: 'a' }], nothing: null, count: 1 };
  expect(visible(plain)).toBe(plain);
  const other = { text: HOSTILE };
  expect(visible(other)).toBe(visible(other));
});
