import type { ConsumerConfig } from '@nats-io/jetstream';
import { createInbox, nuid, type Msg } from '@nats-io/nats-core';
import { RetryDelay } from './retryDelay.js';
import type { BackboneConnection } from './connection.js';
import { dropConsumer } from './dropConsumer.js';
import { HandlerFailed } from './handlerFailed.js';
import { headerText, serverNumber, statusOf, storedFromConsumer, subjectOf, type StoredMessage } from './message.js';

/** Messages asked for and not yet handled: what a reader holds in memory at most. */
export const READ_WINDOW = 512;
/** Messages handed over at once, at most. */
export const READ_BATCH = 256;
/** How often the server says "still here" to an idle reader, in ms; three misses rebuild the reader. */
const HEARTBEAT_MS = 2_000;
const PULL_EXPIRES_MS = 30_000;
/** After how long without us the server forgets a reader, in ms. */
const FORGET_MS = 60_000;
/** The server's times are in nanoseconds. */
const NANO = 1e6;

export interface ReadOptions {
  stream: string;
  /** One subject, wildcards allowed. A single string: an array of filters is far slower on the server. */
  filter: string;
  /**
   * The name of the consumer; default: a unique one. A reader replaces an earlier reader with the same name, so that a
   * credential can be limited to one reader.
   */
  name?: string;
  /** Where to begin, asked again for every rebuild: after an offset, or with the last message of every subject. */
  start: () => Promise<{ after: number } | 'last_per_subject'>;
  signal: AbortSignal;
  /** The reader was built: so many messages were stored and matching before it began. */
  onOpen?: (pending: number) => void;
  /** Called when the server has reported that there are no further messages for now. */
  onIdle?: () => void;
  /** Receives messages without their payloads. */
  headersOnly?: boolean;
  /**
   * Messages in order, each once per build. The next batch waits for the promise. `isLast`: the server had no further
   * message when it sent the last one of these.
   */
  onBatch: (messages: StoredMessage[], isLast: boolean) => Promise<void> | void;
}

/**
 * Reads a stream in order, through an ephemeral consumer that is rebuilt around every failure: a lost message, a
 * restarted server, a new leader, a missed heartbeat. Ends when `signal` aborts. An error thrown by `onBatch` is
 * thrown from here: it is the caller's, and reading on would pass over what it could not handle.
 */
export async function readOrdered(connection: BackboneConnection, options: ReadOptions): Promise<void> {
  const retry = new RetryDelay();
  const { signal } = options;
  while (!signal.aborted && connection.status() !== 'closed') {
    await connection.connected(signal);
    try {
      const start = await connection.whileConnected(options.start());
      if (signal.aborted) return;
      await new Build(connection, options, start, retry).run();
    } catch (error) {
      if (error instanceof HandlerFailed) throw error.cause;
      connection.log.warn(
        { err: error, stream: options.stream, filter: options.filter },
        'stream reader failed; rebuilding it',
      );
    }
    if (signal.aborted || connection.status() === 'closed') return;
    connection.counters.readersRebuilt++;
    await retry.wait(signal);
  }
}

/** One life of the consumer behind a reader. */
class Build {
  private readonly name: string;
  private readonly inbox: string;
  private queue: StoredMessage[] = [];
  /** Asked for and not yet received. */
  private outstanding = 0;
  private delivered = 0;
  /** How many messages the server had beyond the last one in the queue. */
  private pending = 0;
  private heardAt = Date.now();
  private over = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly connection: BackboneConnection,
    private readonly options: ReadOptions,
    private readonly start: { after: number } | 'last_per_subject',
    private readonly retry: RetryDelay,
  ) {
    this.name = options.name ?? `r_${nuid.next()}`;
    this.inbox = createInbox(connection.place.inboxPrefix);
  }

  async run(): Promise<void> {
    const { connection, options } = this;
    const end = (): void => this.end();
    // It may stand elsewhere in the stream.
    if (options.name !== undefined)
      await connection.whileConnected(dropConsumer(connection, options.stream, this.name));
    const info = await connection.whileConnected(connection.jsm.consumers.add(options.stream, this.config()));
    const sub = connection.nc.subscribe(this.inbox, {
      callback: (err, msg) => (err === null ? this.receive(msg) : this.end()),
    });
    const off = connection.onStatus(end);
    const watchdog = setInterval(() => {
      if (Date.now() - this.heardAt > 3 * HEARTBEAT_MS) this.end();
    }, HEARTBEAT_MS);
    options.signal.addEventListener('abort', end);
    // It may have aborted while the consumer was made.
    if (options.signal.aborted) end();
    try {
      this.heardAt = Date.now();
      options.onOpen?.(info.num_pending);
      this.pull();
      await this.drain();
    } finally {
      options.signal.removeEventListener('abort', end);
      clearInterval(watchdog);
      off();
      if (!connection.nc.isClosed()) sub.unsubscribe();
      this.forget();
    }
  }

  private config(): Partial<ConsumerConfig> {
    const { start, options } = this;
    return {
      name: this.name,
      ack_policy: 'none',
      ...(start === 'last_per_subject'
        ? { deliver_policy: 'last_per_subject' as const }
        : { deliver_policy: 'by_start_sequence' as const, opt_start_seq: start.after + 1 }),
      filter_subject: options.filter,
      ...(options.headersOnly === true ? { headers_only: true } : {}),
      inactive_threshold: FORGET_MS * NANO,
      mem_storage: true,
      num_replicas: 1,
      max_deliver: 1,
    };
  }

  /** Hands over what has come until the build is over. */
  private async drain(): Promise<void> {
    while (!this.over) {
      if (this.queue.length === 0) {
        await new Promise<void>((resolve) => (this.wake = resolve));
        continue;
      }
      const batch = this.queue.length <= READ_BATCH ? this.queue : this.queue.slice(0, READ_BATCH);
      const isLast = this.pending === 0;
      this.queue = batch === this.queue ? [] : this.queue.slice(READ_BATCH);
      try {
        await this.options.onBatch(batch, this.queue.length === 0 && isLast);
      } catch (cause) {
        throw new HandlerFailed(cause);
      }
      this.retry.reset();
      this.pull();
    }
  }

  private pull(): void {
    const room = READ_WINDOW - this.outstanding - this.queue.length;
    if (this.over || this.connection.nc.isClosed() || (room < READ_WINDOW / 2 && this.outstanding > 0)) return;
    this.outstanding += room;
    const ask = { batch: room, expires: PULL_EXPIRES_MS * NANO, idle_heartbeat: HEARTBEAT_MS * NANO };
    const subject = `${this.connection.place.api}.CONSUMER.MSG.NEXT.${this.options.stream}.${this.name}`;
    this.connection.nc.publish(subject, JSON.stringify(ask), { reply: this.inbox });
  }

  private receive(msg: Msg): void {
    this.heardAt = Date.now();
    if (subjectOf(msg) === this.inbox) return this.control(headerText(msg));
    const { message, deliverySeq, pending } = storedFromConsumer(msg);
    if (deliverySeq !== this.delivered + 1) return this.end();
    this.delivered = deliverySeq;
    this.pending = pending;
    if (this.outstanding > 0) this.outstanding--;
    this.queue.push(message);
    if (this.queue.length === 1) this.wake();
  }

  private control(text: string): void {
    switch (statusOf(text)) {
      case 100:
        if (serverNumber(text, 'Nats-Last-Consumer') > this.delivered) this.end();
        else if (this.queue.length === 0) this.options.onIdle?.();
        return;
      case 404:
      case 408:
        this.outstanding = Math.max(0, this.outstanding - serverNumber(text, 'Nats-Pending-Messages'));
        return this.pull();
      default:
        return this.end();
    }
  }

  private end(): void {
    this.over = true;
    this.wake();
  }

  private forget(): void {
    const { connection, options } = this;
    if (connection.status() !== 'connected') return;
    // The next build replaces one that has a name; deleted now, its successor might go.
    if (options.name !== undefined && !options.signal.aborted) return;
    void dropConsumer(connection, options.stream, this.name).catch(() => undefined);
  }
}
