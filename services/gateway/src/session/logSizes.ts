interface LogSize {
  userId: string | undefined;
  bytes: number;
}

/** How many bytes the logs of sessions have, by session and by account, as their projections say. In memory. */
export class AccountLogSizes {
  private readonly sessions = new Map<string, LogSize>();
  private readonly accounts = new Map<string, number>();

  /** The size of a session's log now, and whose it is, as far as that is known. */
  set(sid: string, bytes: number, userId: string | undefined): void {
    this.delete(sid);
    this.sessions.set(sid, { userId, bytes });
    this.add(userId, bytes);
  }

  /** Projections and owners come by two ways: this one may come after the size. */
  setOwner(sid: string, userId: string | undefined): void {
    const { bytes } = this.sessions.get(sid) ?? {};
    if (bytes !== undefined) this.set(sid, bytes, userId);
  }

  delete(sid: string): void {
    const before = this.sessions.get(sid);
    if (before === undefined) return;
    this.sessions.delete(sid);
    this.add(before.userId, -before.bytes);
  }

  ofSession(sid: string): number {
    return this.sessions.get(sid)?.bytes ?? 0;
  }

  ofAccount(userId: string): number {
    return this.accounts.get(userId) ?? 0;
  }

  private add(userId: string | undefined, bytes: number): void {
    if (userId === undefined) return;
    const sum = this.ofAccount(userId) + bytes;
    if (sum === 0) this.accounts.delete(userId);
    else this.accounts.set(userId, sum);
  }
}
