/** What several requests wait for: a condition variable. Each waits until its own test holds, for a limited time. */
export class Condition {
  private readonly checks = new Set<() => void>();

  /** How many requests wait. */
  get waiting(): number {
    return this.checks.size;
  }

  /** Something has changed: all that wait test it again. */
  notify(): void {
    for (const check of [...this.checks]) check();
  }

  /**
   * Resolves when `isMet` holds at a `notify`, after `ms`, or when `signal` aborts. It does not test before the first
   * `notify`: the caller has.
   */
  next(isMet: () => boolean, ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.checks.delete(check);
        signal?.removeEventListener('abort', settle);
        resolve();
      };
      const check = (): void => {
        if (isMet()) settle();
      };
      const timer = setTimeout(settle, ms);
      this.checks.add(check);
      signal?.addEventListener('abort', settle);
    });
  }

  /** Resolves at once when `isMet` holds already, else as `next` does. */
  until(isMet: () => boolean, ms: number, signal?: AbortSignal): Promise<void> {
    return isMet() || ms <= 0 ? Promise.resolve() : this.next(isMet, ms, signal);
  }
}
