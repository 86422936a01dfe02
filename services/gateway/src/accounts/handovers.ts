import { randomBytes } from 'node:crypto';
import { handoverRows, type AuditWriter, type Backbone } from '@pizzapi/backbone';
import { secretHash } from '@pizzapi/process';
import { errorInfo, type HandoverRow, type LoginRow } from '@pizzapi/protocol';
import type { CredentialCache } from '../auth/credentialCache.js';
import type { Principal } from '../auth/principal.js';
import { refused, retryAfterText, type Refused } from './outcome.js';
import type { AttemptRateLimiter } from './rateLimits.js';
import { MARKER_MS } from './store.js';

/** How long a link for another device works, in ms: as long as it takes to scan it. */
const HANDOVER_TTL_MS = 5 * 60_000;
/** The prefix tells the token from that of a sign-in link of the machine. 128 random bits follow. */
const TOKEN = /^h[A-Za-z0-9_-]{22}$/;

const keyOf = (token: string): string => `handover.${secretHash(token)}`;

export interface HandoversDeps {
  b: Backbone;
  credentialCache: CredentialCache;
  limits: AttemptRateLimiter;
  audit: AuditWriter;
  now?: () => number;
}

/** One-time links by which a person who is signed in signs another device in. Found by the hash of their token. */
export class Handovers {
  private readonly rows;
  private readonly now: () => number;

  constructor(private readonly deps: HandoversDeps) {
    this.rows = handoverRows(deps.b);
    this.now = deps.now ?? Date.now;
  }

  async create({
    userId,
    credential,
    ip = '',
  }: Principal): Promise<{ kind: 'created'; token: string; expiresAt: number } | Refused> {
    // A key can be revoked; a login that it had made would outlive that.
    if (credential.kind !== 'login' && credential.kind !== 'local')
      return refused(errorInfo('forbidden', 'A key cannot sign a device in; sign in with a password or a link'));
    const wait = await this.deps.limits.consume('handover', { ip, account: userId, signedIn: true });
    if (wait !== undefined) return retryAfterText(wait);
    const token = `h${randomBytes(16).toString('base64url')}`;
    const expiresAt = this.now() + HANDOVER_TTL_MS;
    const row: HandoverRow = { userId, expiresAt, ...(credential.kind === 'login' ? { loginId: credential.id } : {}) };
    await this.rows.create(keyOf(token), row, { ttlMs: HANDOVER_TTL_MS });
    this.deps.audit('handover_created', { userId, ip });
    return { kind: 'created', token, expiresAt };
  }

  /**
   * The account that a token signs in to, once, and the login of the browser that has created it. Undefined when the token is not
   * valid.
   */
  async take(token: string): Promise<{ userId: string; login?: LoginRow } | undefined> {
    const found = TOKEN.test(token) ? await this.rows.get(keyOf(token)) : undefined;
    if (found === undefined) return undefined;
    // Of many who ask at once, one removes the row.
    const taken = await this.rows.delete(keyOf(token), { revision: found.revision, markerMs: MARKER_MS });
    const { userId, expiresAt, loginId } = found.value;
    if (taken.kind === 'conflict' || expiresAt <= this.now()) return undefined;
    if (loginId === undefined) return { userId };
    // A login that has ended takes the links along that it has created.
    const login = [...this.deps.credentialCache.logins.values()].find(({ id }) => id === loginId);
    return login === undefined ? undefined : { userId, login };
  }
}
