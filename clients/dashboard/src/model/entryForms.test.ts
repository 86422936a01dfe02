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
] as const)('with %o the form is %s', (options, form, create) => {
  expect(firstForm(options)).toBe(form);
  expect(mayCreate(options)).toBe(create);
});
