import { JetStreamApiError } from '@nats-io/jetstream';
import { CHUNKS, chunksOf, entryOf, openObjects } from './blobs.js';
import { parseBlobKey, type BlobPlace } from './blobStore.js';
import { blobRows } from './tables.js';
import { internals, type Backbone } from './connection.js';
import { NO_STORAGE_LIMITS, StorageUsage } from './storageUsage.js';
import { BLOB_SPEC, BLOB_STORE } from './streams.js';

/** How long the bucket remembers that the row of a blob was removed, in ms. */
const MARKER_MS = 60_000;
/** The server's code for "no message found". */
const NO_MESSAGE = 10037;
/** What is stored of an object that is not whole after so long, in ms, never will be. */
export const ABANDONED_MS = 60 * 60_000;

/** `in_use`: something refers to the blob, or has just started to. */
export type RemoveOutcome = 'removed' | 'in_use' | 'gone';

const entrySubject = (name: string): string =>
  `$O.${BLOB_STORE}.M.${Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_')}`;

/** Removes all blobs of a session; with the provisioner's login. */
export async function removeBlobs(admin: Backbone, { userId, sid }: BlobPlace): Promise<void> {
  const removal = new BlobRemoval(admin);
  for (const key of await blobRows(admin).keys(`${userId}.${sid}.`)) await removal.remove(key);
}

/** Removes blobs permanently. Needs the provisioner's login, the only one that may purge. */
export class BlobRemoval {
  private readonly rows;
  private readonly usage: StorageUsage;

  constructor(private readonly admin: Backbone) {
    this.rows = blobRows(admin);
    this.usage = new StorageUsage(admin, NO_STORAGE_LIMITS);
  }

  /**
   * Removes one blob, and takes its bytes off the count. `unusedAt`: only when it was to go by then. A removal that was
   * broken off is finished.
   */
  async remove(key: string, unusedAt?: number): Promise<RemoveOutcome> {
    const place = parseBlobKey(key);
    const found = await this.rows.get(key);
    if (found === undefined || place === undefined) return 'gone';
    const { value } = found;
    let { revision } = found;
    if (value.leaving !== true) {
      if (unusedAt !== undefined && (value.until ?? Infinity) > unusedAt) return 'in_use';
      // From here on the blob cannot be taken up: of two concurrent changes of the row, one fails.
      const marked = await this.rows.update(key, { ...value, leaving: true }, revision);
      if (marked.kind === 'conflict') return 'in_use';
      revision = marked.revision;
    }
    await this.removeObject(key);
    const gone = await this.rows.delete(key, { revision, markerMs: MARKER_MS });
    if (gone.kind === 'conflict') return 'gone';
    await this.usage.giveBack({ ...place, link: value.link }, value.size);
    return 'removed';
  }

  /** First the bytes, then the entry: as long as that is there, the bytes can be found. */
  async removeObject(name: string): Promise<void> {
    const found = await entryOf(this.admin, name);
    if (found === null) return;
    await this.purge(chunksOf(found.nuid));
    await this.purge(entrySubject(name));
  }

  /**
   * Removes what has no row: bytes of objects that were never finished, and objects whose row was removed while they were
   * stored. Returns how many there were.
   */
  async removeAbandoned(now: number): Promise<number> {
    const { jsm } = internals(this.admin).stateConnection;
    // In this order: what is finished meanwhile is found.
    const info = await jsm.streams.info(BLOB_SPEC.name, { subjects_filter: `${CHUNKS}>` });
    const objects = await (await openObjects(this.admin)).list();
    const known = new Set(await this.rows.keys());
    let removed = 0;
    for (const { name, mtime } of objects) {
      if (parseBlobKey(name) === undefined || known.has(name) || Date.parse(mtime) > now - ABANDONED_MS) continue;
      await this.removeObject(name);
      removed++;
    }
    const whole = new Set(objects.map(({ nuid }) => chunksOf(nuid)));
    for (const subject of Object.keys(info.state.subjects ?? {})) {
      if (whole.has(subject) || (await this.lastTime(subject)) > now - ABANDONED_MS) continue;
      await this.purge(subject);
      removed++;
    }
    return removed;
  }

  /** When the last message of a subject was stored; 0 when there is none. */
  private async lastTime(subject: string): Promise<number> {
    const { jsm } = internals(this.admin).stateConnection;
    try {
      const found = await jsm.streams.getMessage(BLOB_SPEC.name, { last_by_subj: subject });
      return found === null ? 0 : found.time.getTime();
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === NO_MESSAGE) return 0;
      throw error;
    }
  }

  private async purge(filter: string): Promise<void> {
    await internals(this.admin).stateConnection.jsm.streams.purge(BLOB_SPEC.name, { filter });
  }
}
