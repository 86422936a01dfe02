import { retry, type Logger } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import type { Bucket } from './bucket.js';
import { RETRY_MAX_MS, RETRY_MIN_MS } from './retryDelay.js';

/** How long a caller waits at most until a write shows in the cache, in ms. */
const SETTLE_MS = 5_000;

/** Receives a change of a key. `before` and `after` are undefined where the key had or has no value. */
export type WatchCacheListener<T> = (
  key: string,
  after: T | undefined,
  before: T | undefined,
  revision: number,
) => void;

export interface WatchCacheOptions {
  log: Logger;
  /** Only the keys with this prefix, which ends with a dot: `user.`. The cache names keys without it. */
  prefix?: string;
}

/** The rows of a bucket in memory, kept up to date by a watch. A row that becomes unreadable counts as deleted. */
export class WatchCache<T> {
  private readonly rows = new Map<string, T>();
  private readonly listeners = new Set<WatchCacheListener<T>>();
  private readonly waiting = new Set<{ revision: number; done: () => void }>();
  private readonly stopping = new AbortController();
  private readonly prefix: string;
  private revision = 0;
  private listed = false;
  private becomeReady: () => void = () => undefined;
  /** Resolves when the cache has all rows that existed at its start. */
  readonly ready = new Promise<void>((resolve) => (this.becomeReady = resolve));

  constructor(
    private readonly source: Bucket<T>,
    private readonly options: WatchCacheOptions,
  ) {
    this.prefix = options.prefix ?? '';
  }

  get isReady(): boolean {
    return this.listed;
  }

  /** Watches until `stop`. Starts the watch again when it fails. */
  start(): void {
    const { signal } = this.stopping;
    const { log } = this.options;
    void keepWatching(() => this.run(signal), { signal, log, what: this.source.name });
  }

  stop(): void {
    this.stopping.abort();
    this.listeners.clear();
  }

  /** Watches until the signal aborts. Rejects when the watch fails. */
  async run(signal: AbortSignal): Promise<void> {
    // A new watch lists all rows. Rows that are missing from the list were deleted in the meantime.
    const missing = new Set(this.rows.keys());
    for await (const change of this.source.watch({ signal, prefix: this.prefix, unreadable: 'gone' })) {
      if (change.kind === 'ready') {
        for (const key of missing) this.set(key, undefined, 0);
        missing.clear();
        this.listed = true;
        this.becomeReady();
        continue;
      }
      const key = change.key.slice(this.prefix.length);
      missing.delete(key);
      this.set(key, change.kind === 'value' ? change.value : undefined, change.revision);
      this.settle(change.revision);
    }
  }

  /** Calls the listener after every change. Returns a function that removes it. */
  onChange(listener: WatchCacheListener<T>): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Returns the cached value. */
  peek(key: string): T | undefined {
    return this.rows.get(key);
  }

  /** Returns the cached value, or else the stored one, because a row may be younger than the latest change received. */
  async get(key: string): Promise<T | undefined> {
    const cached = this.rows.get(key);
    if (cached !== undefined) return cached;
    const found = await this.source.get(this.prefix + key);
    if (found === undefined) return undefined;
    // Listeners learn only of the deletion of cached rows: what a row permits must be in the cache to be revoked.
    await this.settled(found.revision);
    return this.rows.get(key) ?? (await this.source.get(this.prefix + key))?.value;
  }

  keys(): MapIterator<string> {
    return this.rows.keys();
  }

  values(): MapIterator<T> {
    return this.rows.values();
  }

  entries(): MapIterator<[string, T]> {
    return this.rows.entries();
  }

  /** Removes a row that has expired. */
  drop(key: string): void {
    this.set(key, undefined, 0);
  }

  /** Resolves when a value that was stored as `revision` shows here, or after `ms`. */
  async settled(revision: number, ms = SETTLE_MS): Promise<void> {
    if (this.revision >= revision) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(waiter);
        resolve();
      };
      const timer = setTimeout(done, ms);
      const waiter = { revision, done };
      this.waiting.add(waiter);
    });
  }

  /** Resolves when the deletion of `key`, stored as `revision`, shows here, or after some seconds. */
  async deletionSettled(key: string, revision: number): Promise<void> {
    // A watch does not report the deletion of a key that it never reported.
    if (this.rows.has(key)) await this.settled(revision);
  }

  private set(key: string, after: T | undefined, revision: number): void {
    const before = this.rows.get(key);
    if (after === undefined) this.rows.delete(key);
    else this.rows.set(key, after);
    for (const listener of [...this.listeners]) listener(key, after, before, revision);
  }

  private settle(revision: number): void {
    this.revision = Math.max(this.revision, revision);
    for (const waiter of [...this.waiting]) if (waiter.revision <= this.revision) waiter.done();
  }
}

/** Runs a watch until the signal aborts. Runs it again when it ends or fails. `what` names it in the log. */
export async function keepWatching(
  watch: () => Promise<void>,
  { signal, log, what }: { signal: AbortSignal; log: Logger; what: string },
): Promise<void> {
  const run = async (): Promise<void> => {
    await watch();
    if (!signal.aborted) throw new CodedError('unavailable', 'The watch ended');
  };
  await retry(run, {
    signal,
    backoff: { minMs: RETRY_MIN_MS, maxMs: RETRY_MAX_MS },
    onRetry: (err) => log.error({ err, what }, 'watch failed; watching again'),
  });
}
