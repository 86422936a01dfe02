import { expect, it } from 'vitest';
import { displayWidth, padToWidth } from './displayWidth.js';
import { tableRows } from './table.js';

it.each([
  ['Pizza', 5],
  ['ピザ', 4],
  ['피자', 4],
  ['Crème brûlée', 12],
  ['e\u0301', 1],
  ['🍕', 2],
  ['👩\u200d🍳', 2],
  ['🇮🇹', 2],
  ['❤\ufe0f', 2],
  ['©', 1],
  ['a\u200bb', 2],
])('%s takes %i columns', (text, width) => {
  expect(displayWidth(text)).toBe(width);
  expect(displayWidth(padToWidth(text, 20))).toBe(20);
});

it('the columns of a table are aligned whatever its names are written in', () => {
  const columns = [
    { title: 'NAME', widest: 20 },
    { title: 'STATE', widest: 20 },
  ];
  const rows = tableRows(
    columns,
    [
      ['ピザ 🍕', 'idle'],
      ['Pizza', 'working'],
    ],
    { colour: false },
  );
  const starts = rows.map((row) => displayWidth(/^.* {2}(?=\S)/u.exec(row)![0]));
  expect(rows).toHaveLength(3);
  expect(new Set(starts).size).toBe(1);
});
