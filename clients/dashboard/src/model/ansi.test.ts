import { describe, expect, it } from 'vitest';
import { ansiRuns } from './ansi.js';

describe('terminal output', () => {
  const ESC = '\u001b';

  it('keeps colours as classes and drops every other sequence', () => {
    expect(ansiRuns(`a${ESC}[1;31mb${ESC}[22mc${ESC}[0m${ESC}[?25ld${ESC}]0;title\u0007e`)).toEqual([
      { text: 'a', style: '' },
      { text: 'b', style: 'a1 a31' },
      { text: 'c', style: 'a31' },
      { text: 'de', style: '' },
    ]);
  });

  it('shows what a line said last when it was written over', () => {
    expect(ansiRuns('10%\r50%\r100%\ndone\r\n').map(({ text }) => text)).toEqual(['100%\ndone\n']);
  });

  it.each([
    ['abcdef\rXY', 'XYcdef'],
    ['progress 10%\rprogress 9%', 'progress 9%%'],
    ['long line\rshort\u001b[K', 'short'],
    ['typo\b\bXX', 'tyXX'],
    ['bo\b\u001b[1mo\u001b[0md', 'bod'],
    ['a\u001bPdevice data\u001b\\b\u009b31mc\u009d0;title\u009cd', 'abcd'],
    ['\u0007bell\0 and \u202eturned', 'bell and turned'],
    ['abc\u001b[2Gx\u001b[1Dy', 'ayc'],
    ['abc\u001b[2Kd', '   d'],
  ])('shows %j as a terminal does', (output, shown) => {
    expect(
      ansiRuns(output)
        .map(({ text }) => text)
        .join(''),
    ).toBe(shown);
  });

  it('passes over colours beyond the sixteen without taking their numbers for styles', () => {
    expect(ansiRuns(`${ESC}[38;5;31mx`)).toEqual([{ text: 'x', style: '' }]);
  });

  const styleAfter = (...sequences: string[]) =>
    ansiRuns(sequences.map((codes) => `${ESC}[${codes}m`).join('') + 'x')[0]?.style;

  it('ends the underline, and no other style, at 4:0', () => {
    expect(styleAfter('1;4', '4:0')).toBe('a1');
  });

  it('shows every kind of underline as an underline', () => {
    expect(styleAfter('4:3')).toBe('a4');
    expect(styleAfter('4:5;31')).toBe('a4 a31');
  });

  it.each([
    '38:2::255:3:4',
    '38:2:255:3:4',
    '38:5:31',
    '38;2;1;3;4',
    '48:2::1:3:31',
    '48:5:3',
    '48;5;3',
    '48;2;1;3;4',
    '58:5:3',
    '58;5;3',
    '58:2::1:3:4',
  ])('does not take the numbers of the colour %s for styles', (colour) => {
    expect(styleAfter(colour)).toBe('');
    expect(styleAfter(`${colour};1`)).toBe('a1');
  });

  it('shows the sixteen named colours of the palette', () => {
    expect(styleAfter('38:5:1')).toBe('a31');
    expect(styleAfter('38;5;9')).toBe('a31');
  });

  it('ends a text colour at the next one, and keeps it at a background colour', () => {
    expect(styleAfter('31', '38;5;200')).toBe('');
    expect(styleAfter('31', '48;5;200')).toBe('a31');
  });

  it('does not take a keyboard setting for a style', () => {
    expect(styleAfter('>4;1')).toBe('');
  });
});
