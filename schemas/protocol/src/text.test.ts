import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isolated, visibleText } from './foreignText.js';
import { terminalText } from './terminalText.js';
import { ago, cutText, left, oneLine, shorten, tailOf, titleOf } from './text.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

it('one line has no line break and no control character, whatever the text', () => {
  expect(oneLine(' a\n\tb\u001b[2J  c\u009b ')).toBe('a b c');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !/[\p{Cc}]|\s\s/u.test(oneLine(text))));
});

it.each([
  ['colours', '\x1b[31mred\x1b[0m', 'red'],
  ['colours as C1', '\x9b31mred\x9bm', 'red'],
  ['a title', '\x1b]0;owned\x07name', 'name'],
  ['the clipboard, ended by ST', 'a\x1b]52;c;eA==\x1b\\b', 'ab'],
  ['a device control string', 'a\x1bPq#0;2;0;0;0\x1b\\b', 'ab'],
  ['a device control string as C1', 'a\x90q#0\x9cb', 'ab'],
  ['a string that is cut off', 'a\x1b]0;never ended\nb', 'a\nb'],
  ['a short sequence', 'a\x1b(Bb\x1b7c', 'abc'],
  ['a lone escape', 'a\x1b', 'a'],
  ['an override of the direction', 'invoice\u202efdp.exe', 'invoicefdp.exe'],
  ['an isolate of the direction', '\u2067abc\u2069', 'abc'],
  ['separators of lines', 'a\u2028b\u2029c\u0085d\re', 'a\nb\nc\nd\ne'],
  ['invisible characters', '\ufeffa\u200bd\u2060m\u00adin\u3164', 'admin'],
  ['joiners without neighbours', '\u200da \u200c\u200c b\u200d', 'a  b'],
  ['joiners of emojis and letters', '👩\u200d🍳 نمی\u200cخواهم', '👩\u200d🍳 نمی\u200cخواهم'],
  ['a half character', 'a\ud83c b', 'a\ufffd b'],
  ['backspaces of a name', 'evil\b\b\b\bgood', 'good'],
])('clean text has nothing left of %s', (_what, text, expected) => {
  expect(visibleText(text)).toBe(expected);
});

it('clean text is safe and stays as it is when it is cleaned again, whatever the text', () => {
  const nasty = fc.constantFrom('\x1b', '[', '\x9b', ']', 'P', '\x07', '\\', '\u202e', '\u200d', '\r', '\b', 'a', '🍕');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(nasty).map((parts) => parts.join('')),
      ),
      (text) => {
        for (const clean of [visibleText(text), terminalText(text)]) {
          expect(clean).not.toMatch(/(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u2069\u2028\u2029]/u);
          expect(visibleText(clean)).toBe(clean);
        }
      },
    ),
  );
});

it.each([
  ['a part of a line that is written over', 'Downloading 10%\rDone', 'Doneloading 10%'],
  ['a line that is cleared and written again', '10%\r\x1b[K20%\r\x1b[Kdone', 'done'],
  ['backspaces', 'abc\b\bX', 'aXc'],
  ['bold by overstriking', 'N\bNA\bAM\bME\bE', 'NAME'],
  ['moves within the line', 'abcdef\x1b[4DX\x1b[1GY', 'YbXdef'],
  ['a Windows line break', 'a\r\nb', 'a\nb'],
  ['colours around a returned line', '\x1b[32m1/2\x1b[0m\r\x1b[32m2/2\x1b[0m\n', '2/2\n'],
])('the text of a terminal resolves %s', (_what, output, expected) => {
  expect(terminalText(output)).toBe(expected);
});

it('a text from right to left is isolated, another one is not', () => {
  expect(isolated('שלום')).toBe('\u2068שלום\u2069');
  expect(isolated('Pizza')).toBe('Pizza');
});

it('a name without a visible character is no name', () => {
  expect(titleOf({ name: '\u200b\u2060', firstPrompt: '\x1b[1mBake\x1b[0m' })).toBe('Bake');
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
