/** A worker that dies more often than this within the window is not started again. */
export const MAX_RESTARTS = 3;
export const RESTART_WINDOW_MS = 5 * 60_000;

/** Counts the crashes of one session's workers and says when it is enough. */
export class RestartBudget {
  private crashes: number[] = [];

  /** Notes a crash at `now` (ms); true when the worker may be started again. */
  crashed(now: number): boolean {
    this.crashes = [...this.crashes.filter((at) => now - at < RESTART_WINDOW_MS), now];
    return this.crashes.length <= MAX_RESTARTS;
  }
}
