import { bucket, replay, type Backbone } from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import type { SessionRow } from '@pizzapi/protocol';
import { metaRows, runnerRows, sessionRows } from './buckets.js';
import { saveCursor, type Cursor } from './cursor.js';
import type { Meters } from './meters.js';
import { persist } from './persist.js';
import { RunnerFold } from './runnerFold.js';
import { SessionFold } from './sessionFold.js';
import { StreamFolder, type FoldingEnd } from './streamFolder.js';

/** How often the cursor is saved. What lies between it and a crash is read again, and passed over. */
const CURSOR_MS = 1_000;

export interface FoldingOptions {
  backbone: Backbone;
  log: Logger;
  meters: Meters;
  /** Another projector has the lease: stop at once, write nothing more. */
  lost: AbortSignal;
  onRow: (sid: string, row: SessionRow | undefined) => void;
}

/** The folding of both streams from a cursor on. */
export class Folding {
  private readonly sessions: StreamFolder;
  private readonly runners: StreamFolder;
  private readonly over = new AbortController();

  constructor(
    private readonly options: FoldingOptions,
    private readonly from: Cursor,
  ) {
    const { backbone, log, meters, lost, onRow } = options;
    const fold = new SessionFold({
      rows: sessionRows(backbone),
      metas: metaRows(backbone),
      history: (sid) => replay(backbone, sid),
      onRow,
      log,
      meters,
    });
    const common = { backbone, log, meters, signal: lost };
    this.sessions = new StreamFolder({ ...common, fold, after: from.sessions });
    const runners = new RunnerFold({ rows: runnerRows(backbone), log, meters });
    this.runners = new StreamFolder({ ...common, fold: runners, after: from.runners });
  }

  /** Folds until `drain`, a lost lease, or a stream that was replaced. */
  async run(): Promise<FoldingEnd> {
    const saving = this.savingCursor();
    try {
      const ends = [this.sessions.run(), this.runners.run()];
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
    await Promise.all([this.sessions.drain(), this.runners.drain()]);
    await this.save();
    return this.cursor;
  }

  private get cursor(): Cursor {
    return { identity: this.from.identity, sessions: this.sessions.position, runners: this.runners.position };
  }

  /** When one stream ends, the other does. */
  private stop(): void {
    this.sessions.stop();
    this.runners.stop();
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
    await persist(lost, log, () => saveCursor(bucket<Cursor>(backbone, 'projector'), this.cursor));
  }
}
