import { expect, it } from 'vitest';
import { agoOrDate, bytes, count, duration, folderName, modelName, since, tilde, usd } from './format.js';

it('says how long ago something was in as few letters as a list has room for', () => {
  const now = 1_700_000_000_000;
  const minutes = (n: number) => agoOrDate(now - n * 60_000, now);
  expect([minutes(0), minutes(5), minutes(125), minutes(60 * 50)]).toEqual(['now', '5m', '2h', '2d']);
  expect(agoOrDate(now + 5_000, now)).toBe('now');
  expect(minutes(60 * 24 * 30)).not.toMatch(/d$/);
});

it('says in a sentence how long ago something was', () => {
  const now = 1_700_000_000_000;
  expect([0, 5, 125].map((minutes) => since(now - minutes * 60_000, now))).toEqual(['just now', '5m ago', '2h ago']);
  expect(since(now - 30 * 86_400_000, now)).not.toContain('ago');
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
