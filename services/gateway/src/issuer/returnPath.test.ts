import { expect, it } from 'vitest';
import { returnPath } from './returnPath.js';

it.each([
  ['/', '/'],
  ['/s/s_1#e12', '/s/s_1#e12'],
  ['/pair#k7qd-2mxv', '/pair#k7qd-2mxv'],
  ['/settings/keys?x=1', '/settings/keys?x=1'],
])('a path of the page is where a sign-in leads back to: %s', (given, path) => expect(returnPath(given)).toBe(path));

it.each([
  undefined,
  '',
  'https://evil.example/',
  '//evil.example',
  '/\\evil.example',
  '/\t/evil.example',
  '/%0d/..//evil.example',
  '/..//evil.example',
  '/a/..//evil.example',
  'javascript:alert(1)',
  '/auth/oidc/callback?code=1',
])('a sign-in never leads to another address: %j', (given) => {
  const path = returnPath(given);
  expect(new URL(path, 'https://page.example/').origin).toBe('https://page.example');
  expect(path).toMatch(/^\/(?!\/)/);
  expect(path).not.toContain('callback');
});
