import { expect, it } from 'vitest';
import { FONT, fontSizeIn, roughSize, scaledFontSize, terminalSizeIn } from './terminalSize.js';

it('the text of a terminal keeps its limits', () => {
  expect([fontSizeIn(1), fontSizeIn(13.2), fontSizeIn(90), fontSizeIn(Number.NaN)]).toEqual([6, 13, 28, FONT.usual]);
});

it('a terminal has a size that a host takes, in every window', () => {
  expect(terminalSizeIn({ cols: 0.4, rows: -3 })).toEqual({ cols: 2, rows: 1 });
  expect(terminalSizeIn({ cols: 9_000, rows: 9_000 })).toEqual({ cols: 1_000, rows: 500 });
  expect(roughSize(780, 400, 13)).toEqual({ cols: 100, rows: 23 });
});

it('the terminal of another viewer is shown smaller, as long as it can be read, and never larger', () => {
  const phone = { cols: 50, rows: 40 };
  expect(scaledFontSize(12, phone, { cols: 100, rows: 40 })).toBe(6);
  expect(scaledFontSize(12, phone, { cols: 60, rows: 40 })).toBe(10);
  expect(scaledFontSize(12, phone, { cols: 20, rows: 10 })).toBe(12);
  expect(scaledFontSize(12, phone, { cols: 500, rows: 10 })).toBe(FONT.min);
});
