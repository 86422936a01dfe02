import type { ErasingRow } from '@pizzapi/protocol';
import type { Backbone } from '../connection.js';
import { erasingKey, erasingRows } from '../tables.js';
import { buryRow, erasedKey } from './tombstones.js';

/**
 * Writes that a session, or an account, is to be erased, and its tombstone. The authenticator that sweeps does the rest.
 * Returns the key of the row; undefined for a session that a host got since the epoch of the request. The row comes first: what
 * has a tombstone and no row would never be removed.
 */
export async function askErasure(
  admin: Backbone,
  { userId, sid }: { userId: string; sid?: string | undefined },
  asked: ErasingRow,
): Promise<string | undefined> {
  const key = erasingKey(userId, sid);
  await erasingRows(admin).create(key, asked);
  if (await buryRow(admin, sid ?? erasedKey(userId), asked.at, asked.epoch)) return key;
  await erasingRows(admin).delete(key);
  return undefined;
}
