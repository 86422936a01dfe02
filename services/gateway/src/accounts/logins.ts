import { randomBytes } from 'node:crypto';
import { loginKey, loginRows, refreshKeyOf, refreshRows, type Backbone } from '@pizzapi/backbone';
import { secretHash } from '@pizzapi/process';
import { newId, type LoginInfo, type LoginRow } from '@pizzapi/protocol';
import { LOGIN_TTL_MS } from '../auth/cookie.js';
import type { CredentialCache } from '../auth/credentialCache.js';
import type { Client } from './outcome.js';
import { MARKER_MS } from './store.js';

/** Logins that one account may have; one more ends the one that was not seen for longest. */
export const MAX_LOGINS = 50;
/** Characters kept of what a browser calls itself. */
const MAX_USER_AGENT = 200;

/** What a login through the issuer has besides. */
export type LoginOptions = Pick<LoginRow, 'issuer'> & {
  ttlMs?: number;
  /** What has to be stored before the login is, under the hash of its cookie. */
  before?: (hash: string) => Promise<void>;
};

/** The sign-ins of browsers: rows of the bucket `accounts`, found by the SHA-256 of the cookie. */
export class Logins {
  private readonly rows;
  private readonly refreshTokens;

  constructor(
    b: Backbone,
    private readonly credentialCache: CredentialCache,
    private readonly now: () => number = Date.now,
  ) {
    this.rows = loginRows(b);
    this.refreshTokens = refreshRows(b);
  }

  /** Signs a browser in: the cookie it is to keep. */
  async begin(
    userId: string,
    { ip, userAgent }: Client,
    { ttlMs = LOGIN_TTL_MS, before, ...more }: LoginOptions = {},
  ): Promise<{ cookie: string; login: LoginRow }> {
    await this.makeRoom(userId);
    const cookie = randomBytes(32).toString('base64url');
    const at = this.now();
    const login: LoginRow = {
      ...{ id: newId('l'), userId, createdAt: at, lastSeenAt: at, expiresAt: at + ttlMs, ip },
      ...{ userAgent: userAgent.slice(0, MAX_USER_AGENT), ...more },
    };
    const hash = secretHash(cookie);
    await before?.(hash);
    const { revision } = await this.rows.create(loginKey(hash), login, { ttlMs });
    await this.credentialCache.logins.settled(revision);
    return { cookie, login };
  }

  /** The logins of an account, the last seen first. */
  listOf(userId: string, current: string): LoginInfo[] {
    return this.of(userId).map(([, { userId: _, issuer, ...login }]) => ({
      ...{ ...login, current: login.id === current },
      ...(issuer === undefined ? {} : { throughIssuer: true }),
    }));
  }

  /** Ends one login of an account; false when there is none with this id. Resolves once it opens nothing here. */
  async end(userId: string, id: string): Promise<boolean> {
    const found = this.of(userId).find(([, login]) => login.id === id);
    if (found !== undefined) await this.remove(found);
    return found !== undefined;
  }

  /** Ends all logins of an account but one. */
  async endAll(userId: string, except?: string): Promise<void> {
    const others = this.of(userId).filter(([, { id }]) => id !== except);
    await Promise.all(others.map((login) => this.remove(login)));
  }

  private of(userId: string): [hash: string, LoginRow][] {
    const now = this.now();
    return [...this.credentialCache.logins.entries()]
      .filter(([, login]) => login.userId === userId && login.expiresAt > now)
      .sort(([, a], [, b]) => b.lastSeenAt - a.lastSeenAt);
  }

  private async makeRoom(userId: string): Promise<void> {
    for (const login of this.of(userId).slice(MAX_LOGINS - 1)) await this.remove(login);
  }

  private async remove([hash, { issuer }]: [hash: string, LoginRow]): Promise<void> {
    // First: when this fails, the login is still there, and so is the way to its token.
    if (issuer !== undefined) await this.refreshTokens.delete(refreshKeyOf(loginKey(hash)), { markerMs: MARKER_MS });
    const { revision } = await this.rows.delete(loginKey(hash), { markerMs: MARKER_MS });
    await this.credentialCache.logins.deletionSettled(hash, revision);
  }
}
