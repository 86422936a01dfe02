import type { Msg } from '@nats-io/nats-core';
import { subjects } from '@pizzapi/protocol';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { lastAtReplica } from './direct.js';
import { GapRepair } from './gapRepair.js';
import { isBareMap, isStoredOn, payloadOf, storedFromHeaders } from './message.js';
import { refreshIdentity } from './provision.js';
import { replayGated, type StoredEvent } from './replay.js';
import { runSoon } from './runSoon.js';
import { streamOf } from './streams.js';

/** After this time without an event, in ms, a tail asks the server for the last one. */
export const SILENCE_MS = 3_000;

export interface TailOptions {
  /** Events after this offset. */
  after: number;
  /** Events in order, each once, offsets strictly rising and none left out. Those of one read come together. */
  onEvents: (batch: StoredEvent[]) => void;
  /** A delta, undecoded. Deltas are numbered and not repeated; some may be missing. */
  onDelta?: (bytes: Uint8Array) => void;
  /** The log was replaced by another, so that the offsets so far have no meaning. The tail has stopped. */
  onReset?: () => void;
}

export interface Tail {
  /** The offset of the last event handed over. */
  readonly position: number;
  stop(): Promise<void>;
}

/**
 * Follows a session: subscribes to what the server republishes as it stores it, repairs every gap from the log, and
 * asks for the last event after silence and reconnects, because nothing else shows that it was lost. Resolves when the
 * subscription exists and everything stored before it has been handed over.
 */
export async function tail(b: Backbone, sid: string, options: TailOptions): Promise<Tail> {
  const running = new RunningTail(internals(b), b, sid, options);
  await running.start();
  return running;
}

class RunningTail implements Tail {
  private readonly stopping = new AbortController();
  private readonly subject: string;
  private readonly gaps: GapRepair;
  /** The log when this tail started. */
  private readonly identity: string | undefined;
  private readonly cleanups: (() => void)[] = [];
  private ready: StoredEvent[] = [];
  private readonly flushReady = (): void => this.flush();
  private heardAt = Date.now();
  /** As the signal says, which is slow to ask for each event. */
  private isStopped = false;

  constructor(
    private readonly connection: BackboneConnection,
    private readonly b: Backbone,
    private readonly sid: string,
    private readonly options: TailOptions,
  ) {
    const { signal } = this.stopping;
    const { after, onEvents } = options;
    this.subject = subjects.sessionEvents(sid);
    this.gaps = new GapRepair(connection, {
      ...{ after, signal },
      read: (position, gate) => replayGated(b, sid, { after: position, signal }, gate),
      onEvent: (event) => this.queue(event),
      onStart: () => this.flush(),
      onRepaired: onEvents,
    });
    this.identity = connection.identity;
  }

  get position(): number {
    return this.gaps.position;
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
      const deltas = nc.subscribe(subjects.sessionDeltas(sid), {
        callback: (err, msg) => void (err ?? this.receiveDelta(msg, onDelta)),
      });
      cleanups.push(unsubscribe(deltas));
    }
    cleanups.push(connection.onStatus((status) => status === 'connected' && void this.returned()));
    const timer = setInterval(() => Date.now() - this.heardAt >= SILENCE_MS && void this.probe(), SILENCE_MS);
    timer.unref();
    cleanups.push(() => clearInterval(timer));
    // A connection that breaks now reconnects with the same subscriptions, and then `returned` reads what was missed.
    await this.gaps.repair(nc.flush().catch(() => undefined));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.stopping.abort();
    for (const cleanup of this.cleanups.splice(0)) cleanup();
    await this.gaps.current;
  }

  /** A delta is a bare map. A reply that was redirected here has headers, or is JSON. */
  private receiveDelta(msg: Msg, onDelta: (bytes: Uint8Array) => void): void {
    if (isBareMap(msg)) onDelta(payloadOf(msg));
    else this.connection.counters.foreignMessages++;
  }

  private receive(msg: Msg): void {
    const message = storedFromHeaders(msg);
    // A reply may have been redirected here; its offsets belong to another subject.
    if (!isStoredOn(message, this.subject)) {
      this.connection.counters.foreignMessages++;
      return;
    }
    this.heardAt = Date.now();
    this.gaps.receive(message);
  }

  /** Events of one read of the socket go out together, before anything else runs. */
  private queue(event: StoredEvent): void {
    if (this.ready.push(event) === 1) runSoon(this.flushReady);
  }

  private flush(): void {
    const batch = this.ready;
    this.ready = [];
    if (batch.length > 0 && !this.isStopped) this.options.onEvents(batch);
  }

  private async returned(): Promise<void> {
    const now = await refreshIdentity(this.b).catch(() => this.identity);
    if (this.stopping.signal.aborted) return;
    if (this.identity !== undefined && now !== this.identity) {
      await this.stop();
      this.options.onReset?.();
      return;
    }
    await this.gaps.repair();
  }

  private async probe(): Promise<void> {
    if (this.gaps.current !== undefined) return;
    const answer = await lastAtReplica(this.connection, streamOf(this.connection, this.sid), this.subject);
    if (this.stopping.signal.aborted || answer.kind !== 'found' || answer.message.seq <= this.position) return;
    await this.gaps.repairGap();
  }
}
