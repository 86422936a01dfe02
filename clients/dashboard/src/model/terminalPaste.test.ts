import { expect, it } from 'vitest';
import { inOneLine, lineCount, needsPasteQuestion, pastable } from './terminalPaste.js';

it('a pasted text cannot end its brackets or hold another sequence', () => {
  expect(pastable('a\x1b[201~\nrm -rf /\x9b31m\x00\x7f')).toBe('a[201~\nrm -rf /31m');
  expect(pastable('one\ttwo\r\nthree')).toBe('one\ttwo\r\nthree');
});

it('a paste with a line break into a shell without bracketed paste is asked about', () => {
  expect(needsPasteQuestion('ls\npwd', false)).toBe(true);
  expect(needsPasteQuestion('ls\r', false)).toBe(true);
  expect(needsPasteQuestion('ls\npwd', true)).toBe(false);
  expect(needsPasteQuestion('ls', false)).toBe(false);
});

it('the lines of a paste are counted without the break at its end, and can become one line', () => {
  expect([lineCount('ls\n'), lineCount('a\r\nb\rc\nd')]).toEqual([1, 4]);
  expect(inOneLine('  ls \n\n -l\r\n')).toBe('ls -l');
});
