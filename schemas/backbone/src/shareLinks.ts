import type { GuestRef, LinkEnd, ShareMode } from '@pizzapi/protocol';
import type { Backbone } from './connection.js';
import { accountKey, accountRows, shareRows } from './tables.js';

/** What the link of a guest allows now. `over`: nothing that changes a session. */
export type ShareLinkState = { kind: 'alive'; mode: Exclude<ShareMode, 'read'> } | { kind: 'over'; why: LinkEnd };

const over = (why: LinkEnd): ShareLinkState => ({ kind: 'over', why });

/**
 * Reads what the link of a guest allows at `now`, in ms since epoch: the stored link says so, as at the gateway. A link
 * of another account than `userId`, or none, counts as revoked.
 */
export async function shareLinkStateOf(
  b: Backbone,
  { shareId, sessionId }: Pick<GuestRef, 'shareId' | 'sessionId'>,
  userId: string,
  now: number,
): Promise<ShareLinkState> {
  const [share, account] = await Promise.all([
    shareRows(b).get(`${sessionId}.${shareId}`),
    accountRows(b).get(accountKey(userId)),
  ]);
  const row = share?.value;
  if (row === undefined || row.userId !== userId || row.revokedAt !== undefined) return over('revoked');
  if (row.expiresAt <= now) return over('expired');
  if (account?.value.disabledAt !== undefined) return over('disabled');
  return row.mode === 'read' ? over('restricted') : { kind: 'alive', mode: row.mode };
}
