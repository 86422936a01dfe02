import { expect, it } from 'vitest';
import { byDay } from './audit.js';

it('rows are grouped by day, in the order in which they came', () => {
  const noon = new Date(2026, 10, 21, 12).getTime();
  const rows = [noon, noon - 3_600_000, noon - 86_400_000].map((at, i) => ({ seq: 9 - i, kind: 'login', at }));
  expect(byDay(rows).map(({ rows: own }) => own.map(({ seq }) => seq))).toEqual([[9, 8], [7]]);
});
