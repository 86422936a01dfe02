import { expect, it } from 'vitest';
import { isSameSecret } from './sameSecret.js';

it.each([
  ['abc', 'abc', true],
  ['abc', 'abd', false],
  ['abc', 'ab', false],
  ['', '', true],
  ['', 'a', false],
  ['é', 'e', false],
])('the secrets %j and %j are compared whatever their lengths', (a, b, isSame) => {
  expect(isSameSecret(a, b)).toBe(isSame);
  expect(isSameSecret(Buffer.from(a), b)).toBe(isSame);
});
