import { BoundedMap } from '@pizzapi/protocol';

/** Changes that are remembered: far more than occur while one read is on its way. */
const MAX_CHANGES = 10_000;

/**
 * The revisions of the keys that changed last. A read may be answered by a server of the cluster that is behind, after the
 * watch has reported a later revision of a key that was not held: such a read is recognized here.
 */
export class RecentRevisions {
  private readonly changes = new BoundedMap<string, { revision: number; isGone: boolean }>(MAX_CHANGES);
  private last = 0;

  /** The revision up to which all changes were reported. */
  get latest(): number {
    return this.last;
  }

  record(key: string, revision: number, isGone: boolean): void {
    this.changes.set(key, { revision, isGone });
    this.last = Math.max(this.last, revision);
  }

  /** Whether a read of a key found less than the watch has reported. `revision` is undefined when it found nothing. */
  isStale(key: string, revision: number | undefined): boolean {
    const change = this.changes.get(key);
    if (change === undefined) return false;
    return revision === undefined ? !change.isGone : revision < change.revision;
  }

  /** Begins anew after `revision`: the revisions may be those of another stream. */
  reset(revision: number): void {
    this.changes.clear();
    this.last = revision;
  }
}
