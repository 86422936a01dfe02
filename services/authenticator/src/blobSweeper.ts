import {
  BlobRemoval,
  blobRows,
  deletedRows,
  headOf,
  isNewLog,
  NO_STORAGE_LIMITS,
  ownerOf,
  parseBlobKey,
  readLease,
  storageSums,
  StorageUsage,
  UNUSED_BLOB_MS,
  type Backbone,
  type BlobPlace,
} from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import type { BlobRow } from '@pizzapi/protocol';
import type { AuthenticatorMetrics } from './metrics.js';

/** How long a session may lack an owner or a log, in ms, until its blobs count as left behind. */
export const ORPHAN_MS = UNUSED_BLOB_MS;
/** How long it is waited for the end of a deletion, in ms, whose log is purged and whose owner is still written down. */
export const DELETION_MS = 60 * 60_000;

export interface BlobSweeperDeps {
  b: Backbone;
  /** With the provisioner's login, the only one that may remove what is stored. */
  admin: Backbone;
  metrics: AuthenticatorMetrics;
  log: Logger;
  now?: () => number;
}

/**
 * Removes the blobs that nothing refers to: of sessions that were deleted or whose log is gone, and uploads that no
 * input took up. Every step may be done again, by another authenticator too: a crash leaves nothing half done for good.
 */
export class BlobSweeper {
  private readonly rows;
  private readonly removal: BlobRemoval;
  private readonly usage: StorageUsage;
  private readonly now: () => number;

  constructor(private readonly deps: BlobSweeperDeps) {
    const { b, admin, now = Date.now } = deps;
    this.rows = blobRows(b);
    this.removal = new BlobRemoval(admin);
    this.usage = new StorageUsage(b, NO_STORAGE_LIMITS);
    this.now = now;
  }

  /** Removes the blobs of a session that was deleted. False when it has to be done again: the deletion is not over. */
  async removeDeleted(key: string): Promise<boolean> {
    const { b, log } = this.deps;
    const deleted = deletedRows(b);
    const row = await deleted.get(key);
    const [, userId, sid] = key.split('.');
    if (row === undefined || userId === undefined || sid === undefined) return true;
    // The log was purged when the row was written. Events that it has now are of a session that continues after all.
    if (await this.isLogged(sid)) {
      await deleted.delete(key, { revision: row.revision });
      return true;
    }
    const left = await this.removeAll(await this.rows.keys(`${userId}.${sid}.`), 'deleted');
    // As long as the session has an owner, its host may store another blob.
    const isOver = (await ownerOf(b, sid)) === undefined || this.now() - row.value.at > DELETION_MS;
    if (left > 0 || !isOver) return false;
    await deleted.delete(key, { revision: row.revision });
    log.info({ sid }, 'removed the files of a deleted session');
    return true;
  }

  /** Looks through all blobs, and mends what is counted of them. */
  async sweep(signal: AbortSignal): Promise<void> {
    const now = this.now();
    const counted = await this.usage.snapshot();
    const rows = await this.rows.all();
    const ended = [...rows].filter(([, row]) => row.leaving === true || (row.until ?? Infinity) <= now);
    await this.removeAll(
      ended.map(([key]) => key),
      'unused',
      now,
    );
    const isNew = await isNewLog(this.deps.b);
    for (const [place, keys] of agedSessions(rows, now - ORPHAN_MS)) {
      if (signal.aborted) return;
      if (await this.isGone(place, isNew)) await this.removeAll(keys, 'orphaned');
    }
    const mended = await this.usage.recount(counted, storageSums(rows));
    if (mended > 0) this.deps.log.warn({ rows: mended }, 'corrected the storage counter of files');
  }

  /** Removes what is stored and no row tells of. */
  async removeAbandoned(): Promise<void> {
    const removed = await this.removal.removeAbandoned(this.now());
    if (removed > 0) this.deps.metrics.blobsRemoved.inc({ why: 'abandoned' }, removed);
  }

  /** Whether a session has no owner, or no log, any more. A host that is there may be about to write its first event. */
  private async isGone({ userId, sid }: BlobPlace, isNew: boolean): Promise<boolean> {
    const { b } = this.deps;
    if ((await ownerOf(b, sid))?.userId !== userId) return true;
    // Of a log that was replaced as a whole it is not known what it held.
    if (isNew || (await this.isLogged(sid))) return false;
    return (await readLease(b, `session.${sid}`)) === undefined;
  }

  private async isLogged(sid: string): Promise<boolean> {
    const { last } = await headOf(this.deps.b, sid);
    // A backbone that is closing knows of no event either.
    return last > 0 || this.deps.b.status() === 'closed';
  }

  /** How many are still there. */
  private async removeAll(keys: readonly string[], why: string, unusedAt?: number): Promise<number> {
    let left = 0;
    for (const key of keys) {
      const outcome = await this.removal.remove(key, unusedAt);
      if (outcome === 'removed') this.deps.metrics.blobsRemoved.inc({ why });
      if (outcome === 'in_use') left++;
    }
    return left;
  }
}

/** The sessions all of whose blobs are older than that, with their keys. */
function agedSessions(rows: ReadonlyMap<string, BlobRow>, before: number): Map<BlobPlace, string[]> {
  const sessions = new Map<string, { place: BlobPlace; keys: string[]; newest: number }>();
  for (const [key, { at }] of rows) {
    const place = parseBlobKey(key);
    if (place === undefined) continue;
    const id = `${place.userId}.${place.sid}`;
    const known = sessions.get(id) ?? { place, keys: [], newest: 0 };
    known.keys.push(key);
    known.newest = Math.max(known.newest, at);
    sessions.set(id, known);
  }
  const aged = [...sessions.values()].filter(({ newest }) => newest <= before);
  return new Map(aged.map(({ place, keys }) => [place, keys]));
}
