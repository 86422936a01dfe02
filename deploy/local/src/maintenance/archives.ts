import {
  accountKey,
  accountRows,
  addRemoved,
  archiveSession,
  compareFolds,
  eraseArchived,
  hashOfIds,
  openArchive,
  parseSessionRowKey,
  proveArchive,
  publishAudit,
  sessionRows,
  streamSink,
  syncPath,
  verifyProvisioned,
  type Backbone,
} from '@pizzapi/backbone';
import { CodedError, isId, isImported, OWNER_ID } from '@pizzapi/protocol';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { withStore } from '../withStore.js';
import { withBackup } from './openBackup.js';
import {
  SPOKEN,
  storeOf,
  type MaintenanceContext,
  type MaintenanceOptions,
  type MaintenanceOutcome,
  type RequestOf,
} from './request.js';

/** The names of archives. */
const ARCHIVE_ENDING = '.pizzapi';

/** Writes sessions that have ended to files, and erases them. */
export function runArchive(
  { sid, olderThanMs, to, keep: isKept }: RequestOf<'archive'>,
  options: MaintenanceOptions,
  context: MaintenanceContext,
): Promise<MaintenanceOutcome> {
  return withStore({ ...storeOf(options, 'archive'), whenRunning: 'use' }, context, async (admin) => {
    await verifyProvisioned(admin);
    await mkdir(to, { recursive: true, mode: 0o700 });
    const sids = sid === undefined ? await endedBefore(admin, Date.now() - (olderThanMs ?? 0)) : [sid];
    const archived: ArchivedFile[] = [];
    const failed: { sid: string; message: string }[] = [];
    for (const one of sids) {
      context.signal.throwIfAborted();
      try {
        archived.push(await archiveOne(admin, one, { to, isKept }, context));
      } catch (error) {
        // One that cannot be archived must not keep back all that are younger.
        if (sid !== undefined || !(error instanceof CodedError)) throw error;
        failed.push({ sid: one, message: error.message });
      }
      context.progress(`archived ${archived.length} of ${sids.length} sessions`);
    }
    const sum = archived.reduce((all, { events, files }) => addRemoved(all, { events, files }), {});
    const lines = archived.map(({ file, events, files }) => `${file}: ${events} events, ${files} files`);
    if (sids.length === 0) lines.push('No session is that old.');
    else if (!isKept && archived.length > 0)
      lines.push('The authenticators erase these sessions. `pizzapi open <file>` shows one again.');
    lines.push(...failed.map(({ sid: one, message }) => `Not archived: ${one}. ${message}`));
    return { lines, json: { archived, failed, erased: !isKept, ...sum }, isPartial: failed.length > 0 };
  });
}

interface ArchivedFile {
  sid: string;
  file: string;
  events: number;
  files: number;
}

/** Archives one session, with a row in the audit log, and asks for its erasure unless it is kept. */
async function archiveOne(
  admin: Backbone,
  sid: string,
  { to, isKept }: { to: string; isKept: boolean },
  context: MaintenanceContext,
): Promise<ArchivedFile> {
  const file = join(to, `${sid}${ARCHIVE_ENDING}`);
  const written = await writeArchive(admin, sid, file, context);
  const { events, files } = written;
  const row = { kind: 'archived', at: Date.now(), ids: hashOfIds([sid]), events, files };
  if ((await publishAudit(admin, row)).kind === 'unavailable')
    throw new CodedError('unavailable', 'The audit log does not store the row of an archive');
  if (!isKept) await eraseArchived(admin, sid, written);
  return { sid, file, events, files };
}

/** Writes an archive, reads it back, compares it with the log, and only then gives it its name. */
async function writeArchive(admin: Backbone, sid: string, file: string, context: MaintenanceContext) {
  if (!isId(sid)) throw new CodedError('invalid_id', 'Name the whole id of a session');
  const draft = `${file}.part`;
  await rm(draft, { force: true });
  const out = createWriteStream(draft, { flags: 'wx', mode: 0o600 });
  const failed = new Promise<never>((_, reject) => out.once('error', reject));
  const { signal } = context;
  const writing = archiveSession(admin, sid, { sink: streamSink(out), ...SPOKEN, signal });
  const archived = await Promise.race([writing, failed]).catch(async (error: unknown) => {
    out.destroy();
    await rm(draft, { force: true });
    throw error;
  });
  await Promise.race([new Promise<void>((resolve) => out.end(resolve)), failed]);
  await withBackup(draft, context, async (source) => {
    await proveArchive(admin, source, sid, archived, signal);
    const { equal } = await compareFolds(admin, source, { sids: [sid], signal });
    if (equal !== 1) throw new CodedError('backup_invalid', `The archive of ${sid} differs from its log`);
  });
  // From the next step on the archive is the only copy.
  await syncPath(draft);
  await rename(draft, file);
  await syncPath(dirname(file));
  return archived;
}

/** The sessions that ended before, the oldest first; as for retention, those that were imported or opened have no age. */
async function endedBefore(admin: Backbone, before: number): Promise<string[]> {
  const found: { sid: string; at: number }[] = [];
  for await (const { key, value } of sessionRows(admin).list()) {
    const parsed = parseSessionRowKey(key);
    const { state, endedAt = value.info.lastActivityAt } = value.info;
    if (parsed?.userId !== undefined && state === 'ended' && endedAt < before && !isImported(value.info))
      found.push({ sid: parsed.sid, at: endedAt });
  }
  return found.sort((a, b) => a.at - b.at).map(({ sid }) => sid);
}

/** Makes a read-only session of an archive. */
export function runOpen(
  { file, userId }: RequestOf<'open'>,
  options: MaintenanceOptions,
  context: MaintenanceContext,
): Promise<MaintenanceOutcome> {
  return withBackup(file, context, (source) =>
    withStore({ ...storeOf(options, 'open'), whenRunning: 'use' }, context, async (admin) => {
      await verifyProvisioned(admin);
      if (!(await hasAccount(admin, userId)))
        throw new CodedError('user_not_found', `There is no account with the id "${userId}"`);
      const opened = await openArchive(admin, source, userId);
      const { sessionId, events, files } = opened;
      return { lines: [`${sessionId}  ${events} events, ${files} files`], json: { ...opened } };
    }),
  );
}

/** The owner has an account also before it signed in for the first time. */
async function hasAccount(admin: Backbone, userId: string): Promise<boolean> {
  return isId(userId) && (userId === OWNER_ID || (await accountRows(admin).get(accountKey(userId))) !== undefined);
}
