import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ago, cutText, left, oneLine, shorten, tailOf, titleOf } from './text.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

it('one line has no line break and no control character, whatever the text', () => {
  expect(oneLine(' a\n\tb\u001b[2J  c\u009b ')).toBe('a b c');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}]|\s\s/u.test(oneLine(text))));
});

it('a shortened text has at most as many characters as allowed, and no half of one', () => {
  expect(shorten('short', 5)).toBe('short');
  expect(shorten('a longer text', 9)).toBe('a longer…');
  expect([...shorten('🍕'.repeat(1_000), 240)]).toHaveLength(240);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 9 }), (text, length) => {
      expect([...shorten(text, length)].length).toBeLessThanOrEqual(Math.max(2, length));
    }),
  );
});

it('a cut text splits no grapheme and no surrogate pair', () => {
  const family = '👨‍👩‍👧‍👦';
  expect(shorten(`ab${family}cd`, 6)).toBe('ab…');
  expect(cutText(`a${family}b`, family.length)).toBe('a');
  expect(cutText(`a${family}b`, family.length + 1)).toBe(`a${family}`);
  expect(cutText('🍕🍕', 3)).toBe('🍕');
  expect(tailOf('🍕🍕', 3)).toBe('🍕');
  expect(cutText(`e${'\u0301'.repeat(1_000)}`, 500)).toHaveLength(500);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (text, length) => {
      for (const cut of [cutText(text, length), tailOf(text, length)]) {
        expect(cut.length).toBeLessThanOrEqual(length);
        expect(new TextDecoder().decode(new TextEncoder().encode(cut))).toBe(cut);
      }
    }),
  );
});

it('a session is called by its name, else by its first prompt', () => {
  expect(titleOf({ name: 'Pizza', firstPrompt: 'Bake' })).toBe('Pizza');
  expect(titleOf({ name: '\u200b\u202e', firstPrompt: '\u001b[1mBake' })).toBe('Bake');
  expect(titleOf({ name: '', firstPrompt: 'Bake' })).toBe('Bake');
  expect([titleOf({ name: '' }), titleOf(undefined, 'A session')]).toEqual(['New session', 'A session']);
});

it('the time since is counted in minutes, hours or days', () => {
  const past = [-5_000, 0, 59_999, MINUTE, 125 * MINUTE, HOUR - 1, 48 * HOUR].map((ms) => ago(0, ms));
  expect(past).toEqual(['now', 'now', 'now', '1m', '2h', '59m', '2d']);
});

it('the time left is counted in one unit', () => {
  const rest = [-1, 0, 44_001, 12 * MINUTE, 23.4 * HOUR, 29.9 * 24 * HOUR].map((ms) => left(ms, 0));
  expect(rest).toEqual(['0 s', '0 s', '45 s', '12 min', '23 h', '30 days']);
});
