import { accountRows, keyRows, LOGIN_PREFIX, loginRows, WatchCache, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import type { AccountRow, KeyRow, LoginRow } from '@pizzapi/protocol';

/** How often what has expired is looked for, in ms. */
const EXPIRY_MS = 1_000;

/** A credential was revoked. `id`: of the login, the key, the account. */
export type CredentialChange =
  { kind: 'login_ended'; id: string } | { kind: 'key_revoked'; id: string } | { kind: 'account_disabled'; id: string };

type Listener = (change: CredentialChange) => void;

/**
 * Accounts, logins and keys in memory. Logins and keys are found by the SHA-256 of their secret. Every gateway learns
 * of a revocation here, wherever it was made, and tells its listeners.
 */
export class CredentialCache {
  readonly accounts: WatchCache<AccountRow>;
  readonly logins: WatchCache<LoginRow>;
  readonly keys: WatchCache<KeyRow>;
  private readonly listeners = new Set<Listener>();
  private expiry: NodeJS.Timeout | undefined;

  constructor(
    b: Backbone,
    log: Logger,
    private readonly now: () => number = Date.now,
  ) {
    this.accounts = new WatchCache(accountRows(b), { prefix: 'user.', log });
    this.logins = new WatchCache(loginRows(b), { prefix: LOGIN_PREFIX, log });
    this.keys = new WatchCache(keyRows(b), { log });
    this.accounts.onChange((id, after, before) => {
      const disabled = after?.disabledAt !== undefined && before?.disabledAt === undefined;
      if (disabled || (after === undefined && before !== undefined)) this.tell({ kind: 'account_disabled', id });
    });
    this.logins.onChange((_hash, after, before) => {
      if (after === undefined && before !== undefined) this.tell({ kind: 'login_ended', id: before.id });
    });
    this.keys.onChange((_hash, after, before) => {
      if (after === undefined && before !== undefined) this.tell({ kind: 'key_revoked', id: before.id });
    });
  }

  get ready(): Promise<unknown> {
    return Promise.all([this.accounts.ready, this.logins.ready, this.keys.ready]);
  }

  get isReady(): boolean {
    return this.accounts.isReady && this.logins.isReady && this.keys.isReady;
  }

  start(): void {
    for (const cache of [this.accounts, this.logins, this.keys]) cache.start();
    this.expiry = setInterval(() => this.expire(), EXPIRY_MS).unref();
  }

  stop(): void {
    clearInterval(this.expiry);
    for (const cache of [this.accounts, this.logins, this.keys]) cache.stop();
    this.listeners.clear();
  }

  on(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** An account, disabled or not. */
  account(userId: string): Promise<AccountRow | undefined> {
    return this.accounts.get(userId);
  }

  /** The login of a cookie, unless it has expired. */
  async login(hash: string): Promise<LoginRow | undefined> {
    return this.unexpired(await this.logins.get(hash));
  }

  /** The key of a token, unless it has expired. */
  async key(hash: string): Promise<KeyRow | undefined> {
    return this.unexpired(await this.keys.get(hash));
  }

  private unexpired<R extends { expiresAt?: number }>(row: R | undefined): R | undefined {
    return row === undefined || (row.expiresAt ?? Infinity) <= this.now() ? undefined : row;
  }

  /** The server removes expired rows without a message, but their sockets must be closed. */
  private expire(): void {
    const now = this.now();
    for (const cache of [this.logins, this.keys] as const) {
      for (const [hash, { expiresAt = Infinity }] of cache.entries()) if (expiresAt <= now) cache.drop(hash);
    }
  }

  private tell(change: CredentialChange): void {
    for (const listener of [...this.listeners]) listener(change);
  }
}
