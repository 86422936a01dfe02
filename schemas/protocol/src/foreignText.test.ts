import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isolatedLine, visibleLine, visibleText } from './foreignText.js';

it.each([
  ['\u001b[31mred\u001b[0m and \u009b1mbold\u009b0m', 'red and bold'],
  ['a\u001b]0;a title\u0007b\u001b]8;;https://x\u001b\\c\u009d2;t\u009cd', 'abcd'],
  ['a\u001bPdevice\u001b\\b\u001b_program\u001b\\c\u0090x\u009cd', 'abcd'],
  ['half a sequence \u001b[3', 'half a sequence '],
  ['bo\bold, N\bNA\bAM\bME', 'bold, NAME'],
  ['bell\u0007, null\0, delete\u007f, \u0084C1', 'bell, null, delete, C1'],
  ['user\u202egnp.exe and \u2067isolated\u2069', 'usergnp.exe and isolated'],
  ['one\r\ntwo\rthree\u2028four\tand a tab', 'one\ntwo\nthree\nfour\tand a tab'],
  ['half a character \ud83c', 'half a character \ufffd'],
])('%j is shown as %j', (text, shown) => {
  expect(visibleText(text)).toBe(shown);
});

it('a text of letters, emoji and scripts of all directions stays as it is', () => {
  for (const text of ['Pizza 🍕 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'שלום, عالم', 'می‌خواهم', 'naïve\u0301 [31m] a->b', 'ok\n\n\tcode'])
    expect(visibleText(text)).toBe(text);
});

it.each([
  ['\u200b\u2060\ufeff', ''],
  ['\u200d\u200e \ufe0f', ''],
  ['Ad\u200ba\u00ad\u{e0041}', 'Ada'],
  [' a \n\tb\u2028c ', 'a b c'],
  ['\u001b[31m\u001b[0m', ''],
  ['👩‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿', '👩‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
])('the name %j is shown as %j', (name, shown) => {
  expect(visibleLine(name)).toBe(shown);
});

it('no text keeps a control character or changes the direction, and cleaning twice is cleaning once', () => {
  const hostile = fc.constantFrom(
    '\u001b',
    '[',
    ']',
    'P',
    '\\',
    '\b',
    '\r',
    '\u202e',
    '\u2067',
    '\u009b',
    '3',
    'm',
    'א',
  );
  const unit = fc.oneof(hostile, fc.string({ unit: 'binary', maxLength: 3 }));
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 30 }), (parts) => {
      const text = visibleText(parts.join(''));
      expect(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u.test(text)).toBe(false);
      expect(visibleText(text)).toBe(text);
      expect(visibleLine(parts.join(''))).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]|\s\s/u);
    }),
  );
});

it('a name from right to left is isolated where there is no markup, and another one is not', () => {
  expect(isolatedLine('\u202eשלום')).toBe('\u2068שלום\u2069');
  expect(isolatedLine('Pizza\u202e')).toBe('Pizza');
});
