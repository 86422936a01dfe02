import {
  bucket,
  recentSessionsRows,
  replay,
  runnerRows,
  sessionMetaRows,
  sessionRows,
  type Backbone,
} from '@pizzapi/backbone';
import { retryWhileUnavailable, sleep, type Logger } from '@pizzapi/process';
import type { SessionRow } from '@pizzapi/protocol';
import { CURSOR_KEY, saveCursor, type Cursor } from './cursor.js';
import type { ProjectorMetrics } from './metrics.js';
import { latestOf, RecentSessions } from './recentSessions.js';
import { RunnerProjection } from './runnerProjection.js';
import { SessionProjection } from './sessionProjection.js';
import { isFirst, scopedKey, scopeOf, type PartitionScope } from './partitionScope.js';
import { readOwnersIn } from './sessionOwners.js';
import { StreamProjector, type ProjectionEnd } from './streamProjector.js';

/** How often the cursor is saved. What lies between it and a crash is read again, and passed over. */
const CURSOR_MS = 1_000;

export interface LiveProjectorOptions {
  backbone: Backbone;
  log: Logger;
  metrics: ProjectorMetrics;
  /** What is folded; the whole log when left out. */
  scope?: PartitionScope;
  /** Another projector has the lease: stop at once, write nothing more. */
  lost: AbortSignal;
  onRow: (sid: string, row: SessionRow | undefined) => void;
}

/** The folding of the logs of a scope, and of runners where the scope has them, from a cursor on. */
export class LiveProjector {
  private readonly scope: PartitionScope;
  private readonly sessions: StreamProjector;
  /** Missing where another scope has the runners. */
  private readonly runners: StreamProjector | undefined;
  private readonly over = new AbortController();

  constructor(
    private readonly options: LiveProjectorOptions,
    private readonly from: Cursor,
  ) {
    const { backbone, log, metrics, lost, onRow } = options;
    this.scope = options.scope ?? scopeOf(backbone);
    const fold = new SessionProjection({
      stream: this.scope.stream,
      rows: sessionRows(backbone),
      metas: sessionMetaRows(backbone),
      owners: readOwnersIn(backbone),
      recent: new RecentSessions({
        bucket: recentSessionsRows(backbone),
        refill: (userId, known) => latestOf(backbone, userId, known),
      }),
      history: (sid) => replay(backbone, sid),
      onRow,
      log,
      metrics,
    });
    const common = { backbone, log, metrics, signal: lost };
    this.sessions = new StreamProjector({ ...common, handler: fold, after: from.sessions });
    if (!isFirst(this.scope)) return;
    const runners = new RunnerProjection({ rows: runnerRows(backbone), log, metrics });
    this.runners = new StreamProjector({ ...common, handler: runners, after: from.runners });
  }

  /** Folds until `drain`, a lost lease, or a stream that was replaced. */
  async run(): Promise<ProjectionEnd> {
    const saving = this.savingCursor();
    try {
      const ends = this.streams.map((stream) => stream.run());
      const ended = ends.map((end) => end.finally(() => this.stop()));
      const results = await Promise.all(ended);
      return results.includes('reset') ? 'reset' : 'ended';
    } finally {
      this.over.abort();
      await saving;
    }
  }

  /** Stops reading, writes what is folded, and says how far that is. */
  async drain(): Promise<Cursor> {
    await Promise.all(this.streams.map((stream) => stream.drain()));
    await this.save();
    return this.cursor;
  }

  private get streams(): StreamProjector[] {
    return this.runners === undefined ? [this.sessions] : [this.sessions, this.runners];
  }

  private get cursor(): Cursor {
    const { identity, rows } = this.from;
    return { identity, rows, sessions: this.sessions.position, runners: this.runners?.position ?? 0 };
  }

  /** When one stream ends, the others do. */
  private stop(): void {
    for (const stream of this.streams) stream.stop();
  }

  private async savingCursor(): Promise<void> {
    for (;;) {
      await sleep(CURSOR_MS, this.over.signal);
      if (this.over.signal.aborted) return;
      await this.save();
    }
  }

  private async save(): Promise<void> {
    const { backbone, log, lost } = this.options;
    await retryWhileUnavailable({ signal: lost, log }, () =>
      saveCursor(bucket<Cursor>(backbone, 'projector'), this.cursor, scopedKey(this.scope, CURSOR_KEY)),
    );
  }
}
