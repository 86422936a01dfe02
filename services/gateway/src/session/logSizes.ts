import type { ProjectedSession, RowChange, RowSource } from './heldSessions.js';

/** Sessions whose sizes are remembered, of all accounts together. */
const MAX_SESSIONS = 200_000;

export interface LogSizesDeps {
  rows: Pick<RowSource<ProjectedSession>, 'list'>;
  maxSessions?: number;
}

/**
 * How many bytes the logs of accounts have, as the projections of their sessions say. An account is read when a limit of it is
 * checked. Changes keep it exact from then on, until other accounts take its place.
 */
export class AccountLogSizes {
  private readonly accounts = new Map<string, AccountSize>();

  constructor(private readonly deps: LogSizesDeps) {}

  async ofAccount(userId: string): Promise<number> {
    const known = this.accounts.get(userId);
    const account = known ?? new AccountSize();
    // The youngest stays the longest.
    this.accounts.delete(userId);
    this.accounts.set(userId, account);
    try {
      await (account.reading ??= account.read(userId, this.deps.rows));
    } catch (error) {
      if (this.accounts.get(userId) === account) this.accounts.delete(userId);
      throw error;
    }
    if (known === undefined) this.makeRoom();
    return account.bytes;
  }

  /** A row was written. */
  changed(userId: string, sid: string, change: RowChange<ProjectedSession>): void {
    const account = this.accounts.get(userId);
    if (account !== undefined) account.change(sid, change.kind === 'gone' ? undefined : change.read()?.logBytes);
  }

  /** Changes may have been missed. */
  clear(): void {
    this.accounts.clear();
  }

  private makeRoom(): void {
    const { maxSessions = MAX_SESSIONS } = this.deps;
    let sessions = 0;
    for (const [userId, { size }] of [...this.accounts].reverse()) {
      if (sessions > 0 && sessions + size > maxSessions) this.accounts.delete(userId);
      else sessions += size;
    }
  }
}

/** The log sizes of one account's sessions. */
class AccountSize {
  bytes = 0;
  reading: Promise<void> | undefined;
  private readonly sessions = new Map<string, number>();
  /** What has changed while the rows are read is later than what is read. */
  private changed: Set<string> | undefined = new Set();

  get size(): number {
    return this.sessions.size;
  }

  async read(userId: string, rows: LogSizesDeps['rows']): Promise<void> {
    for await (const { key, value } of rows.list(`${userId}.`)) {
      const sid = key.slice(userId.length + 1);
      if (this.changed?.has(sid) !== true) this.set(sid, value.logBytes);
    }
    this.changed = undefined;
  }

  change(sid: string, bytes: number | undefined): void {
    this.changed?.add(sid);
    this.set(sid, bytes);
  }

  private set(sid: string, bytes: number | undefined): void {
    this.bytes += (bytes ?? 0) - (this.sessions.get(sid) ?? 0);
    if (bytes === undefined) this.sessions.delete(sid);
    else this.sessions.set(sid, bytes);
  }
}
