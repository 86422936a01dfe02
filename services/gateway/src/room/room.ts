import type { Semaphore } from '@pizzapi/process';
import { isOneMap, peekNumber, restartReason, type CloseName } from '@pizzapi/protocol';
import { controlFrame, eventsBytes, FrameWriter, type Frame } from '../wire/frame.js';
import type { FrameMemory } from '../wire/frameMemory.js';
import { Packet } from '../wire/packet.js';
import type { DrainWaiter } from './backpressure.js';
import { CatchUp } from './catchUp.js';
import type { DeliverySpans } from './deliverySpans.js';
import { SharedLogReader } from './sharedLogReader.js';
import { LastOffsets } from '../lastOffsets.js';
import type { RoomLimits } from './limits.js';
import { Pacer } from './pacer.js';
import type { PresenceElsewhere } from './presenceExchange.js';
import { RoomPresence } from './roomPresence.js';
import { Partials } from './partials.js';
import type { RateMeter } from './rateMeter.js';
import { Ring } from './ring.js';
import type { SessionSource, SourceEvent } from './source.js';
import type { Viewer } from './viewer.js';

/** What a room tells about itself. */
export interface RoomMetrics {
  frames(kind: 'event' | 'delta', deliveries: number): void;
  /** Events or deltas came from the backbone. */
  received(kind: 'event' | 'delta', count: number): void;
  parked(): void;
  logRead(): void;
  pieceGap(): void;
  partialAsked(): void;
}

export interface RoomOptions {
  source: SessionSource;
  /** Opens the exchange with other gateways about who watches the session. */
  elsewhere?: ((onChange: () => void) => PresenceElsewhere) | undefined;
  limits: RoomLimits;
  flow: DrainWaiter;
  /** Bounds how many reads of the log run concurrently. */
  logReads: Semaphore;
  /** Counts the deliveries of all rooms. */
  deliveryRate: RateMeter;
  /** The memory for the frames of all rooms. */
  frameMemory: FrameMemory;
  metrics: RoomMetrics;
  /** Undefined where no spans are recorded. */
  spans?: DeliverySpans;
  /** The log was replaced or deleted: the room is of no use any more. */
  onReset: () => void;
}

/** Where a viewer wants to begin. */
export interface Resume {
  /** The offset is one of another log. */
  foreign?: boolean;
  after?: number | undefined;
  tail?: number | undefined;
}

/** How long the first stored offset is believed, in ms. */
const FIRST_MS = 1_000;
/** How long an offset that the log has reached, but this room has not, is waited for, in ms. */
const REACH_MS = 5_000;

/**
 * The fan-out of one session: one subscription for any number of viewers, and one frame for each event. `CatchUp` brings each
 * viewer from where it is to what comes now.
 */
export class Room {
  readonly viewers = new Set<Viewer>();
  private readonly history: SharedLogReader;
  private readonly catchUp: CatchUp<Viewer>;
  private readonly pacer: Pacer;
  private readonly writer: FrameWriter;
  private readonly partials: Partials;
  private readonly reached = new Set<() => void>();
  private stopTail: () => Promise<void> = () => Promise.resolve();
  private firstKnown: { seq: Promise<number>; at: number } | undefined;
  private readonly presence: RoomPresence;
  private closed = false;

  private constructor(
    private readonly options: RoomOptions,
    private readonly ring: Ring,
    /** The first offset stored, as of the opening. */
    public first: number,
  ) {
    const { source, logReads, limits, flow, metrics, spans, elsewhere, deliveryRate, frameMemory } = options;
    this.writer = new FrameWriter(frameMemory);
    this.history = new SharedLogReader(source, logReads, limits, () => metrics.logRead());
    this.catchUp = new CatchUp<Viewer>({
      ...{ ring, limits, flow },
      older: (after, upTo) => this.history.next(after, upTo),
      select: (frames, events) => this.withoutDeltas(frames, events),
      onParked: (viewer) => this.parked(viewer),
      onLive: (viewer) => this.nowLive(viewer),
      onReplayed: (events) => metrics.frames('event', events),
      onDelivered: (events, deltas, deliveries, isTaken) => {
        this.releaseFrames(isTaken);
        metrics.frames('event', events * deliveries);
        metrics.frames('delta', deltas * deliveries);
        if (spans !== undefined) spans.delivered(deliveries);
      },
    });
    this.presence = new RoomPresence({
      ...{ limits, elsewhere },
      own: () => [...this.viewers].map(({ presence }) => presence),
      show: (viewers) => this.broadcast({ type: 'presence', viewers }),
    });
    this.pacer = new Pacer(() => this.catchUp.flush(), deliveryRate);
    this.partials = new Partials({
      ask: () => (metrics.partialAsked(), source.partial()),
      flush: () => this.catchUp.flush(),
      maxHeld: limits.heldPieces,
    });
  }

  /** Opens a room at the end of the log. Older events are read when a viewer needs them. */
  static async open(options: RoomOptions): Promise<Room> {
    const { first, last } = await options.source.head();
    const room = new Room(options, new Ring(last, options.limits.ringBytes), first);
    const tail = await options.source.tail(last, {
      onEvents: (batch) => room.onEvents(batch),
      onDelta: (bytes) => room.onDelta(bytes),
      onReset: () => options.onReset(),
    });
    room.stopTail = () => tail.stop();
    return room;
  }

  /** The last offset of the session. */
  get position(): number {
    return this.ring.last;
  }

  join(viewer: Viewer): void {
    this.viewers.add(viewer);
    this.presence.changed();
  }

  leave(viewer: Viewer): void {
    if (!this.viewers.delete(viewer)) return;
    this.catchUp.leave(viewer);
    this.partials.forget(viewer);
    this.presence.changed();
  }

  /** Starts what `hello` waits for: replay from where the viewer wants it, then live. */
  async resume(viewer: Viewer, from: Resume): Promise<void> {
    if (viewer.state !== 'greeted') return;
    viewer.state = 'filling';
    viewer.position =
      from.tail === undefined
        ? await this.startAfter(viewer, from.after ?? 0, from.foreign === true)
        : await this.startOfTail(from.tail);
    await this.catchUp.fill(viewer);
  }

  /** Sends a frame to all viewers that were greeted, also to those that catch up: it is about the present state. */
  broadcast(frame: object): void {
    if (this.viewers.size === 0) return;
    this.catchUp.flush();
    const packet = new Packet([controlFrame(frame)]);
    for (const viewer of this.viewers) viewer.wire.write(packet);
  }

  /** Closes every viewer. With `jitterMs`, each with a moment of its own to come back. */
  closeAll(name: CloseName, jitterMs?: number): void {
    for (const viewer of [...this.viewers]) {
      viewer.wire.close(name, jitterMs === undefined ? '' : restartReason(Math.random() * jitterMs));
      this.leave(viewer);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    this.catchUp.close();
    this.pacer.stop();
    this.presence.close();
    this.history.close();
    for (const wake of this.reached) wake();
    await this.stopTail();
  }

  private onEvents(batch: readonly SourceEvent[]): void {
    const { catchUp, writer } = this;
    if (!catchUp.isPending) writer.expect(Math.max(eventsBytes(batch), catchUp.flushBytes));
    const { metrics, spans } = this.options;
    metrics.received('event', batch.length);
    if (spans !== undefined) spans.arrived(batch);
    const viewers = catchUp.live.size;
    for (const { seq, payload } of batch) {
      const frame = writer.event(seq, payload);
      this.ring.push(frame);
      if (viewers > 0) catchUp.push(frame);
    }
    if (this.first === 0) this.first = batch[0]?.seq ?? 0;
    catchUp.ringChanged();
    for (const wake of this.reached) wake();
    if (catchUp.isPending) this.pacer.offer(batch.length, viewers);
    else {
      this.releaseFrames(true);
      if (spans !== undefined) spans.delivered(0);
    }
  }

  /**
   * The ring has copies of events. Beside sockets that wait, only the snapshot of the open message may refer to a frame
   * that was sent. Memory that is still referred to is left to the garbage collector.
   */
  private releaseFrames(isTaken: boolean): void {
    if (isTaken && !this.partials.isAsking) this.writer.reuse();
    else this.writer.expect(0);
  }

  private onDelta(bytes: Uint8Array): void {
    const { catchUp, writer } = this;
    const n = isOneMap(bytes) ? peekNumber(bytes, 'n') : undefined;
    if (n === undefined) return;
    this.options.metrics.received('delta', 1);
    if (!catchUp.isPending) writer.expect(catchUp.flushBytes);
    const frame = writer.delta(n, bytes);
    const hole = this.partials.note(frame);
    if (catchUp.live.size === 0) {
      if (!catchUp.isPending) this.releaseFrames(true);
      return;
    }
    if (hole) {
      this.options.metrics.pieceGap();
      catchUp.flush();
      this.partials.want(catchUp.live);
    } else {
      catchUp.push(frame);
      this.pacer.offer(1, catchUp.live.size);
    }
  }

  /** Viewers that wait for the snapshot of the open message get no deltas before it. */
  private withoutDeltas(
    frames: readonly Frame[],
    events: number,
  ): ((viewer: Viewer) => Packet | undefined) | undefined {
    if (events === frames.length || !this.partials.isAnyoneWaiting) return undefined;
    const packet = new Packet(frames.filter(({ seq }) => seq > 0));
    return (viewer) => (this.partials.isWaiting(viewer) ? packet : undefined);
  }

  private parked(viewer: Viewer): void {
    this.options.metrics.parked();
    this.partials.forget(viewer);
  }

  private nowLive(viewer: Viewer): void {
    if (!viewer.announced) {
      viewer.announced = true;
      viewer.wire.send({ type: 'live', seq: viewer.position });
    }
    this.partials.want([viewer]);
    this.presence.changed();
  }

  /** Where the replay after an offset begins; a `reset` goes out when that offset is not to be had. */
  private async startAfter(viewer: Viewer, after: number, foreign: boolean): Promise<number> {
    if (after === 0) return 0;
    if (foreign) return this.reset(viewer, 'identity');
    if (after > this.position && !(await this.reach(after))) return this.reset(viewer, 'future');
    if (after >= this.ring.after) return after;
    const first = await this.firstStored();
    return first === 0 || after < first ? this.reset(viewer, 'expired') : after;
  }

  private reset(viewer: Viewer, reason: 'expired' | 'future' | 'identity'): number {
    viewer.wire.send({ type: 'reset', reason, first: this.first });
    return 0;
  }

  /** Waits for an offset that this room has not seen, if the log has it. */
  private async reach(seq: number): Promise<boolean> {
    if ((await this.options.source.head()).last < seq) return false;
    const deadline = Date.now() + REACH_MS;
    while (this.position < seq && !this.closed) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.reached.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, left);
        this.reached.add(wake);
      });
    }
    return true;
  }

  private async firstStored(): Promise<number> {
    if (this.firstKnown === undefined || Date.now() - this.firstKnown.at > FIRST_MS) {
      this.firstKnown = { at: Date.now(), seq: this.options.source.head().then(({ first }) => first) };
    }
    return (this.first = await this.firstKnown.seq);
  }

  /** The offset after which the last `count` events lie. */
  private async startOfTail(count: number): Promise<number> {
    const inRing = this.ring.offsetBefore(count);
    if (inRing !== undefined) return inRing;
    const upTo = this.position;
    let at = await this.options.source.offsetBefore(count, upTo);
    const offsets = new LastOffsets(at, count);
    while (at < upTo && !this.closed) {
      const { after } = this.ring;
      if (at >= after) {
        for (const seq of this.ring.offsetsAfter(at)) if (seq <= upTo) offsets.push(seq);
        break;
      }
      const { frames, last } = await this.history.next(at, after);
      for (const { seq } of frames) if (seq <= upTo) offsets.push(seq);
      at = last;
    }
    return offsets.start;
  }
}
