import { RUNNERS_STREAM, type StoredRecord } from '@pizzapi/backbone';
import type { RunnerRow } from '@pizzapi/protocol';
import { evolveRunner, initialRunnerRow } from './evolve.js';
import { recordOutcome, byOwner, type ProjectionHandler, type ProjectionContext } from './projectionHandler.js';
import { RowStore, type RowBucket } from './rowStore.js';

/** Folds `RUNNERS` into the bucket `runners`. */
export class RunnerProjection implements ProjectionHandler {
  readonly stream = RUNNERS_STREAM;
  private readonly rows: RowStore<RunnerRow>;

  constructor(private readonly options: ProjectionContext & { rows: RowBucket<RunnerRow> }) {
    const { rows, metrics } = options;
    const onConflict = () => metrics.conflicts.inc({ bucket: 'runners' });
    this.rows = new RowStore({ bucket: rows, initial: initialRunnerRow, onConflict });
  }

  async apply(records: readonly StoredRecord[]): Promise<void> {
    const owned = byOwner(records);
    await this.rows.load(new Set(owned.map(([rid]) => rid)));
    for (const [rid, record] of owned) {
      const outcome = evolveRunner(this.rows.get(rid), record);
      const next = recordOutcome(outcome, { stream: this.stream, id: rid, record }, this.options);
      if (next !== undefined && (outcome.kind !== 'poison' || this.rows.has(rid))) this.rows.set(rid, next);
    }
  }

  /** A row that somebody deleted stays deleted until the runner says something again. */
  async flush(): Promise<void> {
    await this.rows.flush();
  }
}
