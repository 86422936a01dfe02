import { follow, type Backbone, type StoredEvent, type Tail } from '@pizzapi/backbone';
import { retry, type Logger } from '@pizzapi/process';
import { applyMetaEvent, canChangeMeta, type SessionMetaState } from '@pizzapi/protocol';
import type { SessionReader } from '../session/reader.js';
import { readStoredEvent } from '../wire/storedEvent.js';

/** Receives a session's meta state. */
export interface MetaListener {
  snapshot(sid: string, state: SessionMetaState): void;
  event(sid: string, version: number, event: unknown): void;
}

/**
 * The meta state of one session for all hub connections that asked: from its projection on, folded with the events that
 * follow. Only events whose header says that they can change it are decoded.
 */
class MetaFeed {
  readonly listeners = new Set<MetaListener>();
  private state: SessionMetaState | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly b: Backbone,
    private readonly reader: SessionReader,
    private readonly sid: string,
  ) {}

  add(listener: MetaListener): void {
    this.listeners.add(listener);
    if (this.state !== undefined) listener.snapshot(this.sid, this.state);
  }

  async run(): Promise<Tail> {
    const { state, lastSeq } = await this.reader.meta(this.sid);
    this.state = state;
    for (const listener of this.listeners) listener.snapshot(this.sid, state);
    return follow(
      this.b,
      this.sid,
      { after: lastSeq, signal: this.stopping.signal },
      { onEvents: (batch) => this.apply(batch) },
    );
  }

  /** Aborts when the feed is stopped. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  stop(): void {
    this.stopping.abort();
  }

  private apply(batch: readonly StoredEvent[]): void {
    for (const { type, payload } of batch) {
      if (this.state === undefined || !canChangeMeta(type)) continue;
      const event = readStoredEvent(payload);
      const next = applyMetaEvent(this.state, event);
      if (next === this.state) continue;
      this.state = next;
      for (const listener of this.listeners) listener.event(this.sid, next.version, event);
    }
  }
}

/** The meta feeds in use: one per session, however many hub connections listen. */
export class MetaFeeds {
  private readonly feeds = new Map<string, MetaFeed>();

  constructor(
    private readonly b: Backbone,
    private readonly reader: SessionReader,
    private readonly log: Logger,
  ) {}

  subscribe(sid: string, listener: MetaListener): void {
    const known = this.feeds.get(sid);
    if (known !== undefined) return known.add(listener);
    const feed = new MetaFeed(this.b, this.reader, sid);
    this.feeds.set(sid, feed);
    feed.add(listener);
    void this.start(feed, sid);
  }

  /** Starts a feed. Retries until it has started or has no listener, because listeners do not learn of a failure. */
  private async start(feed: MetaFeed, sid: string): Promise<void> {
    const { signal } = feed;
    await retry(() => feed.run(), {
      signal,
      onRetry: (err) => this.log.warn({ err, sid }, 'meta feed could not start; trying again'),
    });
  }

  unsubscribe(sid: string, listener: MetaListener): void {
    const feed = this.feeds.get(sid);
    if (feed === undefined || !feed.listeners.delete(listener) || feed.listeners.size > 0) return;
    this.feeds.delete(sid);
    feed.stop();
  }

  stop(): void {
    for (const feed of this.feeds.values()) feed.stop();
    this.feeds.clear();
  }
}
