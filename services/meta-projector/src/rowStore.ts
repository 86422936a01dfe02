import type { Bucket } from '@pizzapi/backbone';

/** What a projection needs of a bucket; the backbone's and the one in memory both have it. */
export type RowBucket<T> = Pick<Bucket<T>, 'get' | 'create' | 'update' | 'delete'>;

/** Rows kept in memory between flushes, at most, besides those that are not written yet. */
export const CACHED_ROWS = 5_000;

export interface RowStoreOptions<T> {
  bucket: RowBucket<T>;
  initial: (key: string) => T;
  /** Called for every write that met another projector's. */
  onConflict?: () => void;
  /** Called when a row was replaced by another projector's later one. */
  onReplaced?: (key: string) => void;
  cachedRows?: number;
}

interface Entry<T> {
  row: T;
  /** 0 = there is no row yet. */
  revision: number;
  /** Whether the bucket has the row. */
  stored: boolean;
  dirty: boolean;
}

/**
 * The rows of one bucket, folded in memory and written back with a condition on their revision. A row is a function
 * of the log up to its `lastSeq`: of two versions the higher one is right, so that with concurrent writers no row ever
 * goes back and none is lost.
 */
export class RowStore<T extends { lastSeq: number }> {
  private readonly entries = new Map<string, Entry<T>>();
  private readonly dirty = new Set<string>();
  /** Where a row stood that was deleted or cannot be read: the next one is written over that. */
  private readonly deletedRevisions = new Map<string, number>();

  constructor(private readonly options: RowStoreOptions<T>) {}

  /** Reads the rows of these keys; afterwards `get` and `set` know them. */
  async load(keys: Iterable<string>): Promise<void> {
    const missing = [...keys].filter((key) => !this.entries.has(key));
    await Promise.all(missing.map(async (key) => this.entries.set(key, await this.read(key))));
  }

  get(key: string): T {
    return this.entry(key).row;
  }

  /** Whether the key has a row, here or in the bucket. */
  has(key: string): boolean {
    const { stored, dirty } = this.entry(key);
    return dirty || stored;
  }

  set(key: string, row: T): void {
    const entry = this.entry(key);
    // Last in the map: the rows used longest ago are the first to be forgotten.
    this.entries.delete(key);
    this.entries.set(key, { ...entry, row, dirty: true });
    this.dirty.add(key);
  }

  /** Rows that wait to be written. */
  get pending(): number {
    return this.dirty.size;
  }

  /**
   * Writes what changed. Returns the keys whose rows were deleted meanwhile or are unreadable: they are dropped here
   * and must be folded from the start.
   * Throws `unavailable` when the backbone does not answer; what was not written stays to be written.
   */
  async flush(): Promise<string[]> {
    const keys = [...this.dirty];
    const written = await Promise.allSettled(keys.map((key) => this.write(key)));
    const failed = written.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    this.shrink();
    return keys.filter((_, index) => written[index]?.status === 'fulfilled' && !written[index].value);
  }

  forget(key: string): void {
    this.entries.delete(key);
    this.dirty.delete(key);
  }

  private entry(key: string): Entry<T> {
    const entry = this.entries.get(key);
    if (entry === undefined) throw new Error(`The row ${key} was not loaded`);
    return entry;
  }

  private async read(key: string): Promise<Entry<T>> {
    const found = await this.options.bucket.get(key);
    if (found === undefined)
      return {
        row: this.options.initial(key),
        revision: this.deletedRevisions.get(key) ?? 0,
        stored: false,
        dirty: false,
      };
    return { row: found.value, revision: found.revision, stored: true, dirty: false };
  }

  /** False when the row is not there any more. */
  private async write(key: string): Promise<boolean> {
    const { bucket, onConflict, onReplaced } = this.options;
    const entry = this.entry(key);
    for (;;) {
      const { row, revision } = entry;
      const outcome = revision === 0 ? await bucket.create(key, row) : await bucket.update(key, row, revision);
      if (outcome.kind === 'stored') {
        entry.revision = outcome.revision;
        break;
      }
      onConflict?.();
      const theirs = await bucket.get(key);
      if (theirs === undefined && this.deletedRevisions.get(key) !== outcome.revision) {
        this.forget(key);
        this.deletedRevisions.set(key, outcome.revision);
        return false;
      }
      entry.revision = theirs?.revision ?? outcome.revision;
      if (theirs !== undefined && theirs.value.lastSeq >= row.lastSeq) {
        entry.row = theirs.value;
        onReplaced?.(key);
        break;
      }
    }
    entry.stored = true;
    entry.dirty = false;
    this.dirty.delete(key);
    this.deletedRevisions.delete(key);
    return true;
  }

  private shrink(): void {
    const limit = this.options.cachedRows ?? CACHED_ROWS;
    for (const [key, entry] of this.entries) {
      if (this.entries.size <= limit) return;
      if (!entry.dirty) this.entries.delete(key);
    }
  }
}
