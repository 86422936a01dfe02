/** Hands values from one loop to another: who gives one waits until it is taken. Ends with the signal. */
export class RendezvousChannel<T> implements AsyncIterable<T> {
  private readonly offered: { value: T; taken: () => void }[] = [];
  private wake: () => void = () => undefined;

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', () => {
      for (const { taken } of this.offered) taken();
      this.wake();
    });
  }

  /** Resolves when the value has been taken, or nobody will take it any more. */
  send(value: T): Promise<void> {
    if (this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.offered.push({ value, taken: resolve });
      this.wake();
    });
  }

  /** What was given before the signal aborted still comes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      const next = this.offered.shift();
      if (next !== undefined) {
        // Taken now, handled next: the giver fetches more meanwhile.
        next.taken();
        yield next.value;
      } else if (this.signal.aborted) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
