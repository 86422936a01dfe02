import { bucket, type Backbone, type BucketName, type BucketOptions } from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';

/** How long is waited at most for the watch to tell what is in the bucket, in ms. */
const SETTLE_MS = 5_000;
/** Before a watch that failed begins anew, in ms. */
const RETRY_MS = 1_000;

/** What became of a key: `before` and `after` are undefined where there was or is no value. */
export type WatchCacheListener<T> = (key: string, after: T | undefined, before: T | undefined) => void;

export interface WatchCacheOptions<T> extends Required<Pick<BucketOptions<T>, 'check'>> {
  bucket: BucketName;
  /** Only the keys that begin with it, which end with a dot: `user.`. Keys are named without it. */
  prefix?: string;
  log: Logger;
}

/** The values of a bucket in memory, kept by watching it. A key it does not know (yet) is read from the bucket. */
export class WatchCache<T> {
  private readonly rows = new Map<string, T>();
  private readonly listeners = new Set<WatchCacheListener<T>>();
  private readonly waiting = new Set<{ revision: number; done: () => void }>();
  private readonly stopping = new AbortController();
  private readonly source;
  private readonly prefix: string;
  private revision = 0;
  private listed = false;
  private readyNow: () => void = () => undefined;
  /** Resolves when all there was at the start is known. */
  readonly ready = new Promise<void>((resolve) => (this.readyNow = resolve));

  constructor(
    b: Backbone,
    private readonly options: WatchCacheOptions<T>,
  ) {
    this.source = bucket<T>(b, options.bucket, { check: options.check });
    this.prefix = options.prefix ?? '';
  }

  get isReady(): boolean {
    return this.listed;
  }

  start(): void {
    void this.keep();
  }

  stop(): void {
    this.stopping.abort();
    this.listeners.clear();
  }

  on(listener: WatchCacheListener<T>): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** What is known now, without asking. */
  peek(key: string): T | undefined {
    return this.rows.get(key);
  }

  /** What is known, or else what the bucket says: a row may be younger than the watch's last news. */
  async get(key: string): Promise<T | undefined> {
    const known = this.rows.get(key);
    if (known !== undefined) return known;
    const found = await this.source.get(this.prefix + key);
    if (found === undefined) return undefined;
    // Listeners are told of the end of what the watch knew: who is let in by a row has to be told when it goes.
    await this.reached(found.revision);
    return this.rows.get(key) ?? (await this.source.get(this.prefix + key))?.value;
  }

  values(): MapIterator<T> {
    return this.rows.values();
  }

  entries(): MapIterator<[string, T]> {
    return this.rows.entries();
  }

  /** Forgets a key that has expired. */
  drop(key: string): void {
    this.set(key, undefined);
  }

  /** Resolves once the deletion of `key`, stored as `revision`, shows here; after five seconds in any case. */
  async settled(key: string, revision: number): Promise<void> {
    // Nobody is told that a key went which was never there.
    if (this.rows.has(key)) await this.reached(revision);
  }

  /** Resolves once a value that was stored as `revision` shows here; after five seconds in any case. */
  async reached(revision: number): Promise<void> {
    if (this.revision >= revision) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiting.delete(waiter);
        resolve();
      };
      const timer = setTimeout(done, SETTLE_MS);
      const waiter = { revision, done };
      this.waiting.add(waiter);
    });
  }

  private async keep(): Promise<void> {
    const { signal } = this.stopping;
    const { bucket: name, log } = this.options;
    while (!signal.aborted) {
      await this.watch(signal).catch((err: unknown) => log.error({ err, bucket: name }, 'watching failed'));
      await sleep(RETRY_MS, signal);
    }
  }

  private async watch(signal: AbortSignal): Promise<void> {
    // A watch that begins anew lists what there is: what is missing from the list went meanwhile.
    const missing = new Set(this.rows.keys());
    for await (const change of this.source.watch({ signal, prefix: this.prefix })) {
      if (change.kind === 'ready') {
        for (const key of missing) this.set(key, undefined);
        missing.clear();
        this.listed = true;
        this.readyNow();
        continue;
      }
      const key = change.key.slice(this.prefix.length);
      missing.delete(key);
      this.set(key, change.kind === 'value' ? change.value : undefined);
      this.wake(change.revision);
    }
  }

  private set(key: string, after: T | undefined): void {
    const before = this.rows.get(key);
    if (after === undefined) this.rows.delete(key);
    else this.rows.set(key, after);
    for (const listener of [...this.listeners]) listener(key, after, before);
  }

  private wake(revision: number): void {
    this.revision = Math.max(this.revision, revision);
    for (const waiter of [...this.waiting]) if (waiter.revision <= this.revision) waiter.done();
  }
}
