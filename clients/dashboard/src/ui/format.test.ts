import { expect, it } from 'vitest';
import { fit } from '../state/attachments.js';
import { loginToken, parseRoute } from '../state/route.js';
import { ago, bytes, count, duration, folderName, modelName, tilde, usd } from './format.js';

it('says how long ago something was in as few letters as a list has room for', () => {
  const now = 1_700_000_000_000;
  const minutes = (n: number) => ago(now - n * 60_000, now);
  expect([minutes(0), minutes(5), minutes(125), minutes(60 * 50)]).toEqual(['now', '5m', '2h', '2d']);
  expect(ago(now + 5_000, now)).toBe('now');
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

it('reads addresses: the list, a session, an event in it, and nothing else', () => {
  expect(parseRoute('/', '')).toEqual({ page: 'home' });
  expect(parseRoute('/s/abc_1', '')).toEqual({ page: 'session', sid: 'abc_1' });
  expect(parseRoute('/s/abc', '#e42')).toEqual({ page: 'session', sid: 'abc', seq: 42 });
  expect(parseRoute('/s/a.b', '')).toEqual({ page: 'missing' });
  expect(parseRoute('/else', '')).toEqual({ page: 'missing' });
  expect(loginToken('#login=a.b%2Bc')).toBe('a.b+c');
  expect(loginToken('#e3')).toBeUndefined();
});

it('scales an image down to what a model looks at, and never up', () => {
  expect(fit(4_000, 1_000)).toEqual({ width: 2_000, height: 500 });
  expect(fit(300, 200)).toEqual({ width: 300, height: 200 });
  expect(fit(90_000, 1)).toEqual({ width: 2_000, height: 1 });
});
