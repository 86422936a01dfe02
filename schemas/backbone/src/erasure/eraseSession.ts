import { createHash } from 'node:crypto';
import { CodedError, ERASED_ID, notificationKeys, subjects } from '@pizzapi/protocol';
import { BlobRemoval } from '../blobRemoval.js';
import type { BlobPlace } from '../blobStore.js';
import { internals, type Backbone } from '../connection.js';
import { purgeSession } from '../provision.js';
import { publishRunnerEvent } from '../publish.js';
import { deleteRowsBelow, sessionRowKey, SESSION_ROW_MARKER_MS } from '../sessionRow.js';
import { COMMANDS_STREAM, RUNNERS_STREAM } from '../streams.js';
import {
  blobRows,
  deletedKey,
  deletedRows,
  notificationPrefsRows,
  RUNNER_OWNER_PREFIX,
  runnerOwnerRows,
  runnerRows,
  sessionRows,
  shareRows,
  usageRows,
} from '../tables.js';
import { concernsSession, decoded, messagesOn, removeMessages } from './messageRemoval.js';

/** How many of each kind were removed. */
export type Removed = Record<string, number>;

/** How long the buckets remember that a row was deleted, in ms: longer than a watch needs to list all rows again. */
const MARKER_MS = 60 * 60_000;

export interface EraseSessionOptions {
  /** The account is erased too, with all commands and events of its runners: they are not looked through here. */
  withAccount?: boolean;
}

/** Adds counts, and leaves out zeros. Pure. */
export function addRemoved(one: Removed, other: Removed): Removed {
  const sum = { ...one };
  for (const [what, count] of Object.entries(other)) if (count > 0) sum[what] = (sum[what] ?? 0) + count;
  return sum;
}

/** The SHA-256 of ids, which shows that a row is about them and names none of them. */
export const hashOfIds = (ids: Iterable<string>): string =>
  createHash('sha256')
    .update([...ids].sort().join('\n'))
    .digest('hex');

/**
 * Removes all that is stored of a session: its log, rows, share links, files, counters, and what waits for it. Repeating it
 * is safe. Throws `unavailable` while a part cannot be removed. Needs the provisioner's login, and the tombstone of the
 * session: without it a host could go on with the session.
 */
export async function eraseSession(
  admin: Backbone,
  { userId, sid }: BlobPlace,
  { withAccount = false }: EraseSessionOptions = {},
): Promise<Removed> {
  const events = await purgeSession(admin, sid);
  const messages = withAccount ? {} : await eraseMessagesOf(admin, userId, (named) => named === sid);
  const shares = await eraseShares(admin, userId, sid);
  const { files, bytes } = await eraseFiles(admin, { userId, sid });
  const rows = await countRows(admin, userId, sid);
  await deleteRowsBelow(admin, userId, sid);
  await sessionRows(admin).delete(sessionRowKey(ERASED_ID, sid), { markerMs: SESSION_ROW_MARKER_MS });
  await unmute(admin, userId, sid);
  await Promise.all([
    usageRows(admin).delete(`session.${userId}.${sid}`, { markerMs: MARKER_MS }),
    deletedRows(admin).delete(deletedKey(userId, sid), { markerMs: MARKER_MS }),
  ]);
  return addRemoved({}, { events, ...messages, shares, files, bytes, rows });
}

async function countRows(admin: Backbone, userId: string, sid: string): Promise<number> {
  const found = await sessionRows(admin).getMany([userId, undefined, ERASED_ID].map((id) => sessionRowKey(id, sid)));
  return found.size;
}

/** Removes the commands and the events of the account's runners that are about erased sessions. */
async function eraseMessagesOf(
  admin: Backbone,
  userId: string,
  isErased: (sid: string) => boolean,
): Promise<{ commands: number; runnerEvents: number }> {
  const matches = (value: Record<string, unknown>): boolean => concernsSession(value, isErased);
  const removed = { commands: 0, runnerEvents: 0 };
  for (const rid of await runnersOf(admin, userId)) {
    const [commands, runnerEvents] = [subjects.runnerCommands(rid), subjects.runnerEvents(rid)];
    // First: without the events it is not known any more which folders are only theirs.
    await forgetFolders(admin, rid, isErased);
    removed.commands += await removeMessages(internals(admin), { stream: COMMANDS_STREAM, subject: commands, matches });
    removed.runnerEvents += await removeMessages(internals(admin), {
      ...{ stream: RUNNERS_STREAM, subject: runnerEvents, matches },
    });
  }
  return removed;
}

/** Takes the folders that only erased sessions were in from the list of recently used folders of a runner. */
async function forgetFolders(admin: Backbone, rid: string, isErased: (sid: string) => boolean): Promise<void> {
  const [erased, kept] = [new Set<unknown>(), new Set<unknown>()];
  for await (const { payload } of messagesOn(internals(admin), RUNNERS_STREAM, subjects.runnerEvents(rid))) {
    const event = decoded(payload);
    if (event?.['type'] !== 'session_opened') continue;
    (concernsSession(event, isErased) ? erased : kept).add(event['cwd']);
  }
  const before = (await runnerRows(admin).get(rid))?.value.info.recentFolders ?? [];
  const folders = before.filter((folder) => kept.has(folder) || !erased.has(folder));
  if (folders.length === before.length) return;
  const told = await publishRunnerEvent(admin, rid, { type: 'recent_folders_changed', at: Date.now(), folders });
  if (told.kind === 'unavailable') throw new CodedError('unavailable', 'The folders of a runner were not changed');
}

/** The runners of an account, those that it forgot too. */
export async function runnersOf(b: Backbone, userId: string): Promise<string[]> {
  const rows = await runnerOwnerRows(b).all(RUNNER_OWNER_PREFIX);
  return [...rows.values()].filter((row) => row.userId === userId).map(({ runnerId }) => runnerId);
}

async function eraseShares(admin: Backbone, userId: string, sid: string): Promise<number> {
  const rows = shareRows(admin);
  const keys = await rows.keys(`${sid}.`);
  for (const key of keys) {
    await rows.delete(key, { markerMs: MARKER_MS });
    await usageRows(admin).delete(`link.${userId}.${key.slice(sid.length + 1)}`, { markerMs: MARKER_MS });
  }
  return keys.length;
}

async function eraseFiles(admin: Backbone, { userId, sid }: BlobPlace): Promise<{ files: number; bytes: number }> {
  const removal = new BlobRemoval(admin);
  const rows = await blobRows(admin).all(`${userId}.${sid}.`);
  const removed = { files: 0, bytes: 0 };
  for (const [key, { size }] of rows) {
    const outcome = await removal.remove(key);
    if (outcome === 'in_use') throw new CodedError('unavailable', `A file of the session ${sid} is being stored`);
    if (outcome === 'gone') continue;
    removed.files++;
    removed.bytes += size;
  }
  return removed;
}

async function unmute(admin: Backbone, userId: string, sid: string): Promise<void> {
  const rows = notificationPrefsRows(admin);
  const key = notificationKeys.prefs(userId);
  for (;;) {
    const found = await rows.get(key);
    if (found === undefined || !found.value.muted.includes(sid)) return;
    const muted = found.value.muted.filter((other) => other !== sid);
    if ((await rows.update(key, { ...found.value, muted }, found.revision)).kind === 'stored') return;
  }
}

/**
 * Whether anything of an erased session is in the log, in the lists or among the events of its runners again: a message that was
 * on its way, or that waited on a host.
 */
export async function hasTraces(admin: Backbone, { userId, sid }: BlobPlace): Promise<boolean> {
  if ((await countRows(admin, userId, sid)) > 0) return true;
  if ((await purgeSession(admin, sid)) > 0) return true;
  const isErased = (named: string): boolean => named === sid;
  for (const rid of await runnersOf(admin, userId))
    for await (const { payload } of messagesOn(internals(admin), RUNNERS_STREAM, subjects.runnerEvents(rid)))
      if (concernsSession(decoded(payload) ?? {}, isErased)) return true;
  return false;
}
