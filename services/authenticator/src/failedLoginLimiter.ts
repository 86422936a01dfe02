import { createHash } from 'node:crypto';
import { BoundedMap } from '@pizzapi/protocol';

/** The window in which failures are counted, in ms. */
export const WINDOW_MS = 10_000;
/**
 * Different logins that may fail from one address in that time. Tokens cannot be guessed; this bounds what guessing
 * costs. High, because the workers of a host whose token was revoked all fail at once.
 */
export const MAX_FAILED_LOGINS = 1_000;
/** How long the same login is refused again without a look-up, in ms. */
export const REMEMBER_MS = 2_000;
/** Addresses and logins that are remembered at once. */
const MAX_KEPT = 10_000;

/** Bounds what repeated failures of logins cost: look-ups, and rows of the audit log (one a minute for each login). */
export class FailedLoginLimiter {
  private readonly hosts = new BoundedMap<string, { since: number; logins: Set<string> }>(MAX_KEPT);
  private readonly known = new BoundedMap<string, { reason: string; until: number }>(MAX_KEPT);
  private readonly reportedAt = new BoundedMap<string, number>(MAX_KEPT);

  /**
   * Returns why this login is refused without a look-up, or undefined when it needs one. `host` is undefined where the address is
   * that of a gateway, which bounds the attempts of each address itself: one stranger must not use up what all may try.
   */
  cachedRefusal(host: string | undefined, user: string, password: string, now: number): string | undefined {
    const known = this.known.get(digest(user, password));
    if (known !== undefined && known.until > now) return known.reason;
    const counted = host === undefined ? undefined : this.hosts.get(host);
    return counted !== undefined && now - counted.since < WINDOW_MS && counted.logins.size >= MAX_FAILED_LOGINS
      ? 'too_many_requests'
      : undefined;
  }

  note(host: string | undefined, user: string, password: string, reason: string, now: number): void {
    const login = digest(user, password);
    this.known.set(login, { reason, until: now + REMEMBER_MS });
    if (host === undefined) return;
    const counted = this.hosts.get(host);
    if (counted !== undefined && now - counted.since < WINDOW_MS) counted.logins.add(login);
    else this.hosts.set(host, { since: now, logins: new Set([login]) });
  }

  /** Whether the audit log gets a row for this refusal: at most one a minute for each login and reason. */
  shouldReport(user: string, reason: string, now: number): boolean {
    const key = `${user} ${reason}`;
    if (now - (this.reportedAt.get(key) ?? -Infinity) < 60_000) return false;
    this.reportedAt.set(key, now);
    return true;
  }
}

/** Not the password itself: memory may be dumped. */
function digest(user: string, password: string): string {
  return createHash('sha256').update(`${user}\0${password}`).digest('base64url');
}
