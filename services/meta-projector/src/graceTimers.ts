/**
 * Which open sessions have no host, since when, and which of them are due to be ended. Pure: times are given to it,
 * in ms. A lease that was gone before the book began counts from then on: no session ends before its whole grace.
 */
export class GraceTimers {
  private readonly held = new Set<string>();
  private readonly open = new Set<string>();
  private readonly since = new Map<string, number>();

  constructor(private readonly graceMs: number) {}

  /** Sessions that are within their grace. */
  get waiting(): number {
    return this.since.size;
  }

  leaseHeld(sid: string): void {
    this.held.add(sid);
    this.since.delete(sid);
  }

  leaseGone(sid: string, now: number): void {
    this.held.delete(sid);
    this.watch(sid, now);
  }

  sessionOpen(sid: string, now: number): void {
    this.open.add(sid);
    this.watch(sid, now);
  }

  /** Ended, or deleted. */
  sessionOver(sid: string): void {
    this.open.delete(sid);
    this.since.delete(sid);
  }

  /** Gives a session another whole grace. */
  postpone(sid: string, now: number): void {
    if (this.since.has(sid)) this.since.set(sid, now);
  }

  due(now: number): string[] {
    return [...this.since].filter(([, since]) => now - since >= this.graceMs).map(([sid]) => sid);
  }

  private watch(sid: string, now: number): void {
    if (this.open.has(sid) && !this.held.has(sid) && !this.since.has(sid)) this.since.set(sid, now);
  }
}
