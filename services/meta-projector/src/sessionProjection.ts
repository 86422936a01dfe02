import { SESSIONS_STREAM, type StoredEvent, type StoredRecord } from '@pizzapi/backbone';
import type { SessionMetaRow, SessionRow } from '@pizzapi/protocol';
import { evolveSession, initialSessionRows } from './evolve.js';
import { recordOutcome, byOwner, type ProjectionHandler, type ProjectionContext } from './projectionHandler.js';
import { RowStore, type RowBucket } from './rowStore.js';

export interface SessionProjectionOptions extends ProjectionContext {
  /** The stream with the logs, or with those of one partition. */
  stream?: string;
  rows: RowBucket<SessionRow>;
  metas: RowBucket<SessionMetaRow>;
  /** All stored events of one session, to fold it anew. */
  history: (sid: string) => AsyncIterable<StoredEvent[]>;
  /** Called for every change of a session's row, and without a row when the session was deleted. */
  onRow?: (sid: string, row: SessionRow | undefined) => void;
  cachedRows?: number;
}

/** Folds the logs of sessions into the buckets `sessions` and `session-meta`. */
export class SessionProjection implements ProjectionHandler {
  readonly stream: string;
  private readonly rows: RowStore<SessionRow>;
  private readonly metas: RowStore<SessionMetaRow>;

  constructor(private readonly options: SessionProjectionOptions) {
    this.stream = options.stream ?? SESSIONS_STREAM;
    const { rows, metas, metrics, cachedRows } = options;
    const common = cachedRows === undefined ? {} : { cachedRows };
    this.rows = new RowStore({
      ...common,
      bucket: rows,
      initial: (sid) => initialSessionRows(sid).row,
      onConflict: () => metrics.conflicts.inc({ bucket: 'sessions' }),
      // Events up to the later row are passed over from here on, so that the meta row must be as late: it is read again.
      onReplaced: (sid) => this.metas.forget(sid),
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
    await this.load(new Set(owned.map(([sid]) => sid)));
    for (const [sid, record] of owned) this.evolve(sid, record);
  }

  /**
   * The meta rows first: a session's row at an offset says that its meta row has everything up to there, so that a
   * crash in between leaves nothing out.
   */
  async flush(): Promise<void> {
    const gone = new Set([...(await this.metas.flush()), ...(await this.rows.flush())]);
    for (const sid of gone) await this.rebuildRow(sid);
    if (gone.size > 0) await this.flush();
  }

  /** Folds deleted rows again from what the log still has, which is nothing for a deleted session. */
  private async rebuildRow(sid: string): Promise<void> {
    this.rows.forget(sid);
    this.metas.forget(sid);
    this.options.onRow?.(sid, undefined);
    await this.load([sid]);
    for await (const events of this.options.history(sid)) {
      for (const event of events) this.evolve(sid, event);
    }
  }

  private async load(sids: Iterable<string>): Promise<void> {
    await Promise.all([this.rows.load(sids), this.metas.load(sids)]);
  }

  private evolve(sid: string, record: StoredEvent): void {
    const before = { row: this.rows.get(sid), meta: this.metas.get(sid) };
    const outcome = evolveSession(before, record);
    const next = recordOutcome(outcome, { stream: this.stream, id: sid, record }, this.options);
    // Unreadable bytes make no session.
    if (next === undefined || (outcome.kind === 'poison' && !this.rows.has(sid))) return;
    this.rows.set(sid, next.row);
    if (next.meta !== before.meta) this.metas.set(sid, next.meta);
    this.options.onRow?.(sid, next.row);
  }
}
