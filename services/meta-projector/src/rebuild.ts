import { isDeepStrictEqual } from 'node:util';
import {
  bucket,
  parseSessionRowKey,
  replay,
  RUNNERS_STREAM,
  SESSION_ROW_MARKER_MS,
  sessionRowKey,
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
import { rebuildRecentSessions } from './recentSessions.js';
import { RunnerProjection } from './runnerProjection.js';
import { isFirst, isInScope, scopeOf, type PartitionScope } from './partitionScope.js';
import { readOwnersIn, type SessionOwner } from './sessionOwners.js';
import { SessionProjection } from './sessionProjection.js';

/** Events folded between two writes into the fresh buckets, which have no readers yet. */
const FLUSH_EVENTS = 8_192;
/** Events between two lines of progress. */
const PROGRESS_EVENTS = 50_000;
/** Rows that are compared and written concurrently. */
const SWAP_ROWS = 64;
/** Owners that are read in one request. */
const OWNERS_AT_ONCE = 512;

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
    // The owners are read when the rows are swapped in.
    const owners = async () => new Map<string, SessionOwner>();
    const history = (sid: string) => replay(backbone, sid);
    const { stream } = this.scope;
    this.sessionFold = new SessionProjection({ stream, rows, metas, log, metrics, owners, history });
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
    const { metas, runners } = this.fresh;
    const swaps = [
      await this.swapBucket(metas, bucket<SessionMetaRow>(backbone, 'session-meta')),
      await this.swapSessions(),
      ...(isFirst(this.scope) ? [await this.swapRunners(runners)] : []),
    ];
    await rebuildRecentSessions(backbone, this.options.signal, this.scope.partitions > 1);
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
    return this.swapBucket(runners, bucket<RunnerRow>(this.options.backbone, 'runners'), { isOurs: () => true });
  }

  /** The rows of sessions get the key of their owner. A row below another key, or of the first form, is removed. */
  private async swapSessions(): Promise<SwapResult> {
    const { backbone } = this.options;
    const keys = new Map<string, string>();
    const unowned = this.fresh.rows.keys();
    for (let from = 0; from < unowned.length; from += OWNERS_AT_ONCE) {
      const part = unowned.slice(from, from + OWNERS_AT_ONCE);
      const sids = part.map((key) => parseSessionRowKey(key)?.sid ?? key);
      const owners = await readOwnersIn(backbone)(sids);
      for (const [index, sid] of sids.entries())
        keys.set(sessionRowKey(owners.get(sid)?.userId, sid), part[index] ?? '');
    }
    return this.swapBucket(this.fresh.rows, bucket<SessionRow>(backbone, 'sessions'), { keys });
  }

  /** `keys`: the keys of the bucket, with those of the fresh rows. `isOurs`: whether a row belongs to the scope. */
  private async swapBucket<T>(
    fresh: MemoryBucket<T>,
    live: Bucket<T>,
    {
      keys = new Map(fresh.keys().map((key) => [key, key])),
      isOurs = (key) => isInScope(this.scope, sidOfKey(key)),
    }: { keys?: ReadonlyMap<string, string>; isOurs?: (key: string) => boolean } = {},
  ): Promise<SwapResult> {
    const { signal } = this.options;
    const result = { changed: 0, removed: 0 };
    const swaps = new Semaphore(SWAP_ROWS);
    await swaps.forEach([...keys], async ([key, freshKey]) => {
      if (!signal.aborted && (await this.replace(key, await fresh.get(freshKey), live))) result.changed++;
    });
    const old = await live.keys();
    await swaps.forEach(
      old.filter((key) => !keys.has(key) && isOurs(key)),
      async (key) => {
        if (signal.aborted) return;
        await live.delete(key, { markerMs: SESSION_ROW_MARKER_MS });
        result.removed++;
      },
    );
    return result;
  }

  private async replace<T>(key: string, row: { value: T } | undefined, live: Bucket<T>): Promise<boolean> {
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
