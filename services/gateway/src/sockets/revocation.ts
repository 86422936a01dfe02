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
  { userId, credential, share }: Principal,
  ownerOf: (sid: string) => string | undefined,
): boolean {
  const { kind, id } = revocation;
  if (kind === 'account_disabled') return userId === id || (share !== undefined && ownerOf(share.sid) === id);
  return credential.kind === CREDENTIAL[kind] && credential.id === id;
}
