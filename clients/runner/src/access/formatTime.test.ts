import { expect, it } from 'vitest';
import { expiry, timeLeft } from './formatTime.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

it('the time left is one unit, or says that it expired', () => {
  const lasts = [0, 1, 90 * MINUTE, 24 * HOUR, 24 * HOUR - 5, 30 * 24 * HOUR].map((at) => timeLeft(at, 0));
  expect(lasts).toEqual(['expired', 'in 1 s', 'in 90 min', 'in 24 h', 'in 24 h', 'in 30 days']);
  expect(expiry(2 * HOUR, 0)).toBe('1970-01-01 02:00 UTC (in 2 h)');
});
