import type { Backbone } from './connection.js';
import { replay } from './replay.js';

/** The message ids of a session's log after an offset, in order, and the offset of the last of them. */
export interface StoredIds {
  ids: string[];
  /** There are more: ask again, after this offset. */
  next?: number;
}

/** Reads the ids from the log; at most `limit`, and all of them without one. Early when the signal aborts. */
export async function storedIdsAfter(
  b: Backbone,
  sid: string,
  after: number,
  { limit = Number.MAX_SAFE_INTEGER, signal }: { limit?: number; signal?: AbortSignal } = {},
): Promise<StoredIds> {
  const ids: string[] = [];
  for await (const batch of replay(b, sid, { after, ...(signal === undefined ? {} : { signal }) })) {
    for (const { msgId, seq } of batch) {
      ids.push(msgId);
      if (ids.length === limit) return { ids, next: seq };
    }
  }
  return { ids };
}
