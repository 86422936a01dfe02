import { expect, test } from 'vitest';
import { LeaderSilence } from './leaderSilence.js';

let now = 0;
const silenceAt = (time: number) => {
  now = time;
  return new LeaderSilence(
    () => now,
    () => 0,
  );
};

test('a connection leaves a server at which no leader has answered for 8 s, and then rests', () => {
  const silence = silenceAt(4_000);
  expect(silence.unanswered(0)).toBe(false);
  now = 7_900;
  expect(silence.unanswered(5_000)).toBe(false);
  now = 8_000;
  expect(silence.unanswered(5_000)).toBe(true);
  now = 30_000;
  expect(silence.unanswered(12_000)).toBe(false);
  now = 38_000;
  expect(silence.unanswered(33_000)).toBe(true);
});

test('an answer of a leader ends the silence', () => {
  const silence = silenceAt(7_000);
  expect(silence.unanswered(0)).toBe(false);
  silence.answered();
  now = 14_000;
  expect(silence.unanswered(9_000)).toBe(false);
});

test('a connection that moved and was answered leaves the next server that is cut off as soon', () => {
  const silence = silenceAt(8_000);
  expect(silence.unanswered(0)).toBe(true);
  silence.answered();
  now = 18_000;
  expect(silence.unanswered(10_000)).toBe(true);
});
