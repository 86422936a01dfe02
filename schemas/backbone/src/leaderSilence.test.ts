import { expect, test } from 'vitest';
import { LeaderSilence } from './leaderSilence.js';

test('a connection leaves a server at which no leader has answered for longer than an election takes, and then rests', () => {
  let now = 0;
  const silence = new LeaderSilence(
    () => now,
    () => 0,
  );
  now = 5_000;
  expect(silence.unanswered(0)).toBe(false);
  now = 10_000;
  expect(silence.unanswered(5_000)).toBe(false);
  now = 12_000;
  expect(silence.unanswered(7_000)).toBe(true);
  now = 30_000;
  expect(silence.unanswered(12_000)).toBe(false);
  now = 42_000;
  expect(silence.unanswered(37_000)).toBe(true);
});

test('an answer of a leader ends the silence', () => {
  let now = 10_000;
  const silence = new LeaderSilence(() => now);
  expect(silence.unanswered(0)).toBe(false);
  silence.answered();
  now = 20_000;
  expect(silence.unanswered(15_000)).toBe(false);
});
