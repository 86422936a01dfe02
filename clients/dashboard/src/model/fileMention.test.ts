import { expect, it } from 'vitest';
import { fileMentionAt, withFile } from './fileMention.js';

it('an @ at the beginning of a word begins the name of a file', () => {
  expect(fileMentionAt('see @src/ap', 11)).toEqual({ start: 4, end: 11, query: 'src/ap' });
  expect(fileMentionAt('@', 1)).toEqual({ start: 0, end: 1, query: '' });
  expect(fileMentionAt('(@a and', 3)).toEqual({ start: 1, end: 3, query: 'a' });
  expect(fileMentionAt('@"my no', 7)).toEqual({ start: 0, end: 7, query: 'my no' });
  for (const text of ['ada@example', 'done @a.ts ', '@"a b" ', 'plain', '@@a'.slice(0, 0)])
    expect(fileMentionAt(text, text.length)).toBeUndefined();
});

it('what was chosen takes the place of what was typed, and a folder stays open', () => {
  const mention = { start: 4, end: 7, query: 'sr' };
  expect(withFile('see @sr now', mention, { path: 'src/app.ts', isFolder: false })).toEqual({
    text: 'see @src/app.ts now',
    cursor: 15,
  });
  expect(withFile('see @sr', mention, { path: 'src', isFolder: true })).toEqual({ text: 'see @src/', cursor: 9 });
  expect(withFile('see @sr', mention, { path: 'a b.md', isFolder: false }).text).toBe('see @"a b.md" ');
});
