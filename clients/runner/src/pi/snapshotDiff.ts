/** How much of the last snapshot's end is looked for in the next one. */
const ANCHOR_CHARS = 256;

/**
 * Turns a tool's cumulative snapshots into what was added. pi's tools report their whole output so far, and once it is
 * long only its tail, so that the next snapshot need not begin like the last one.
 */
export class SnapshotDiff {
  readonly #last = new Map<string, string>();

  /** What `snapshot` adds to the one before of the same tool call. */
  added(toolCallId: string, snapshot: string): string {
    const last = this.#last.get(toolCallId) ?? '';
    this.#last.set(toolCallId, snapshot);
    if (snapshot.startsWith(last)) return snapshot.slice(last.length);
    const anchor = last.slice(-ANCHOR_CHARS);
    const found = snapshot.lastIndexOf(anchor);
    return found >= 0 ? snapshot.slice(found + anchor.length) : `\n${snapshot}`;
  }

  forget(toolCallId: string): void {
    this.#last.delete(toolCallId);
  }
}
