import { expect, it } from 'vitest';
import { firstForm, mayCreate } from './entryForms.js';

it.each([
  // The first account is still to be had: nothing else can be done.
  [{ signup: 'first', accounts: false }, 'sign_up', true],
  // Everybody may have one; once there are some, most people come to sign in.
  [{ signup: 'open', accounts: false }, 'sign_up', true],
  [{ signup: 'open', accounts: true }, 'sign_in', true],
  [{ signup: 'closed', accounts: true }, 'sign_in', false],
  // A run on the person's own machine: a link is all there is.
  [{ signup: 'closed', accounts: false }, 'link', false],
  [{ signup: 'closed', accounts: true, issuer: { name: 'Acme', available: true } }, 'sign_in', false],
  [{ signup: 'closed', accounts: false, issuer: { name: 'Acme', available: true } }, 'link', false],
  // A stranger must not take the button of the issuer for the way to the account of the admin.
  [{ signup: 'first', accounts: false, issuer: { name: 'Acme', available: true } }, 'link', true],
] as const)('with %o the form is %s', (options, form, create) => {
  expect(firstForm(options)).toBe(form);
  expect(mayCreate(options)).toBe(create);
});
