import { bucket, type Backbone } from '@pizzapi/backbone';
import {
  isAccountRow,
  isDeletedRow,
  isKeyRow,
  isRunnerOwnerRow,
  OWNER_ID,
  type AccountRow,
  type DeletedRow,
  type KeyRow,
  type RunnerOwnerRow,
} from '@pizzapi/protocol';

/** Of several authenticators one gets each question. */
export const QUEUE = 'authenticators';

/** The buckets that say who somebody is and whose a thing is. */
export const keyRows = (b: Backbone) => bucket<KeyRow>(b, 'api-keys', { check: isKeyRow });
export const accountRows = (b: Backbone) => bucket<AccountRow>(b, 'accounts', { check: isAccountRow });
export const runnerRows = (b: Backbone) => bucket<RunnerOwnerRow>(b, 'owners', { check: isRunnerOwnerRow });
/** Sessions whose blobs are to be removed, keys `deleted.<userId>.<sid>`. */
export const deletedRows = (b: Backbone) => bucket<DeletedRow>(b, 'usage', { check: isDeletedRow });

export const accountKey = (userId: string): string => `user.${userId}`;
export const deletedKey = (userId: string, sid: string): string => `deleted.${userId}.${sid}`;
export const runnerKey = (rid: string): string => `runner.${rid}`;

/** Why a runner token does not open anything. */
export type KeyFault = 'unauthenticated' | 'account_disabled';

/** What is wrong with a runner's key now, if anything. The owner's account is made on first use, its key may be older. */
export function faultOf(key: KeyRow | undefined, account: AccountRow | undefined, now: number): KeyFault | undefined {
  if (key === undefined || key.kind !== 'runner' || (key.expiresAt ?? Infinity) <= now) return 'unauthenticated';
  if (account === undefined) return key.userId === OWNER_ID ? undefined : 'unauthenticated';
  return account.disabledAt === undefined ? undefined : 'account_disabled';
}
