import { expect, it } from 'vitest';
import { hostPath, loginToken, pairCode, parseRoute } from './route.js';

const TERMINAL = 't_abcdefghijkl_r1';

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
  ['/hosts/r1', '', { page: 'host', rid: 'r1' }],
  ['/hosts/r1/terminals', '', { page: 'host', rid: 'r1', tab: 'terminals' }],
  [
    `/hosts/r1/terminals/${TERMINAL}`,
    '',
    { page: 'host', rid: 'r1', tab: 'terminals', target: { terminalId: TERMINAL } },
  ],
  [`/hosts/r2/terminals/${TERMINAL}`, '', { page: 'missing' }],
  ['/hosts/r1/terminals/a.b', '', { page: 'missing' }],
  ['/hosts/r1/files/t1', '', { page: 'missing' }],
  ['/hosts/r1/files', '', { page: 'host', rid: 'r1', tab: 'files' }],
  [
    '/hosts/r1/files',
    '#%2Fa%20b.ts:12',
    { page: 'host', rid: 'r1', tab: 'files', target: { path: '/a b.ts', line: 12 } },
  ],
  ['/hosts/r1/files', '#%E0%A4', { page: 'host', rid: 'r1', tab: 'files' }],
  ['/hosts/r1/secrets', '', { page: 'missing' }],
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

it('the address of a file, a terminal or a host leads back to it', () => {
  const file = { path: '/home/ada/a#b: 1%.ts', line: 7 };
  const [path, hash] = hostPath('r1', 'files', file).split('#');
  expect(parseRoute(path!, `#${hash}`)).toEqual({ page: 'host', rid: 'r1', tab: 'files', target: file });
  expect(hostPath('r1', 'terminals', { terminalId: TERMINAL })).toBe(`/hosts/r1/terminals/${TERMINAL}`);
  expect(hostPath('r1')).toBe('/hosts/r1');
});

it('only a sign-in link holds the token of one', () => {
  expect(loginToken('#login=a%2Bb')).toBe('a+b');
  expect(loginToken('#share=abc')).toBeUndefined();
});
