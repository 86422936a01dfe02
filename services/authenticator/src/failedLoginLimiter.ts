import { createHash } from 'node:crypto';

/** Over so long failures are counted, in ms. */
export const WINDOW_MS = 10_000;
/**
 * Different logins that may fail from one address in that time. Tokens cannot be guessed; this bounds what guessing
 * costs. High, because the workers of a host whose token was revoked all fail at once.
 */
export const MAX_FAILED_LOGINS = 1_000;
/** For so long the same login is refused again without being looked up, in ms. */
export const REMEMBER_MS = 2_000;
/** Addresses and logins kept in mind. */
const MAX_KEPT = 10_000;

/** What failed lately, so that trying it again and again costs little and leaves one row in the audit trail a minute. */
export class FailedLoginLimiter {
  private readonly hosts = new Map<string, { since: number; logins: Set<string> }>();
  private readonly known = new Map<string, { reason: string; until: number }>();
  private readonly told = new Map<string, number>();

  /** Why this login is refused without a look-up, if it is. */
  cachedRefusal(host: string, user: string, password: string, now: number): string | undefined {
    const known = this.known.get(digest(user, password));
    if (known !== undefined && known.until > now) return known.reason;
    const counted = this.hosts.get(host);
    return counted !== undefined && now - counted.since < WINDOW_MS && counted.logins.size >= MAX_FAILED_LOGINS
      ? 'too_many_requests'
      : undefined;
  }

  note(host: string, user: string, password: string, reason: string, now: number): void {
    const login = digest(user, password);
    keep(this.known, login, { reason, until: now + REMEMBER_MS });
    const counted = this.hosts.get(host);
    if (counted !== undefined && now - counted.since < WINDOW_MS) counted.logins.add(login);
    else keep(this.hosts, host, { since: now, logins: new Set([login]) });
  }

  /** Whether this refusal is to be told: not more than once a minute each. */
  shouldReport(user: string, reason: string, now: number): boolean {
    const key = `${user} ${reason}`;
    if (now - (this.told.get(key) ?? -Infinity) < 60_000) return false;
    keep(this.told, key, now);
    return true;
  }
}

/** The latest last; the oldest go when there are too many. */
function keep<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_KEPT) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** Not the password itself: memory may be dumped. */
function digest(user: string, password: string): string {
  return createHash('sha256').update(`${user}\0${password}`).digest('base64url');
}
