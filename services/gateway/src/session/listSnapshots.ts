import { newId } from '@pizzapi/protocol';
import type { ListedSession } from './sessionFilter.js';

/** Sessions that all snapshots name together, and how long one stays after its last use, in ms. */
const MAX_LISTED = 200_000;
const KEEP_MS = 120_000;

/** The order of a list when its reading began: pages from it show each session once, however the sessions change. */
export interface ListSnapshot {
  userId: string;
  /** What the first page has shown. */
  shown: ReadonlySet<string>;
  /** The sessions after the first page. Undefined until they are read. */
  order?: readonly ListedSession[];
  /** Further sessions follow that the snapshot does not name. */
  isTruncated: boolean;
  /** The revision up to which the snapshot shows changes. */
  revision: number;
}

/** The lists that accounts read page by page just now. Bounded: a list that was dropped is read again. */
export class ListSnapshots {
  private readonly snapshots = new Map<string, { snapshot: ListSnapshot; usedAt: number; size: number }>();
  private listed = 0;

  constructor(
    private readonly max = MAX_LISTED,
    private readonly now: () => number = Date.now,
  ) {}

  /** The snapshot of an account's list, or undefined when it was dropped. */
  find(userId: string, id: string): ListSnapshot | undefined {
    this.expire();
    const found = this.snapshots.get(id)?.snapshot;
    if (found?.userId !== userId) return undefined;
    this.set(id, found);
    return found;
  }

  /** Returns the id of a new snapshot. */
  add(snapshot: ListSnapshot): string {
    this.expire();
    const id = newId('p');
    this.set(id, snapshot);
    return id;
  }

  /** Replaces a snapshot, which is then the youngest. */
  set(id: string, snapshot: ListSnapshot): void {
    this.drop(id);
    const size = snapshot.shown.size + (snapshot.order?.length ?? 0) + 1;
    this.snapshots.set(id, { snapshot, usedAt: this.now(), size });
    this.listed += size;
    for (const oldest of this.snapshots.keys()) {
      if (this.listed <= this.max || oldest === id) break;
      this.drop(oldest);
    }
  }

  private expire(): void {
    const from = this.now() - KEEP_MS;
    for (const [id, { usedAt }] of this.snapshots) {
      if (usedAt >= from) break;
      this.drop(id);
    }
  }

  private drop(id: string): void {
    this.listed -= this.snapshots.get(id)?.size ?? 0;
    this.snapshots.delete(id);
  }
}
