import type { Msg } from '@nats-io/nats-core';
import { subjects } from '@pizzapi/protocol';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { lastOf } from './direct.js';
import { isBareMap, isStoredOn, payloadOf, storedFromHeaders, type StoredMessage } from './message.js';
import { refreshIdentity } from './provision.js';
import { EpochGate, replayGated, type StoredEvent } from './replay.js';
import { streamOf } from './streams.js';

/** After so long without an event, in ms, a tail asks whether it has missed the last one. */
export const SILENCE_MS = 3_000;
/** Live events held while a hole is filled; more of them are fetched with the rest of the hole. */
export const MAX_HELD = 1_024;

export interface TailOptions {
  /** Events after this offset. */
  after: number;
  /** Events in order, each once, offsets strictly rising and none left out. Those of one read come together. */
  onEvents: (batch: StoredEvent[]) => void;
  /** A piece, undecoded. Pieces come as they come: numbered, not repeated, some may be missing. */
  onDelta?: (bytes: Uint8Array) => void;
  /** The log was replaced by another: offsets so far mean nothing any more. The tail has stopped. */
  onReset?: () => void;
}

export interface Tail {
  /** The offset of the last event handed over. */
  readonly position: number;
  stop(): Promise<void>;
}

/**
 * Follows a session: subscribes to what the server republishes as it stores it, fills every hole from the log, and
 * asks after silence and reconnects, because a lost last event shows by nothing else. Resolves once the subscription
 * stands and everything stored before it has been handed over.
 */
export async function tail(b: Backbone, sid: string, options: TailOptions): Promise<Tail> {
  const running = new RunningTail(internals(b), b, sid, options);
  await running.start();
  return running;
}

class RunningTail implements Tail {
  position: number;
  private readonly stopping = new AbortController();
  private readonly subject: string;
  private readonly gate: EpochGate;
  /** The log this tail began in. */
  private readonly identity: string | undefined;
  private readonly cleanups: (() => void)[] = [];
  private held: StoredMessage[] = [];
  /** Something is missing, or more came than could be held. */
  private wanting = false;
  private filling: Promise<void> | undefined;
  private ready: StoredEvent[] = [];
  private heardAt = Date.now();

  constructor(
    private readonly connection: BackboneConnection,
    private readonly b: Backbone,
    private readonly sid: string,
    private readonly options: TailOptions,
  ) {
    this.position = options.after;
    this.subject = subjects.sessionEvents(sid);
    this.gate = new EpochGate(connection);
    this.identity = connection.identity;
  }

  async start(): Promise<void> {
    const { connection, sid, options, cleanups } = this;
    const { nc } = connection;
    const unsubscribe = (sub: { unsubscribe(): void }) => () => nc.isClosed() || sub.unsubscribe();
    const live = nc.subscribe(subjects.liveSessionEvents(sid), {
      callback: (err, msg) => void (err ?? this.receive(msg)),
    });
    cleanups.push(unsubscribe(live));
    if (options.onDelta !== undefined) {
      const { onDelta } = options;
      const pieces = nc.subscribe(subjects.sessionDeltas(sid), {
        callback: (err, msg) => void (err ?? this.piece(msg, onDelta)),
      });
      cleanups.push(unsubscribe(pieces));
    }
    cleanups.push(connection.onStatus((status) => status === 'connected' && void this.returned()));
    const timer = setInterval(() => Date.now() - this.heardAt >= SILENCE_MS && void this.probe(), SILENCE_MS);
    timer.unref();
    cleanups.push(() => clearInterval(timer));
    // A connection that breaks now is back with the same subscriptions, and `returned` looks for what was missed.
    await this.fill(nc.flush().catch(() => undefined));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    for (const cleanup of this.cleanups.splice(0)) cleanup();
    await this.filling;
  }

  /** A piece is a bare map; a reply that somebody had sent here has headers, or is JSON. */
  private piece(msg: Msg, onDelta: (bytes: Uint8Array) => void): void {
    if (isBareMap(msg)) onDelta(payloadOf(msg));
    else this.connection.counters.foreignMessages++;
  }

  private receive(msg: Msg): void {
    const message = storedFromHeaders(msg);
    // Anybody's reply may have been sent here: its offsets would mean another subject.
    if (!isStoredOn(message, this.subject)) {
      this.connection.counters.foreignMessages++;
      return;
    }
    this.heardAt = Date.now();
    if (this.filling === undefined) this.accept(message);
    else if (this.held.length < MAX_HELD) this.held.push(message);
    else this.wanting = true;
  }

  /** A live event: known already, the next one, or the far side of a hole. */
  private accept(message: StoredMessage): void {
    if (message.seq <= this.position) return;
    if (message.prevSeq > this.position) {
      this.connection.counters.gapsFilled++;
      void this.fill();
      return;
    }
    this.position = message.seq;
    if (this.gate.passes(message)) this.queue(message);
  }

  /** What one read of the socket brought goes out together, before anything else runs. */
  private queue(event: StoredEvent): void {
    if (this.ready.push(event) === 1) queueMicrotask(() => this.flush());
  }

  private flush(): void {
    const batch = this.ready;
    this.ready = [];
    if (batch.length > 0 && !this.stopping.signal.aborted) this.options.onEvents(batch);
  }

  /** Reads the log from the position on until nothing is missing. One at a time. */
  private fill(first?: Promise<void>): Promise<void> {
    this.filling ??= this.fillOnce(first).finally(() => {
      this.filling = undefined;
      const held = this.held;
      const { wanting } = this;
      this.held = [];
      this.wanting = false;
      for (const message of held) {
        if (this.filling === undefined) this.accept(message);
      }
      if (wanting && !this.stopping.signal.aborted) void this.fill();
    });
    return this.filling;
  }

  private async fillOnce(first: Promise<void> | undefined): Promise<void> {
    this.flush();
    await first;
    const { signal } = this.stopping;
    for await (const events of replayGated(this.b, this.sid, { after: this.position, signal }, this.gate)) {
      if (signal.aborted) return;
      this.position = events.at(-1)!.seq;
      this.options.onEvents(events);
    }
    // What came last may have been passed over.
    this.position = Math.max(this.position, this.gate.position);
  }

  private async returned(): Promise<void> {
    const now = await refreshIdentity(this.b).catch(() => this.identity);
    if (this.stopping.signal.aborted) return;
    if (this.identity !== undefined && now !== this.identity) {
      await this.stop();
      this.options.onReset?.();
      return;
    }
    await this.fill();
  }

  private async probe(): Promise<void> {
    if (this.filling !== undefined) return;
    const answer = await lastOf(this.connection, streamOf(this.sid), this.subject);
    if (this.stopping.signal.aborted || answer.kind !== 'found' || answer.message.seq <= this.position) return;
    this.connection.counters.gapsFilled++;
    await this.fill();
  }
}
