import type { KvUpdate } from '@pizzapi/backbone';
import type { RowChange, RowSource } from '../session/heldSessions.js';

/** A bucket in memory. The test decides when a watch reports what was written. */
export class MemoryRows<T> implements RowSource<T> {
  /** Reads of one value, and of lists. */
  gets = 0;
  lists = 0;
  onWrite: (change: RowChange<T>) => void = () => undefined;
  /** Answers reads from what there was before, as a replica that is behind. */
  behind: Map<string, { value: T; revision: number }> | undefined;
  private readonly rows = new Map<string, { value: T; revision: number }>();
  private revision = 0;
  private readonly unreported: KvUpdate<T>[] = [];
  private wake: () => void = () => undefined;

  constructor(readonly name: string) {}

  /** Writes a row, or deletes it. The watch reports it after `report`. */
  write(key: string, value: T | undefined): number {
    const revision = ++this.revision;
    if (value === undefined) this.rows.delete(key);
    else this.rows.set(key, { value, revision });
    const change: RowChange<T> =
      value === undefined ? { kind: 'gone', key, revision } : { kind: 'value', key, revision, read: () => value };
    this.unreported.push(change);
    this.onWrite(change);
    return revision;
  }

  /** Loses what was not reported, as a watch does that cannot continue. */
  lose(): void {
    this.unreported.splice(0, this.unreported.length, { kind: 'reset', revision: this.revision });
  }

  snapshot(): Map<string, { value: T; revision: number }> {
    return new Map(this.rows);
  }

  /** Lets the watch report what was written. Resolves when it was handled. */
  async report(): Promise<void> {
    this.wake();
    while (this.unreported.length > 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }

  async get(key: string): Promise<{ value: T; revision: number } | undefined> {
    this.gets++;
    await Promise.resolve();
    return (this.behind ?? this.rows).get(key);
  }

  async getMany(keys: Iterable<string>): Promise<Map<string, { value: T; revision: number }>> {
    await Promise.resolve();
    const found = [...keys].map((key) => [key, (this.behind ?? this.rows).get(key)] as const);
    return new Map(found.flatMap(([key, row]) => (row === undefined ? [] : [[key, row]])));
  }

  async *list(prefix = ''): AsyncGenerator<{ key: string; value: T; revision: number }, void, void> {
    this.lists++;
    const sorted = [...this.rows].sort(([, a], [, b]) => a.revision - b.revision);
    for (const [key, row] of sorted) {
      await Promise.resolve();
      if (key.startsWith(prefix)) yield { key, ...row };
    }
  }

  async *updates({ signal }: { signal: AbortSignal }): AsyncGenerator<KvUpdate<T>, void, void> {
    yield { kind: 'ready', revision: 0 };
    while (!signal.aborted) {
      const next = this.unreported.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
