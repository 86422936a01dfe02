import { expect, it } from 'vitest';
import { loginToken, pairCode, parseRoute } from './route.js';

it.each([
  ['/', '', { page: 'home' }],
  ['/s/abc', '', { page: 'session', sid: 'abc' }],
  ['/s/abc', '#e12', { page: 'session', sid: 'abc', seq: 12 }],
  ['/s/abc', '#share=x.y.z', { page: 'session', sid: 'abc' }],
  ['/s/a.b', '', { page: 'missing' }],
  ['/settings', '', { page: 'settings', section: 'account' }],
  ['/settings/', '', { page: 'settings', section: 'account' }],
  ['/settings/audit', '', { page: 'settings', section: 'audit' }],
  ['/settings/constructor', '', { page: 'missing' }],
  ['/pair', '', { page: 'pair', code: '' }],
  ['/pair', '#abcd-2345', { page: 'pair', code: 'ABCD-2345' }],
  ['/invite', '#Abc123', { page: 'invite', token: 'Abc123' }],
  ['/l', '#Ab-_c', { page: 'short', code: 'Ab-_c' }],
  ['/elsewhere', '', { page: 'missing' }],
])('%s%s is a page of its own', (path, hash, route) => {
  expect(parseRoute(path, hash)).toEqual(route);
});

it.each([
  ['', ''],
  ['ab', 'AB'],
  ['abcd', 'ABCD'],
  ['abcde', 'ABCD-E'],
  ['abcd-e', 'ABCD-E'],
  [' ab cd 23-45 ', 'ABCD-2345'],
  ['ABCD-2345-and-more', 'ABCD-2345'],
  ['<script>', 'SCRI-PT'],
])('the code typed as "%s" is shown as "%s"', (typed, shown) => {
  expect(pairCode(typed)).toBe(shown);
});

it('only a sign-in link holds the token of one', () => {
  expect(loginToken('#login=a%2Bb')).toBe('a+b');
  expect(loginToken('#share=abc')).toBeUndefined();
});
