import { expect, it } from 'vitest';
import { wayIn } from './wayIn.js';

it('the list of people says how each one signs in', () => {
  const identity = { issuer: 'https://id.acme.example/realms/a', confirmedAt: 1 };
  expect(wayIn({ identity, hasPassword: false })).toBe('signs in through id.acme.example');
  expect(wayIn({ hasPassword: true })).toBe('signs in with a password');
  expect(wayIn({ hasPassword: false })).toBe('signs in by link');
});
