import {
  accountRows,
  ownerOf,
  readLease,
  sessionRowPrefix,
  sessionRows,
  StorageUsage,
  NO_STORAGE_LIMITS,
} from '@pizzapi/backbone';
import type { Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import { isImported, type RetentionOverride } from '@pizzapi/protocol';
import type { Erasures } from './erasures.js';

const DAY_MS = 24 * 60 * 60_000;

/** How long, in days, and how much, in bytes, is kept of an account's sessions; 0 = everything. */
export interface RetentionRules {
  days: number;
  bytes: number;
}

export const KEEP_ALL: RetentionRules = { days: 0, bytes: 0 };

/** A session as the rules look at it. */
export interface RetainedSession {
  sid: string;
  /** It has ended and no host holds its lease. Only then the rules touch it. */
  isOver: boolean;
  /** When it ended, in ms; undefined: age does not count, because it was imported. */
  endedAt: number | undefined;
  /** Its log and its files. */
  bytes: number;
}

export interface RetentionDeps {
  b: Backbone;
  admin: Backbone;
  erasures: Pick<Erasures, 'start'>;
  retention: RetentionRules;
  log: Logger;
  now?: () => number;
}

/** The rules of an account: what an admin said of it, and for the rest those of the installation. Pure. */
export function rulesFor(defaults: RetentionRules, own: RetentionOverride | undefined): RetentionRules {
  const chosen = (mine: number | null | undefined, other: number): number => (mine === undefined ? other : (mine ?? 0));
  return { days: chosen(own?.days, defaults.days), bytes: chosen(own?.bytes, defaults.bytes) };
}

/**
 * Returns the sessions that an account's rules remove, the oldest first: those that ended too long ago, and as many more as
 * it takes until the rest has no more bytes than may be. A session that is not over counts and stays. Pure.
 */
export function expiredSessions(
  sessions: readonly RetainedSession[],
  { days, bytes }: RetentionRules,
  now: number,
): string[] {
  const over = sessions.filter(({ isOver }) => isOver).sort((a, b) => (a.endedAt ?? now) - (b.endedAt ?? now));
  const isOld = ({ endedAt }: RetainedSession): boolean =>
    days > 0 && endedAt !== undefined && endedAt < now - days * DAY_MS;
  let left = sessions.reduce((sum, session) => sum + session.bytes, 0);
  const expired: string[] = [];
  for (const session of over) {
    if (!isOld(session) && (bytes === 0 || left <= bytes)) continue;
    left -= session.bytes;
    expired.push(session.sid);
  }
  return expired;
}

/** Erases what the rules remove. Each session leaves a row in the audit log. */
export async function enforceRetention(deps: RetentionDeps, signal: AbortSignal): Promise<void> {
  const { b, admin, erasures, retention, log, now = Date.now } = deps;
  for await (const { value: account } of accountRows(admin).list('user.', signal)) {
    const rules = rulesFor(retention, account.retention);
    if (rules.days === 0 && rules.bytes === 0) continue;
    const expired = expiredSessions(await sessionsOf(b, account.userId), rules, now());
    for (const sid of expired) {
      if (signal.aborted) return;
      // Before the lease: a host that gets the session from now on keeps it.
      const epoch = (await ownerOf(admin, sid))?.epoch;
      if ((await readLease(admin, `session.${sid}`)) !== undefined) continue;
      const begun = await erasures.start({ sid }, { why: 'retention', epoch });
      if (typeof begun !== 'string') continue;
      log.info({ sid }, 'session erased: it is older than its account keeps, or there is too much');
    }
  }
}

async function sessionsOf(b: Backbone, userId: string): Promise<RetainedSession[]> {
  const files = await new StorageUsage(b, NO_STORAGE_LIMITS).sessionsOf(userId);
  const found: RetainedSession[] = [];
  for await (const { value } of sessionRows(b).list(sessionRowPrefix(userId))) {
    const { info, logBytes = 0 } = value;
    const { sessionId: sid, state, endedAt = info.lastActivityAt } = info;
    found.push({
      ...{ sid, isOver: state === 'ended', endedAt: isImported(info) ? undefined : endedAt },
      bytes: logBytes + (files.get(sid) ?? 0),
    });
  }
  return found;
}
