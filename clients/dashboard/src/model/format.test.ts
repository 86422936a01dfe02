import { expect, it } from 'vitest';
import { ago, bytes, count, duration, folderName, left, modelName, since, tilde, usd } from './format.js';

it('says how long ago something was in as few letters as a list has room for', () => {
  const now = 1_700_000_000_000;
  const minutes = (n: number) => ago(now - n * 60_000, now);
  expect([minutes(0), minutes(5), minutes(125), minutes(60 * 50)]).toEqual(['now', '5m', '2h', '2d']);
  expect(ago(now + 5_000, now)).toBe('now');
});

it('says in a sentence how long ago something was, and how long there is left', () => {
  const now = 1_700_000_000_000;
  expect([0, 5, 125].map((minutes) => since(now - minutes * 60_000, now))).toEqual(['just now', '5m ago', '2h ago']);
  expect(since(now - 30 * 86_400_000, now)).not.toContain('ago');
  const rest = [0, 44_001, 12 * 60_000, 23.4 * 3_600_000, 29.9 * 86_400_000].map((ms) => left(now + ms, now));
  expect(rest).toEqual(['0 s', '45 s', '12 min', '23 h', '30 days']);
  expect(left(now - 1, now)).toBe('0 s');
});

it('writes durations, counts, sizes and money as people read them', () => {
  expect([400, 12_000, 185_000, 4_320_000].map(duration)).toEqual(['0.4s', '12s', '3m 05s', '1h 12m']);
  expect([840, 12_345, 1_000_000].map(count)).toEqual(['840', '12.3k', '1M']);
  expect([100, 12_288, 3_565_158].map(bytes)).toEqual(['100 B', '12 KB', '3.4 MB']);
  expect([0, 0.0123, 1.5].map(usd)).toEqual(['$0', '$0.0123', '$1.50']);
});

it('shortens paths and models to what people call them', () => {
  expect(folderName('/home/ada/code/')).toBe('code');
  expect(folderName('/')).toBe('/');
  expect(tilde('/home/ada/work')).toBe('~/work');
  expect(tilde('/homestead/x')).toBe('/homestead/x');
  expect(modelName('openrouter/meta/llama')).toBe('meta/llama');
});
