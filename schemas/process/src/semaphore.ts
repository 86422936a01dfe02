/** Thrown by `Semaphore.run` when as many calls wait as may wait. */
export class SemaphoreFullError extends Error {
  override readonly name = 'SemaphoreFullError';

  constructor() {
    super('Too many calls wait');
  }
}

export interface SemaphoreOptions {
  /** How many calls may wait; 0 refuses what cannot start at once. Default: no limit. */
  maxWaiting?: number;
}

/** Bounds how much work runs concurrently. Further calls wait and start in the order of the calls. */
export class Semaphore {
  private readonly maxWaiting: number;
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor(
    private readonly max: number,
    { maxWaiting = Infinity }: SemaphoreOptions = {},
  ) {
    this.maxWaiting = maxWaiting;
  }

  /** Whether the next call is refused. */
  get isFull(): boolean {
    return this.running >= this.max && this.waiting.length >= this.maxWaiting;
  }

  /** Runs `work` when less than `max` other work runs. Throws `SemaphoreFullError` when the call may not wait. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.isFull) throw new SemaphoreFullError();
    if (this.running >= this.max) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      return await work();
    } finally {
      // The slot passes to the first waiting call directly, so that no later call overtakes it.
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }

  /** As `run`; returns undefined at once, without a promise, when the call may not wait. */
  tryRun<T>(work: () => Promise<T>): Promise<T> | undefined {
    return this.isFull ? undefined : this.run(work);
  }

  /** Runs `work` for every item. Throws the first failure; items that have not started by then are skipped. */
  async forEach<T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<void> {
    const rest = items[Symbol.iterator]();
    let hasFailed = false;
    const worker = async () => {
      while (!hasFailed) {
        const next = rest.next();
        if (next.done === true) return;
        try {
          await this.run(() => work(next.value));
        } catch (error) {
          hasFailed = true;
          throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: this.max }, worker));
  }
}
