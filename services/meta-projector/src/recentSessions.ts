import { isDeepStrictEqual } from 'node:util';
import {
  parseSessionRowKey,
  recentSessionsRows,
  sessionRowPrefix,
  sessionRows,
  withRecentChanges,
  type Backbone,
  type Bucket,
  type RecentChanges,
} from '@pizzapi/backbone';
import { Semaphore } from '@pizzapi/process';
import { MAX_RECENT_SESSIONS, type RecentSessionsRow } from '@pizzapi/protocol';

/** A row that names fewer sessions is filled again from the rows of the account, where there are more. */
export const REFILL_BELOW = 100;
/** Rows kept in memory between writes, at most. */
const CACHED_ACCOUNTS = 1_000;
/** Rows that a rebuild writes concurrently. */
const ACCOUNTS_AT_ONCE = 32;

export interface RecentSessionsOptions {
  bucket: Pick<Bucket<RecentSessionsRow>, 'get' | 'create' | 'update'>;
  /** The sessions of an account that were active last, where it has more than `known`. Undefined: it has no more. */
  refill: (userId: string, known: number) => Promise<RecentChanges | undefined>;
}

interface CachedRow {
  row: RecentSessionsRow | undefined;
  /** 0 = there is no row. */
  revision: number;
  /** Whether it was compared with the number of sessions that the account has. */
  isComplete: boolean;
}

/**
 * Keeps the rows of the bucket `recent-sessions` up to date. Several projectors may write one row: each writes with a
 * condition on the revision, and applies its changes again to what another has written.
 */
export class RecentSessions {
  private readonly pending = new Map<string, Map<string, number | undefined>>();
  private readonly cached = new Map<string, CachedRow>();

  constructor(private readonly options: RecentSessionsOptions) {}

  /** A session of the account was active at `at`; undefined: it is gone. */
  note(userId: string, sid: string, at: number | undefined): void {
    const changes = this.pending.get(userId) ?? new Map<string, number | undefined>();
    this.pending.set(userId, changes.set(sid, at));
  }

  /** Writes the rows that must change. Throws `unavailable` and may be called again. */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.pending].map(async ([userId, changes]) => {
        await this.write(userId, changes);
        if (this.pending.get(userId) === changes) this.pending.delete(userId);
      }),
    );
    for (const userId of this.cached.keys()) {
      if (this.cached.size <= CACHED_ACCOUNTS) return;
      this.cached.delete(userId);
    }
  }

  private async write(userId: string, changes: RecentChanges): Promise<void> {
    const { bucket } = this.options;
    for (;;) {
      const entry = this.cached.get(userId) ?? (await this.read(userId));
      const next = await this.next(userId, entry, changes);
      if (next === undefined) return this.remember(userId, { ...entry, isComplete: true });
      const { revision } = entry;
      const outcome = revision === 0 ? await bucket.create(userId, next) : await bucket.update(userId, next, revision);
      if (outcome.kind === 'stored')
        return this.remember(userId, { row: next, revision: outcome.revision, isComplete: true });
      this.cached.delete(userId);
    }
  }

  private async next(
    userId: string,
    { row, isComplete }: CachedRow,
    changes: RecentChanges,
  ): Promise<RecentSessionsRow | undefined> {
    const next = withRecentChanges(row, changes);
    const [before, known] = [row?.sessions.length ?? 0, (next ?? row)?.sessions.length ?? 0];
    const isDue = known < REFILL_BELOW && (!isComplete || known < before);
    const found = isDue ? await this.options.refill(userId, known) : undefined;
    return found === undefined ? next : withRecentChanges(row, new Map([...found, ...changes]));
  }

  private async read(userId: string): Promise<CachedRow> {
    const found = await this.options.bucket.get(userId);
    return { row: found?.value, revision: found?.revision ?? 0, isComplete: false };
  }

  private remember(userId: string, entry: CachedRow): void {
    // Last in the map: the rows used longest ago are the first to be forgotten.
    this.cached.delete(userId);
    this.cached.set(userId, entry);
  }
}

/** Returns the sessions of an account that were active last, from their rows. Undefined where it has at most `known`. */
export async function latestOf(b: Backbone, userId: string, known = -1): Promise<RecentChanges | undefined> {
  const [rows, prefix] = [sessionRows(b), sessionRowPrefix(userId)];
  if (known >= 0 && (await rows.count(prefix)) <= known) return undefined;
  const latest = new Latest();
  for await (const { key, value } of rows.list(prefix)) latest.add(key.slice(prefix.length), value.info.lastActivityAt);
  return new Map(latest.top());
}

/**
 * Writes the bucket `recent-sessions` anew from the rows of the sessions. Ends early when the signal aborts. `isShared`:
 * other projectors write the rows of their sessions meanwhile, so that everything that is there stays.
 */
export async function rebuildRecentSessions(b: Backbone, signal: AbortSignal, isShared = false): Promise<void> {
  const accounts = new Map<string, Latest>();
  for await (const { key, value } of sessionRows(b).list('', signal)) {
    const { userId, sid } = parseSessionRowKey(key) ?? {};
    if (userId === undefined || sid === undefined) continue;
    const latest = accounts.get(userId) ?? new Latest();
    accounts.set(userId, latest);
    latest.add(sid, value.info.lastActivityAt);
  }
  const rows = recentSessionsRows(b);
  for await (const { key, revision } of rows.listKeys('', signal)) {
    // What another projector wrote meanwhile stays.
    if (!accounts.has(key) && !isShared && !signal.aborted) await rows.delete(key, { revision });
  }
  await new Semaphore(ACCOUNTS_AT_ONCE).forEach([...accounts], async ([userId, latest]) => {
    for (let found: RecentChanges | undefined = new Map(latest.top()); !signal.aborted && found !== undefined;) {
      const old = await rows.get(userId);
      const next = withRecentChanges(isShared ? old?.value : undefined, found);
      if (next === undefined || isDeepStrictEqual(old?.value, next)) return;
      const outcome =
        old === undefined ? await rows.create(userId, next) : await rows.update(userId, next, old.revision);
      if (outcome.kind === 'stored') return;
      found = await latestOf(b, userId);
    }
  });
}

/** The latest sessions of one account while many are counted. */
class Latest {
  private sessions = new Map<string, number>();

  add(sid: string, at: number): void {
    this.sessions.set(sid, at);
    if (this.sessions.size >= 2 * MAX_RECENT_SESSIONS) this.sessions = new Map(this.top());
  }

  top(): [sid: string, at: number][] {
    return [...this.sessions].sort(([, a], [, b]) => b - a).slice(0, MAX_RECENT_SESSIONS);
  }
}
