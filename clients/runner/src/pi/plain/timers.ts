/** Timers of an extension. They keep no process alive, and what goes wrong in one stays away from pi, which it would end. */
export class PlainTimers {
  constructor(private readonly onBug: (error: unknown) => void) {}

  /** Calls `work` once. Returns how to cancel it. */
  after(ms: number, work: () => void): () => void {
    const timer = setTimeout(() => this.guarded(work), ms);
    timer.unref();
    return () => clearTimeout(timer);
  }

  /** Calls `work` again and again. Returns how to end that. */
  every(ms: number, work: () => void): () => void {
    const timer = setInterval(() => this.guarded(work), ms);
    timer.unref();
    return () => clearInterval(timer);
  }

  guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.onBug(error);
    }
  }
}
