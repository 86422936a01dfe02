import { isId, type SessionRow } from '@pizzapi/protocol';
import type { Backbone } from './connection.js';
import { ownerOf } from './owners.js';
import { forgetRecentSession } from './recentSessions.js';
import { sessionMetaRows, sessionRows } from './tables.js';

/** Stands for the account in the key of a row whose session has no owner. */
export const UNOWNED = '_';
/** How long the bucket remembers that the row of a session was deleted, in ms. */
export const SESSION_ROW_MARKER_MS = 24 * 60 * 60_000;

/** The key of a session's row in the bucket `sessions`: with the account first, so that the rows of one account are read alone. */
export const sessionRowKey = (userId: string | undefined, sid: string): string => `${userId ?? UNOWNED}.${sid}`;

/** What all keys of the rows of an account begin with. */
export const sessionRowPrefix = (userId: string): string => `${userId}.`;

/** The account and the session of a key. Undefined for a key of another form; no account where the session has no owner. */
export function parseSessionRowKey(key: string): { userId: string | undefined; sid: string } | undefined {
  const [userId, sid, ...rest] = key.split('.');
  if (rest.length > 0 || !isId(userId) || !isId(sid)) return undefined;
  return { userId: userId === UNOWNED ? undefined : userId, sid };
}

/** Returns the row of a session, below its owner. Undefined while the projector has not written one. */
export async function readSessionRow(b: Backbone, sid: string): Promise<SessionRow | undefined> {
  const [rows, owner] = [sessionRows(b), await ownerOf(b, sid)];
  const found = await rows.get(sessionRowKey(owner?.userId, sid));
  // A row from before the session had an owner is replaced with the next event only.
  return (found ?? (owner && (await rows.get(sessionRowKey(undefined, sid)))))?.value;
}

/** Deletes what was projected of a session that is deleted: its rows, and its place among the recent sessions. */
export async function deleteSessionRows(b: Backbone, sid: string): Promise<void> {
  await deleteRowsBelow(b, (await ownerOf(b, sid))?.userId, sid);
}

/** The same of a session whose owner is known, or is not written down any more. */
export async function deleteRowsBelow(b: Backbone, userId: string | undefined, sid: string): Promise<void> {
  const [rows, marker] = [sessionRows(b), { markerMs: SESSION_ROW_MARKER_MS }];
  const unowned = sessionRowKey(undefined, sid);
  const isUnowned = userId !== undefined && (await rows.get(unowned)) !== undefined;
  await Promise.all([
    rows.delete(sessionRowKey(userId, sid), marker),
    isUnowned ? rows.delete(unowned, marker) : undefined,
    sessionMetaRows(b).delete(sid, marker),
    userId === undefined ? undefined : forgetRecentSession(b, userId, sid),
  ]);
}
