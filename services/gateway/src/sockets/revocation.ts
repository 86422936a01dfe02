import type { Principal } from '../auth/principal.js';
import type { CredentialChange } from '../auth/credentialCache.js';
import type { ShareChange } from '../auth/shareStore.js';

/** Somebody may do less than before. */
export type Revocation = CredentialChange | ShareChange;

const CREDENTIAL = {
  login_ended: 'login',
  key_revoked: 'key',
  share_revoked: 'share',
  share_restricted: 'share',
} as const;

/** Whether a revocation is about this person. The links of an account rest with it: `ownerOf` says whose a session is. */
export function concerns(
  revocation: Revocation,
  { userId, credential, share, account }: Principal,
  ownerOf: (sid: string) => string | undefined,
): boolean {
  const { kind, id } = revocation;
  if (kind === 'account_disabled')
    return [userId, account?.userId].includes(id) || (share !== undefined && ownerOf(share.sid) === id);
  // A guest who is signed in has two: what the account was let in by, and the share.
  return [credential, account?.credential].some((one) => one?.kind === CREDENTIAL[kind] && one.id === id);
}
