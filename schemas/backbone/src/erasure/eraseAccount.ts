import { notificationKeys, subjects, type AccountRow } from '@pizzapi/protocol';
import type { Bucket } from '../bucket.js';
import { internals, type Backbone } from '../connection.js';
import { AUDIT_STREAM, bucketStream, COMMANDS_STREAM, keySubject, RUNNERS_STREAM } from '../streams.js';
import {
  accountKey,
  accountRows,
  emailRows,
  handoverRows,
  IDENTITY_PREFIX,
  identityRows,
  INVITATION_PREFIX,
  invitationRows,
  keyRows,
  LOGIN_PREFIX,
  loginRows,
  notificationPrefsRows,
  ownerRows,
  pairRows,
  pushSubscriptionRows,
  recentSessionsRows,
  refreshKeyOf,
  refreshRows,
  runnerOwnerKey,
  runnerOwnerRows,
  runnerRows,
  shareRows,
  usageRows,
} from '../tables.js';
import { addRemoved, runnersOf, type Removed } from './eraseSession.js';
import { namesAccount, removeMessages } from './messageRemoval.js';

/** How long the buckets remember that a row was deleted, in ms. */
const MARKER_MS = 60 * 60_000;
const MARKED = { markerMs: MARKER_MS };

/**
 * Disables an account for good, as the first step of its erasure: its logins, keys and connections end within seconds, and the
 * issuer cannot enable it again. False without such an account.
 */
export async function closeAccount(admin: Backbone, userId: string): Promise<boolean> {
  const rows = accountRows(admin);
  for (;;) {
    const found = await rows.get(accountKey(userId));
    if (found === undefined) return false;
    const { disabledBy: _, disabledAt = Date.now(), ...account } = found.value;
    const closed: AccountRow = { ...account, disabledAt };
    if ((await rows.update(accountKey(userId), closed, found.revision)).kind === 'stored') return true;
  }
}

/** The sessions of an account, by the owners alone: also those that no list shows. */
export async function sessionsOf(b: Backbone, userId: string): Promise<string[]> {
  const found: string[] = [];
  // The key of a session has no dot.
  for await (const { key, value } of ownerRows(b).list('*')) if (value.userId === userId) found.push(key);
  return found;
}

/**
 * Removes all that is stored of an account beside its sessions, which are erased before: logins, keys, invitations, devices,
 * runners with their commands and events, shares with it, counters, the rows of the audit log with a text of it, and last
 * the account. Repeating it is safe. Needs the provisioner's login.
 */
export async function eraseAccount(admin: Backbone, userId: string): Promise<Removed> {
  let removed: Removed = {};
  const count = (what: string, number: number): void => {
    removed = addRemoved(removed, { [what]: number });
  };
  count('logins', await eraseLogins(admin, userId));
  await deleteWhere(identityRows(admin), IDENTITY_PREFIX, (row) => row.userId === userId);
  count('logins', await deleteWhere(handoverRows(admin), 'handover.', (row) => row.userId === userId));
  count('pairings', await deleteWhere(pairRows(admin), 'pair.', (row) => row.answer?.userId === userId));
  count(
    'invitations',
    await deleteWhere(
      invitationRows(admin),
      INVITATION_PREFIX,
      (row) => row.createdBy === userId || row.usedBy === userId,
    ),
  );
  count('keys', await deleteWhere(keyRows(admin), '', (row) => row.userId === userId));
  count('shares', await deleteWhere(shareRows(admin), '', (row) => row.grantee === userId || row.userId === userId));
  count('devices', await deleteWhere(pushSubscriptionRows(admin), notificationKeys.devices(userId), () => true));
  await notificationPrefsRows(admin).delete(notificationKeys.prefs(userId), MARKED);
  await recentSessionsRows(admin).delete(userId, MARKED);
  await deleteKeys(usageRows(admin), await usageRows(admin).keys(`link.${userId}.`));
  await deleteKeys(usageRows(admin), [...(await usageRows(admin).keys(`session.${userId}.`)), `account.${userId}`]);
  await purgeParts(admin, userId);
  removed = addRemoved(removed, await eraseRunners(admin, userId));
  count('auditRows', await eraseAuditTexts(admin, userId));
  count('accounts', await deleteWhere(emailRows(admin), 'email.', (row) => row.userId === userId));
  await accountRows(admin).delete(accountKey(userId), MARKED);
  return removed;
}

/** A login through an issuer has a refresh token under the same hash, which is found by the login alone: so it goes first. */
async function eraseLogins(admin: Backbone, userId: string): Promise<number> {
  const [keys, throughIssuer]: [string[], string[]] = [[], []];
  for await (const { key, value } of loginRows(admin).list(LOGIN_PREFIX)) {
    if (value.userId !== userId) continue;
    keys.push(key);
    if (value.issuer !== undefined) throughIssuer.push(key);
  }
  await deleteKeys(refreshRows(admin), throughIssuer.map(refreshKeyOf));
  await deleteKeys(loginRows(admin), keys);
  return keys.length;
}

async function eraseRunners(admin: Backbone, userId: string): Promise<Removed> {
  const connection = internals(admin);
  const { streams } = connection.jsm;
  const removed = { commands: 0, runnerEvents: 0, runners: 0 };
  for (const rid of await runnersOf(admin, userId)) {
    const [commands, events] = [subjects.runnerCommands(rid), subjects.runnerEvents(rid)];
    removed.commands += (await streams.purge(COMMANDS_STREAM, { filter: commands })).purged;
    removed.runnerEvents += (await streams.purge(RUNNERS_STREAM, { filter: events })).purged;
    await runnerRows(admin).delete(rid, MARKED);
    // Last: the runners of the account are found by it.
    await runnerOwnerRows(admin).delete(runnerOwnerKey(rid), MARKED);
    removed.runners++;
  }
  return removed;
}

/** Removes the texts of an account from the audit log. Rows without a text stay, for as long as the audit log keeps rows. */
export function eraseAuditTexts(admin: Backbone, userId: string): Promise<number> {
  const matches = (row: Record<string, unknown>): boolean => namesAccount(row, (id) => id === userId);
  return removeMessages(internals(admin), { stream: AUDIT_STREAM, subject: '>', matches });
}

/** Parts of files that a host has begun to send. */
async function purgeParts(admin: Backbone, userId: string): Promise<void> {
  const { jsm } = internals(admin).stateConnection;
  await jsm.streams.purge(bucketStream('blob-parts'), { filter: keySubject('blob-parts', `${userId}.>`) });
}

async function deleteWhere<T>(rows: Bucket<T>, prefix: string, isErased: (row: T) => boolean): Promise<number> {
  const keys: string[] = [];
  for await (const { key, value } of rows.list(prefix)) if (isErased(value)) keys.push(key);
  await deleteKeys(rows, keys);
  return keys.length;
}

async function deleteKeys(rows: Pick<Bucket<unknown>, 'delete'>, keys: readonly string[]): Promise<void> {
  for (const key of keys) await rows.delete(key, MARKED);
}
