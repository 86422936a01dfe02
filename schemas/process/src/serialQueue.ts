const ignore = () => undefined;

/** Runs one piece of asynchronous work at a time, in the order of the calls. A failure does not stop the next one. */
export class SerialQueue {
  private tail: Promise<unknown> = Promise.resolve();

  /** Starts `work` after all earlier work has settled. Resolves or rejects as `work` does. */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.tail.then(work);
    this.tail = result.then(ignore, ignore);
    return result;
  }

  /** Resolves when all work that was added before this call has settled. Never rejects. */
  async idle(): Promise<void> {
    await this.tail;
  }
}

/** A `SerialQueue` for each key. Work of different keys runs concurrently. Keys without work take no memory. */
export class KeyedSerialQueue<K = string> {
  private readonly tails = new Map<K, Promise<unknown>>();

  /** Starts `work` after all earlier work of the same key has settled. Resolves or rejects as `work` does. */
  run<T>(key: K, work: () => T | Promise<T>): Promise<T> {
    const result = (this.tails.get(key) ?? Promise.resolve()).then(work);
    const tail = result.then(ignore, ignore).then(() => {
      if (this.tails.get(key) === tail) this.tails.delete(key);
    });
    this.tails.set(key, tail);
    return result;
  }

  /** How many keys have work that has not settled. */
  get size(): number {
    return this.tails.size;
  }

  /** Resolves when all work that was added before this call has settled. Never rejects. */
  async idle(): Promise<void> {
    await Promise.all(this.tails.values());
  }
}
