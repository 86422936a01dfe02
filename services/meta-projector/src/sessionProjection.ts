import {
  parseSessionRowKey,
  SESSION_ROW_MARKER_MS,
  sessionRowKey,
  SESSIONS_STREAM,
  type StoredEvent,
  type StoredRecord,
} from '@pizzapi/backbone';
import type { SessionMetaRow, SessionRow } from '@pizzapi/protocol';
import { evolveSession, initialSessionRows, type SessionRows } from './evolve.js';
import { recordOutcome, byOwner, type ProjectionHandler, type ProjectionContext } from './projectionHandler.js';
import type { RecentSessions } from './recentSessions.js';
import { RowStore, type RowBucket } from './rowStore.js';
import { SessionOwners, type ReadOwners } from './sessionOwners.js';

export interface SessionProjectionOptions extends ProjectionContext {
  /** The stream with the logs, or with those of one partition. */
  stream?: string;
  /** By `sessionRowKey`. */
  rows: RowBucket<SessionRow>;
  /** By session id. */
  metas: RowBucket<SessionMetaRow>;
  /** The owners of these sessions, from the bucket that only the authenticator grants in. */
  owners: ReadOwners;
  /** All stored events of one session, to fold it anew. */
  history: (sid: string) => AsyncIterable<StoredEvent[]>;
  /** Receives when sessions of accounts were active. */
  recent?: Pick<RecentSessions, 'note' | 'flush'>;
  /** Called for every change of a session's row, and without a row when the session was deleted. */
  onRow?: (sid: string, row: SessionRow | undefined) => void;
  cachedRows?: number;
}

/**
 * Folds the logs of sessions into the buckets `sessions` and `session-meta`. A session's row lies below its owner: where
 * the owner is found to be another, the row is folded again from the log below the new one, and the old row is deleted.
 */
export class SessionProjection implements ProjectionHandler {
  readonly stream: string;
  private readonly rows: RowStore<SessionRow>;
  private readonly metas: RowStore<SessionMetaRow>;
  private readonly owners: SessionOwners;
  /** Sessions that must be folded again from the start of their log. */
  private readonly toRefold = new Set<string>();
  /** Keys of rows that are replaced by a row below another owner. */
  private readonly obsolete = new Set<string>();

  constructor(private readonly options: SessionProjectionOptions) {
    this.stream = options.stream ?? SESSIONS_STREAM;
    const { rows, metas, metrics, cachedRows } = options;
    const common = cachedRows === undefined ? {} : { cachedRows };
    this.owners = new SessionOwners(options.owners);
    this.rows = new RowStore({
      ...common,
      bucket: rows,
      initial: (key) => initialSessionRows(sidOf(key)).row,
      onConflict: () => metrics.conflicts.inc({ bucket: 'sessions' }),
      // Events up to the later row are passed over from here on, so that the meta row must be as late: it is read again.
      onReplaced: (key) => this.metas.forget(sidOf(key)),
    });
    this.metas = new RowStore({
      ...common,
      bucket: metas,
      initial: (sid) => initialSessionRows(sid).meta,
      onConflict: () => metrics.conflicts.inc({ bucket: 'session-meta' }),
    });
  }

  async apply(records: readonly StoredRecord[]): Promise<void> {
    const owned = byOwner(records);
    await this.load(owned);
    for (const [sid, record] of owned) this.evolve(sid, record);
  }

  /**
   * The recent sessions first, and the meta rows before the rows: a session's row at an offset says that the others have
   * everything up to there, so that a crash in between leaves nothing out.
   */
  async flush(): Promise<void> {
    await this.refoldAll();
    await this.options.recent?.flush();
    for (const sid of await this.metas.flush()) this.toRefold.add(sid);
    for (const key of await this.rows.flush()) this.toRefold.add(sidOf(key));
    for (const key of this.obsolete) {
      await this.options.rows.delete(key, { markerMs: SESSION_ROW_MARKER_MS });
      this.obsolete.delete(key);
    }
    if (this.toRefold.size > 0) return this.flush();
    this.owners.shrink();
  }

  /** Reads the owners and rows of a batch. */
  private async load(owned: readonly (readonly [sid: string, record: StoredRecord])[]): Promise<void> {
    const moved = await this.owners.load(owned);
    for (const { sid, from } of moved) this.leave(sid, from);
    const sids = new Set(owned.map(([sid]) => sid));
    await this.loadRows(sids);
    await Promise.all([...sids].map((sid) => this.findUnowned(sid)));
    await this.refoldAll();
  }

  private async loadRows(sids: Iterable<string>): Promise<void> {
    await Promise.all([this.rows.load([...sids].map((sid) => this.keyOf(sid))), this.metas.load(sids)]);
  }

  /** A row that was written while the session had no owner is replaced by one below the owner. */
  private async findUnowned(sid: string): Promise<void> {
    if (this.owners.of(sid) === undefined || this.rows.has(this.keyOf(sid))) return;
    const key = sessionRowKey(undefined, sid);
    if ((await this.options.rows.get(key)) === undefined) return;
    this.obsolete.add(key);
    this.toRefold.add(sid);
  }

  /** The session has another owner than before, `from`. */
  private leave(sid: string, from: string | undefined): void {
    const key = sessionRowKey(from, sid);
    this.rows.forget(key);
    this.obsolete.add(key);
    this.toRefold.add(sid);
    if (from !== undefined) this.options.recent?.note(from, sid, undefined);
  }

  private async refoldAll(): Promise<void> {
    for (const sid of this.toRefold) {
      await this.refold(sid);
      this.toRefold.delete(sid);
    }
  }

  /** Folds a session again from what the log still has, which is nothing for a deleted session. */
  private async refold(sid: string): Promise<void> {
    const moved = await this.owners.reload(sid);
    if (moved !== undefined) this.leave(sid, moved.from);
    const key = this.keyOf(sid);
    this.rows.forget(key);
    this.metas.forget(sid);
    await this.loadRows([sid]);
    const before = { row: this.rows.get(key), meta: this.metas.get(sid) };
    let isRow = this.rows.has(key);
    let now: SessionRows = before;
    for await (const events of this.options.history(sid)) {
      for (const event of events) {
        const next = this.next(sid, event, now, isRow);
        isRow ||= next !== undefined;
        now = next ?? now;
      }
    }
    if (isRow) return this.set(sid, before, now);
    const userId = this.owners.of(sid);
    if (userId !== undefined) this.options.recent?.note(userId, sid, undefined);
    // The session was deleted: its id can be granted to another account.
    this.owners.forget(sid);
    this.options.onRow?.(sid, undefined);
  }

  private evolve(sid: string, record: StoredEvent): void {
    const key = this.keyOf(sid);
    const before = { row: this.rows.get(key), meta: this.metas.get(sid) };
    const next = this.next(sid, record, before, this.rows.has(key));
    if (next !== undefined) this.set(sid, before, next);
  }

  private next(sid: string, record: StoredEvent, before: SessionRows, isRow: boolean): SessionRows | undefined {
    const outcome = evolveSession(before, record);
    const next = recordOutcome(outcome, { stream: this.stream, id: sid, record }, this.options);
    // Unreadable bytes make no session.
    return outcome.kind === 'poison' && !isRow ? undefined : next;
  }

  private set(sid: string, before: SessionRows, { row, meta }: SessionRows): void {
    if (row !== before.row) this.rows.set(this.keyOf(sid), row);
    if (meta !== before.meta) this.metas.set(sid, meta);
    const userId = this.owners.of(sid);
    if (userId !== undefined) this.options.recent?.note(userId, sid, row.info.lastActivityAt);
    this.options.onRow?.(sid, row);
  }

  private keyOf(sid: string): string {
    return sessionRowKey(this.owners.of(sid), sid);
  }
}

function sidOf(key: string): string {
  return parseSessionRowKey(key)?.sid ?? key;
}
