interface LogSize {
  userId: string;
  bytes: number;
}

/** How many bytes the logs of sessions have, by session and by account, as their projections say. In memory. */
export class LogSizes {
  private readonly sessions = new Map<string, LogSize>();
  private readonly accounts = new Map<string, number>();

  /** The size of a session's log now; without an owner there is none. */
  set(sid: string, userId: string | undefined, bytes: number): void {
    const before = this.sessions.get(sid);
    if (before !== undefined) this.add(before.userId, -before.bytes);
    if (userId === undefined) return void this.sessions.delete(sid);
    this.sessions.set(sid, { userId, bytes });
    this.add(userId, bytes);
  }

  ofSession(sid: string): number {
    return this.sessions.get(sid)?.bytes ?? 0;
  }

  ofAccount(userId: string): number {
    return this.accounts.get(userId) ?? 0;
  }

  private add(userId: string, bytes: number): void {
    const sum = this.ofAccount(userId) + bytes;
    if (sum === 0) this.accounts.delete(userId);
    else this.accounts.set(userId, sum);
  }
}
