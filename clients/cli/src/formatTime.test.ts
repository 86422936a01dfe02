import { expect, it } from 'vitest';
import { ago, expiry, left } from './formatTime.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

it('a past time is printed as its age', () => {
  expect([0, 59_999, MINUTE, HOUR - 1, 48 * HOUR].map(ago)).toEqual(['now', 'now', '1m', '59m', '2d']);
});

it('a duration is printed in its largest unit', () => {
  const lasts = [0, 1, 90 * MINUTE, 24 * HOUR, 24 * HOUR - 5, 30 * 24 * HOUR].map((at) => left(at, 0));
  expect(lasts).toEqual(['over', 'in 1m', 'in 90m', 'in 24h', 'in 24h', 'in 30d']);
  expect(expiry(2 * HOUR, 0)).toBe('1970-01-01 02:00 UTC (in 2h)');
});
