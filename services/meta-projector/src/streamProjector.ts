import { consumeStream, type Backbone, type StoredRecord } from '@pizzapi/backbone';
import { retryWhileUnavailable, SerialQueue, type Logger } from '@pizzapi/process';
import type { ProjectionHandler } from './projectionHandler.js';
import type { ProjectorMetrics } from './metrics.js';

/** Rows are written when this many events wait in memory, or this many ms after the first of them. */
export const FLUSH_EVENTS = 256;
export const FLUSH_MS = 50;

export interface StreamProjectorOptions {
  backbone: Backbone;
  handler: ProjectionHandler;
  /** The offset up to which everything is folded and written. */
  after: number;
  log: Logger;
  metrics: ProjectorMetrics;
  /** Ends at once and drops what waits in memory, because another projector has taken over. */
  signal: AbortSignal;
}

/** Why the reading of a stream ended: it was stopped, or the stream was replaced. */
export type ProjectionEnd = 'ended' | 'reset';

/** Folds one stream as it grows. Folding and writing run one at a time: a row is never folded while it is written. */
export class StreamProjector {
  /** Everything up to this offset is folded and written. */
  position: number;
  private folded: number;
  private waiting = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly queue = new SerialQueue();
  private readonly stopping = new AbortController();
  private reset = false;
  private failure: { error: unknown } | undefined;

  constructor(private readonly options: StreamProjectorOptions) {
    this.position = options.after;
    this.folded = options.after;
  }

  /** Folds until `drain`, the signal, or the replacement of the stream. Throws any error but `unavailable`. */
  async run(): Promise<ProjectionEnd> {
    const { backbone, handler: fold, signal, metrics } = this.options;
    // Also without new events: a missing gauge looks like a missing projector.
    metrics.cursor.set({ stream: fold.stream }, this.position);
    const unfollow = metrics.lag.follow(fold.stream, () => this.position);
    try {
      await consumeStream(backbone, fold.stream, {
        after: this.position,
        signal: AbortSignal.any([signal, this.stopping.signal]),
        onBatch: (records) => this.queue.run(() => this.take(records)),
        onReset: () => {
          this.reset = true;
          this.stopping.abort();
        },
      });
    } finally {
      unfollow();
    }
    if (this.failure !== undefined) throw this.failure.error;
    return this.reset ? 'reset' : 'ended';
  }

  /** Stops reading. What is folded waits for `drain`. */
  stop(): void {
    this.stopping.abort();
  }

  /** Stops reading and writes what is folded. */
  async drain(): Promise<void> {
    this.stop();
    await this.queue.run(() => this.flush());
  }

  private async take(records: readonly StoredRecord[]): Promise<void> {
    const { handler: fold, signal, log } = this.options;
    if (this.stopping.signal.aborted || signal.aborted) return;
    await retryWhileUnavailable({ signal, log }, () => fold.apply(records));
    if (signal.aborted) return;
    this.folded = records.at(-1)?.seq ?? this.folded;
    this.waiting += records.length;
    if (this.waiting >= FLUSH_EVENTS) return this.flush();
    this.timer ??= setTimeout(
      () => void this.queue.run(() => this.flush()).catch((error) => this.fail(error)),
      FLUSH_MS,
    );
  }

  private async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.waiting === 0 || this.options.signal.aborted) return;
    const { handler: fold, metrics, signal, log } = this.options;
    const done = metrics.flushSeconds.startTimer({ stream: fold.stream });
    const upTo = this.folded;
    await retryWhileUnavailable({ signal, log }, () => fold.flush());
    if (signal.aborted) return;
    done();
    this.waiting = 0;
    this.position = upTo;
    metrics.cursor.set({ stream: fold.stream }, upTo);
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    this.stopping.abort();
  }
}
