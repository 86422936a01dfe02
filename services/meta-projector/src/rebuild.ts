import { isDeepStrictEqual } from 'node:util';
import {
  bucket,
  replay,
  RUNNERS_STREAM,
  streamHead,
  type Backbone,
  type Bucket,
  type StoredRecord,
} from '@pizzapi/backbone';
import { createMetrics, Semaphore, type Logger } from '@pizzapi/process';
import { CodedError, type RunnerRow, type SessionMetaRow, type SessionRow } from '@pizzapi/protocol';
import type { ProjectionHandler } from './projectionHandler.js';
import { MemoryBucket } from './memoryBucket.js';
import { createProjectorMetrics } from './metrics.js';
import { readTo } from './readTo.js';
import { RunnerProjection } from './runnerProjection.js';
import { isFirst, isInScope, scopeOf, type PartitionScope } from './partitionScope.js';
import { SessionProjection } from './sessionProjection.js';

/** Events folded between two writes into the fresh buckets, which have no readers yet. */
const FLUSH_EVENTS = 8_192;
/** Events between two lines of progress. */
const PROGRESS_EVENTS = 50_000;
/** Rows that are compared and written concurrently. */
const SWAP_ROWS = 64;

export interface RebuildProgress {
  /** Offsets of the log that are folded, of how many. */
  folded: number;
  of: number;
}

export interface SwapResult {
  /** Rows that differed and were written over. */
  changed: number;
  /** Rows of what is not in the log any more. */
  removed: number;
}

export interface RebuildOptions {
  backbone: Backbone;
  log: Logger;
  signal: AbortSignal;
  /** What is refolded; the whole log when left out. Rows of other scopes stay as they are. */
  scope?: PartitionScope;
  onProgress?: (progress: RebuildProgress) => void;
}

/**
 * Refolds the whole log from offset 0 into fresh buckets, and swaps them in. The fresh ones are in memory; swapping
 * writes a row over the old one only where the two differ, and deletes rows without a log. Every row that a reader
 * sees, at any time, is a whole fold of its session up to its `lastSeq`; a rebuild that dies half-way leaves that so.
 */
export class Rebuild {
  readonly positions = { sessions: 0, runners: 0 };
  private readonly fresh = {
    metas: new MemoryBucket<SessionMetaRow>(),
    rows: new MemoryBucket<SessionRow>(),
    runners: new MemoryBucket<RunnerRow>(),
  };
  private readonly sessionFold: SessionProjection;
  private readonly runnerFold: RunnerProjection;
  private readonly scope: PartitionScope;
  private waiting = 0;

  constructor(private readonly options: RebuildOptions) {
    const { backbone, log } = options;
    this.scope = options.scope ?? scopeOf(backbone);
    // Of its own: what was counted when it happened is not counted again.
    const metrics = createProjectorMetrics(createMetrics());
    const { rows, metas, runners } = this.fresh;
    this.sessionFold = new SessionProjection({
      stream: this.scope.stream,
      rows,
      metas,
      log,
      metrics,
      history: (sid) => replay(backbone, sid),
    });
    this.runnerFold = new RunnerProjection({ rows: runners, log, metrics });
  }

  /** Folds what the log holds now and was not folded yet. */
  async catchUp(): Promise<void> {
    const { backbone, signal } = this.options;
    const of = await this.head();
    let reported = this.positions.sessions;
    this.positions.sessions = await readTo(backbone, this.scope.stream, {
      after: this.positions.sessions,
      signal,
      onBatch: async (records) => {
        await this.take(this.sessionFold, records);
        const folded = records.at(-1)?.seq ?? 0;
        if (folded - reported < PROGRESS_EVENTS) return;
        reported = folded;
        this.options.onProgress?.({ folded, of });
      },
    });
    await this.write(this.sessionFold);
    this.options.onProgress?.({ folded: this.positions.sessions, of });
    if (!isFirst(this.scope)) return;
    this.positions.runners = await readTo(backbone, RUNNERS_STREAM, {
      after: this.positions.runners,
      signal,
      onBatch: (records) => this.take(this.runnerFold, records),
    });
    await this.write(this.runnerFold);
  }

  /** Replaces the old rows by the fresh ones. No projector may fold meanwhile. */
  async swap(): Promise<SwapResult> {
    const { backbone } = this.options;
    const { metas, rows, runners } = this.fresh;
    const swaps = [
      await this.swapBucket(metas, bucket<SessionMetaRow>(backbone, 'session-meta')),
      await this.swapBucket(rows, bucket<SessionRow>(backbone, 'sessions')),
      ...(isFirst(this.scope) ? [await this.swapRunners(runners)] : []),
    ];
    return swaps.reduce((sum, one) => ({ changed: sum.changed + one.changed, removed: sum.removed + one.removed }));
  }

  private async head(): Promise<number> {
    try {
      return await streamHead(this.options.backbone, this.scope.stream);
    } catch (cause) {
      throw new CodedError('unavailable', 'The head of the stream is not known', { cause });
    }
  }

  private async take(fold: ProjectionHandler, records: StoredRecord[]): Promise<void> {
    await fold.apply(records);
    this.waiting += records.length;
    if (this.waiting >= FLUSH_EVENTS) await this.write(fold);
  }

  private async write(fold: ProjectionHandler): Promise<void> {
    this.waiting = 0;
    await fold.flush();
  }

  private swapRunners(runners: MemoryBucket<RunnerRow>): Promise<SwapResult> {
    return this.swapBucket(runners, bucket<RunnerRow>(this.options.backbone, 'runners'), () => true);
  }

  /** `isOurs`: whether a row that is there belongs to the scope. */
  private async swapBucket<T>(
    fresh: MemoryBucket<T>,
    live: Bucket<T>,
    isOurs = (key: string): boolean => isInScope(this.scope, sidOfKey(key)),
  ): Promise<SwapResult> {
    const { signal } = this.options;
    const result = { changed: 0, removed: 0 };
    const swaps = new Semaphore(SWAP_ROWS);
    await swaps.forEach(fresh.keys(), async (key) => {
      if (!signal.aborted && (await this.replace(key, fresh, live))) result.changed++;
    });
    const old = await live.keys();
    await swaps.forEach(
      old.filter((key) => !fresh.has(key) && isOurs(key)),
      async (key) => {
        if (signal.aborted) return;
        await live.delete(key);
        result.removed++;
      },
    );
    return result;
  }

  private async replace<T>(key: string, fresh: MemoryBucket<T>, live: Bucket<T>): Promise<boolean> {
    const row = await fresh.get(key);
    if (row === undefined) return false;
    for (let unreadable = 0; ;) {
      const old = await live.get(key);
      if (old !== undefined && isDeepStrictEqual(old.value, row.value)) return false;
      const revision = old?.revision ?? unreadable;
      const outcome = revision === 0 ? await live.create(key, row.value) : await live.update(key, row.value, revision);
      if (outcome.kind === 'stored') return true;
      unreadable = outcome.revision;
    }
  }
}

/** The id of a session is the last part of the key of its rows. */
const sidOfKey = (key: string): string => key.slice(key.lastIndexOf('.') + 1);
