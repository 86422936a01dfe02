import type { AuthOptions } from '@pizzapi/protocol';

export type EntryForm = 'sign_in' | 'sign_up' | 'link';

/** What a page shows to somebody who is not signed in: the first account's form, the sign-in, or the link alone. */
export function firstForm({ signup, accounts, issuer }: AuthOptions): EntryForm {
  if (accounts) return 'sign_in';
  // The button of the issuer stands above the note on links.
  if (issuer !== undefined) return 'link';
  return signup === 'closed' ? 'link' : 'sign_up';
}

/** Whether there is a way to an account beside signing in to one. */
export function mayCreate({ signup, accounts }: AuthOptions): boolean {
  return signup === 'open' || (signup === 'first' && !accounts);
}
