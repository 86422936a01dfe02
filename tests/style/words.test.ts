import { describe, expect, it } from 'vitest';
import { addCounts, countDenied, proseOf, risen } from './words.mjs';

describe('the check of words', () => {
  it('counts whole words and phrases, also across a line break of a comment', () => {
    expect(countDenied('Nobody knows whoever goes\n * on. A storybook is none.')).toEqual({
      nobody: 1,
      whoever: 1,
      'goes on': 1,
      'is none': 1,
    });
  });

  it('reads the prose of a document, and not its code and the addresses of its links', () => {
    const text = ['Use `nobody` here.', '```', 'whoever', '```', 'See [a page](story.md), says somebody.'].join('\n');
    expect(countDenied(proseOf(text))).toEqual({ somebody: 1 });
  });

  it('fails when a count rises, and not when it falls', () => {
    const counts = addCounts({ nobody: 1 }, { nobody: 1, story: 1 });
    expect(risen({ nobody: 2, story: 3 }, counts)).toEqual([]);
    expect(risen({ nobody: 1 }, counts)).toEqual([
      '"nobody" occurs 2 times; 1 are allowed',
      '"story" occurs 1 times; 0 are allowed',
    ]);
  });
});
