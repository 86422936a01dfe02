import type { KvWrite } from '@pizzapi/backbone';
import { decode, encode } from '@pizzapi/protocol';
import type { RowBucket } from './rowStore.js';

/**
 * A fresh bucket in memory, into which a rebuild folds. Rows are kept encoded: a fraction of the
 * space, and whole as the real bucket would give them back.
 */
export class MemoryBucket<T> implements RowBucket<T> {
  private readonly rows = new Map<string, { bytes: Uint8Array; revision: number }>();
  private revision = 0;

  async get(key: string): Promise<{ value: T; revision: number } | undefined> {
    const found = this.rows.get(key);
    return found === undefined ? undefined : { value: decode(found.bytes) as T, revision: found.revision };
  }

  async create(key: string, value: T): Promise<KvWrite> {
    return this.update(key, value, 0);
  }

  async update(key: string, value: T, revision: number): Promise<KvWrite> {
    const current = this.rows.get(key)?.revision ?? 0;
    if (current !== revision) return { kind: 'conflict', revision: current };
    // A copy: the encoder hands out views into a buffer of many values, which one row would keep alive.
    this.rows.set(key, { bytes: encode(value).slice(), revision: ++this.revision });
    return { kind: 'stored', revision: this.revision };
  }

  async delete(key: string): Promise<KvWrite> {
    this.rows.delete(key);
    return { kind: 'stored', revision: ++this.revision };
  }

  has(key: string): boolean {
    return this.rows.has(key);
  }

  keys(): string[] {
    return [...this.rows.keys()];
  }
}
