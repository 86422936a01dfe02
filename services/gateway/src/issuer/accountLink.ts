import type { ApiKeys } from '../accounts/keys.js';
import type { Logins } from '../accounts/logins.js';
import type { NotificationStore } from '../notifications/store.js';
import type { PersonClaims } from './claims.js';
import type { AccountWithIdentity, Identities } from './identities.js';

export interface AccountLinkDeps {
  identities: Pick<Identities, 'link'>;
  logins: Pick<Logins, 'listOf' | 'end' | 'endAll'>;
  keys: Pick<ApiKeys, 'listOf' | 'revoke'>;
  notifications: Pick<NotificationStore, 'clear'>;
}

/**
 * Gives an account to a person of the issuer, and ends all that could use it before. It ends that first: a failure leaves the
 * account without the identity, so that the next attempt ends it again. And once more after the link, for what was made
 * meanwhile: from the link on, no password opens the account. Each later sign-in ends what is older than the link. Undefined
 * when the account has got another identity meanwhile.
 */
export async function linkAccount(
  deps: AccountLinkDeps,
  userId: string,
  claims: PersonClaims,
): Promise<AccountWithIdentity | undefined> {
  await endAccess(deps, userId);
  const linked = await deps.identities.link(userId, claims);
  if (linked?.userId === userId) await endAccess(deps, userId);
  return linked;
}

/** Ends what is older than the link of an account: what was made while it was linked, when ending that has failed. */
export async function endOlderAccess(
  { logins, keys }: Pick<AccountLinkDeps, 'logins' | 'keys'>,
  { userId, identity: { linkedAt = 0 } }: AccountWithIdentity,
): Promise<void> {
  const isOlder = ({ createdAt }: { createdAt: number }): boolean => createdAt < linkedAt;
  for (const { id } of logins.listOf(userId, '').filter(isOlder)) await logins.end(userId, id);
  for (const { id } of keys.listOf(userId).filter(isOlder)) await keys.revoke(userId, id);
}

async function endAccess({ logins, keys, notifications }: AccountLinkDeps, userId: string): Promise<void> {
  await logins.endAll(userId);
  await Promise.all(keys.listOf(userId).map(({ id }) => keys.revoke(userId, id)));
  await notifications.clear(userId);
}
