import { RECENT_LAG_MS, sessionRowPrefix, type Bucket } from '@pizzapi/backbone';
import { KeyedSerialQueue } from '@pizzapi/process';
import {
  CodedError,
  matchesQuery,
  MAX_SESSIONS_PAGE,
  SESSIONS_PAGE,
  type RecentSessionsRow,
  type SessionInfo,
  type SessionsQuery,
  type SessionsReply,
} from '@pizzapi/protocol';
import type { Directory } from './directory.js';
import type { ProjectedSession } from './heldSessions.js';
import { ListSnapshots, type ListSnapshot } from './listSnapshots.js';
import { decodeCursor, encodeCursor, type PageCursor } from './pageCursor.js';
import { compareSessions, isEmptyFilter, isUrgent, type ListedSession, type ListFilter } from './sessionFilter.js';
import type { SharedSessions } from './sharedSessions.js';

/** Sessions that one reading of a list keeps. Those that follow are read when their page is asked for. */
const MAX_READ = 50_000;
/** Lists of one account that are read or wait for that. */
const MAX_READINGS = 16;
const NONE: ReadonlySet<string> = new Set();
/** A position before all sessions. */
const START: ListedSession = { sessionId: '', lastActivityAt: Number.MAX_SAFE_INTEGER };

export interface SessionPagesDeps {
  directory: Pick<Directory, 'hold' | 'liveOf' | 'loadAll' | 'revision' | 'revisionOf' | 'rows' | 'session' | 'userOf'>;
  recent: Pick<Bucket<RecentSessionsRow>, 'get'>;
  shared: Pick<SharedSessions, 'listFor' | 'sharedWith'>;
  maxRead?: number;
  snapshots?: ListSnapshots;
}

/**
 * The list of an account's sessions, page by page: its own, and those that other accounts share with it. The first page costs
 * the same however many sessions there are; a later one, or a filter, reads the rows of the account once.
 */
export class SessionPages {
  private readonly snapshots: ListSnapshots;
  private readonly readings = new Map<string, number>();
  private readonly queue = new KeyedSerialQueue();

  constructor(private readonly deps: SessionPagesDeps) {
    this.snapshots = deps.snapshots ?? new ListSnapshots();
  }

  /** Returns a page. Throws `bad_request` for a cursor of another list. */
  async page(userId: string, { limit = SESSIONS_PAGE, cursor, ...filter }: SessionsQuery): Promise<SessionsReply> {
    if (cursor === undefined)
      return isEmptyFilter(filter) ? this.first(userId, limit, true) : this.read(userId, limit, filter);
    const from = decodeCursor(cursor, filter);
    if (from === undefined) throw new CodedError('bad_request', 'The cursor is not of this list');
    const snapshot = this.snapshots.find(userId, from.list);
    if (snapshot?.order === undefined) return this.read(userId, limit, filter, from, snapshot);
    return this.serve(userId, limit, filter, { id: from.list, snapshot, offset: from.offset });
  }

  /** Returns the first page for a connection that receives all later changes: its next pages may show a session again. */
  firstOf(userId: string): Promise<SessionsReply> {
    return this.first(userId, SESSIONS_PAGE, false);
  }

  /** The rows of all sessions of an account. One that is written meanwhile can come twice, the later one last. */
  async *rowsOf(userId: string): AsyncGenerator<{ sessionId: string; row: ProjectedSession; revision: number }> {
    const prefix = sessionRowPrefix(userId);
    for await (const { key, value: row, revision } of this.deps.directory.rows.list(prefix))
      yield { sessionId: key.slice(prefix.length), row, revision };
  }

  private async first(userId: string, limit: number, isExact: boolean): Promise<SessionsReply> {
    const { directory, recent, shared } = this.deps;
    const { revision } = directory;
    const row = (await recent.get(userId))?.value;
    if (row === undefined) return this.read(userId, limit, {});
    const sids = new Set([...directory.liveOf(userId), ...latestOf(row, limit)]);
    const [own, others] = await Promise.all([this.views(userId, [...sids]), shared.listFor(userId)]);
    const all = [...own, ...others].sort(compareSessions);
    const urgent = all.slice(limit).filter(isUrgent);
    const sessions = [...all.slice(0, limit), ...urgent.slice(0, MAX_SESSIONS_PAGE - limit)];
    // A row that names fewer sessions names all of the account.
    if (sessions.length === all.length && row.sessions.length < SESSIONS_PAGE) return { sessions };
    const shown = new Set(sessions.map(({ sessionId }) => sessionId));
    const list = isExact ? this.snapshots.add({ userId, shown, revision, isTruncated: false }) : '';
    const { sessionId, lastActivityAt } = all.slice(0, limit).at(-1) ?? START;
    const after = { sessionId, lastActivityAt };
    return { sessions, cursor: encodeCursor({ list, offset: 0, after, revision }, {}) };
  }

  /** Reads the list from the rows of the account, one list of an account after another. */
  private async read(
    userId: string,
    limit: number,
    filter: ListFilter,
    from?: PageCursor,
    first?: ListSnapshot,
  ): Promise<SessionsReply> {
    const waiting = this.readings.get(userId) ?? 0;
    if (waiting >= MAX_READINGS) throw new CodedError('too_many_requests', 'Too many lists are read at once');
    this.readings.set(userId, waiting + 1);
    try {
      const { id, snapshot } = await this.queue.run(userId, () => this.snapshot(userId, filter, from, first));
      return await this.serve(userId, limit, filter, { id, snapshot, offset: 0 });
    } finally {
      const left = (this.readings.get(userId) ?? 1) - 1;
      if (left === 0) this.readings.delete(userId);
      else this.readings.set(userId, left);
    }
  }

  /** Reads the order of the list, of what `from` leaves. `first` is the snapshot of the first page. */
  private async snapshot(
    userId: string,
    filter: ListFilter,
    from?: PageCursor,
    first?: ListSnapshot,
  ): Promise<{ id: string; snapshot: ListSnapshot }> {
    const known = from === undefined ? undefined : this.snapshots.find(userId, from.list);
    // The same request was answered meanwhile: pages of one list have one order.
    if (from !== undefined && known?.order !== undefined) return { id: from.list, snapshot: known };
    const shown = first?.shown ?? NONE;
    const revision = first?.revision ?? this.deps.directory.revision;
    const isLeft = (session: ListedSession, changedAt: number): boolean => {
      if (from === undefined) return true;
      if (first !== undefined) return !shown.has(session.sessionId);
      // Another gateway has answered before, or it was long ago: what has changed since then may not have been shown.
      return compareSessions(from.after, session) < 0 || changedAt > from.revision;
    };
    const { order, isTruncated } = await this.order(userId, filter, isLeft);
    const snapshot: ListSnapshot = { userId, shown, order, isTruncated, revision };
    if (from === undefined || first === undefined) return { id: this.snapshots.add(snapshot), snapshot };
    this.snapshots.set(from.list, snapshot);
    return { id: from.list, snapshot };
  }

  private async order(
    userId: string,
    filter: ListFilter,
    isLeft: (session: ListedSession, changedAt: number) => boolean,
  ): Promise<{ order: ListedSession[]; isTruncated: boolean }> {
    const { directory, shared, maxRead = MAX_READ } = this.deps;
    const found = new Map<string, ListedSession>();
    let isTruncated = false;
    const sorted = () => [...found.values()].sort(compareSessions);
    const add = (info: SessionInfo, changedAt: number): void => {
      const { sessionId, lastActivityAt } = info;
      const session = { sessionId, lastActivityAt };
      // A row that is written meanwhile comes again.
      if (!matchesQuery(info, filter) || !isLeft(session, changedAt)) return void found.delete(sessionId);
      found.set(sessionId, session);
      if (found.size < 2 * maxRead) return;
      for (const { sessionId: last } of sorted().slice(maxRead)) found.delete(last);
      isTruncated = true;
    };
    for await (const { sessionId, row, revision } of this.rowsOf(userId)) add({ ...row.info, sessionId }, revision);
    for (const info of await shared.listFor(userId)) add(info, directory.revisionOf(info.sessionId));
    const order = sorted();
    isTruncated ||= order.length > maxRead;
    return { order: order.slice(0, maxRead), isTruncated };
  }

  /** A page of a list that was read. */
  private async serve(
    userId: string,
    limit: number,
    filter: ListFilter,
    { id, snapshot, offset }: { id: string; snapshot: ListSnapshot; offset: number },
  ): Promise<SessionsReply> {
    const { order = [], isTruncated, revision } = snapshot;
    const sessions: SessionInfo[] = [];
    let next = offset;
    // A session that was deleted since then, or has left the filter, makes room for the next one.
    while (sessions.length < limit && next < order.length) {
      const sids = order.slice(next, next + limit - sessions.length).map(({ sessionId }) => sessionId);
      next += sids.length;
      const views = await this.views(userId, sids);
      sessions.push(...views.filter((info) => matchesQuery(info, filter)));
    }
    sessions.sort(compareSessions);
    if (next >= order.length && !isTruncated) return { sessions };
    const after = order[next - 1] ?? START;
    const list = next >= order.length ? '' : id;
    return { sessions, cursor: encodeCursor({ list, offset: next, after, revision }, filter) };
  }

  /** These sessions as the account sees them. Those that it does not see are left out. */
  private async views(userId: string, sids: readonly string[]): Promise<SessionInfo[]> {
    const { directory, shared } = this.deps;
    const releases = sids.map((sid) => directory.hold(sid));
    try {
      await directory.loadAll(sids);
      return sids.flatMap((sid) => {
        const view = directory.userOf(sid) === userId ? directory.session(sid) : shared.sharedWith(userId, sid);
        return view ?? [];
      });
    } finally {
      for (const release of releases) release();
    }
  }
}

/** The sessions that can be among the `limit` latest: their times in the row may be behind. */
function latestOf({ sessions }: RecentSessionsRow, limit: number): string[] {
  const times = sessions.map(({ at }) => at).sort((a, b) => b - a);
  const least = (times[limit - 1] ?? -Infinity) - RECENT_LAG_MS;
  return sessions.flatMap(({ sessionId, at }) => (at >= least ? [sessionId] : []));
}
