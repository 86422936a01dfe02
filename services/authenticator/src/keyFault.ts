import { OWNER_ID, type AccountRow, type KeyRow } from '@pizzapi/protocol';

/** Why a runner token is refused. */
export type KeyFault = 'unauthenticated' | 'account_disabled';

/**
 * Returns why a runner's key is refused now, or undefined when it is accepted. The key of the installation's owner may be
 * older than the account, which is created on first use.
 */
export function faultOf(key: KeyRow | undefined, account: AccountRow | undefined, now: number): KeyFault | undefined {
  if (key === undefined || key.kind !== 'runner' || (key.expiresAt ?? Infinity) <= now) return 'unauthenticated';
  if (account === undefined) return key.userId === OWNER_ID ? undefined : 'unauthenticated';
  return account.disabledAt === undefined ? undefined : 'account_disabled';
}
