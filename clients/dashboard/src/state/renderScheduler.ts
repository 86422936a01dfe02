/** How often a page that nobody looks at is brought up to date, in ms: browsers draw no frames for it. */
const HIDDEN_MS = 500;

/** Runs each scheduled function once, in the next frame, however often it was scheduled. */
class RenderScheduler {
  readonly #due = new Set<() => void>();

  schedule(fn: () => void): void {
    if (this.#due.size === 0) {
      if (document.hidden) setTimeout(this.#run, HIDDEN_MS);
      else requestAnimationFrame(this.#run);
    }
    this.#due.add(fn);
  }

  readonly #run = (): void => {
    const due = [...this.#due];
    this.#due.clear();
    for (const fn of due) fn();
  };
}

export const renderScheduler = new RenderScheduler();
