import { accountKey, accountRows, keyRows, loginKey, loginRows, type Backbone, type Bucket } from '@pizzapi/backbone';
import { Semaphore, type Logger } from '@pizzapi/process';
import type { AccountRow, KeyRow, LoginRow } from '@pizzapi/protocol';

/** Between two notes of the same login, key or account, in ms. */
const SEEN_EVERY_MS = 60_000;
/** Notes being written at once; what comes above that is noted another time. */
const MAX_WRITING = 64;

/**
 * Notes when a login, a key or an account was last used: at most once a minute each, and without holding anyone up. A
 * note that meets another write of the row is dropped, so that what was revoked never comes back by it.
 */
export class LastUsedRecorder {
  private readonly writing = new Set<string>();
  private readonly writes = new Semaphore(MAX_WRITING, { maxWaiting: 0 });
  private readonly accounts;
  private readonly logins;
  private readonly keys;

  constructor(
    b: Backbone,
    private readonly log: Logger,
    private readonly now: () => number = Date.now,
  ) {
    this.accounts = accountRows(b);
    this.logins = loginRows(b);
    this.keys = keyRows(b);
  }

  account(row: AccountRow): void {
    if (this.isDue(row.lastSeenAt))
      this.record(this.accounts, accountKey(row.userId), (now, at) =>
        this.isDue(now.lastSeenAt) ? { ...now, lastSeenAt: at } : undefined,
      );
  }

  login(hash: string, row: LoginRow): void {
    if (this.isDue(row.lastSeenAt))
      this.record(this.logins, loginKey(hash), (now, at) =>
        this.isDue(now.lastSeenAt) ? { ...now, lastSeenAt: at } : undefined,
      );
  }

  key(hash: string, row: KeyRow, ip: string): void {
    if (this.isDue(row.lastUsedAt))
      this.record(this.keys, hash, (now, at) =>
        this.isDue(now.lastUsedAt) ? { ...now, lastUsedAt: at, lastUsedFrom: ip } : undefined,
      );
  }

  private isDue(last = 0): boolean {
    return this.now() - last >= SEEN_EVERY_MS;
  }

  /** `change` gives the row as it is to be, or undefined when another gateway was faster. */
  private record<R extends object>(rows: Bucket<R>, key: string, change: (row: R, at: number) => R | undefined): void {
    if (this.writing.has(key)) return;
    const write = async () => {
      const found = await rows.get(key);
      const at = this.now();
      const next = found === undefined ? undefined : change(found.value, at);
      if (found === undefined || next === undefined) return;
      const { expiresAt } = next as { expiresAt?: number };
      const ttlMs = expiresAt === undefined ? undefined : expiresAt - at;
      if (ttlMs === undefined || ttlMs > 0) await rows.update(key, next, found.revision, { ttlMs });
    };
    const written = this.writes.tryRun(write);
    if (written === undefined) return;
    this.writing.add(key);
    written
      .catch((err: unknown) => this.log.warn({ err }, 'could not record the last use'))
      .finally(() => this.writing.delete(key));
  }
}
