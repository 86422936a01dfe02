import type { Bucket } from '@pizzapi/backbone';

/** How far the projections are: everything up to these offsets is folded and written. */
export interface Cursor {
  /** Which log the offsets belong to: those of one log mean nothing in another. */
  identity: string;
  sessions: number;
  runners: number;
  /** The form of the rows that are written up to here, as `ROWS_FORM`; missing for the first form. */
  rows?: number | undefined;
}

/** 2: the rows of sessions have their owner in the key, and the rows of recent sessions exist. */
export const ROWS_FORM = 2;

/** The key of the cursor of a log without partitions. */
export const CURSOR_KEY = 'cursor';

/** The cursor of the projections, or undefined before the first was saved. */
export async function readCursor(projector: Bucket<Cursor>, key = CURSOR_KEY): Promise<Cursor | undefined> {
  return (await projector.get(key))?.value;
}

/**
 * Saves a cursor. Of the same log, one that is further on stays: every cursor that was saved is true, whoever did it.
 */
export async function saveCursor(projector: Bucket<Cursor>, cursor: Cursor, key = CURSOR_KEY): Promise<void> {
  for (;;) {
    const stored = await projector.get(key);
    const next = stored?.value.identity === cursor.identity ? furthest(stored.value, cursor) : cursor;
    if (stored !== undefined && same(stored.value, next)) return;
    const outcome =
      stored === undefined ? await projector.create(key, next) : await projector.update(key, next, stored.revision);
    if (outcome.kind === 'stored') return;
  }
}

function furthest(a: Cursor, b: Cursor): Cursor {
  return { ...b, sessions: Math.max(a.sessions, b.sessions), runners: Math.max(a.runners, b.runners) };
}

function same(a: Cursor, b: Cursor): boolean {
  return a.identity === b.identity && a.sessions === b.sessions && a.runners === b.runners && a.rows === b.rows;
}
