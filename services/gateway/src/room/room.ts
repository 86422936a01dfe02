import type { Semaphore } from '@pizzapi/process';
import { isOneMap, peekNumber, restartReason, type CloseName } from '@pizzapi/protocol';
import { controlFrame, eventsBytes, FrameWriter, type Frame } from '../wire/frame.js';
import { Packet, packetsOf } from '../wire/packet.js';
import type { DrainWaiter } from './backpressure.js';
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

/** Bytes written to one viewer before others get their turn. */
const TURN_BYTES = 256 * 1024;
/** The room for the frames of a flush, as a multiple of the bytes of the one before. */
const FLUSH_ROOM = 1.25;
/** How long the first stored offset is believed, in ms. */
const FIRST_MS = 1_000;
/** How long an offset that the log has reached, but this room has not, is waited for, in ms. */
const REACH_MS = 5_000;

/**
 * The fan-out of one session: one subscription for any number of viewers, and one frame for each event. A viewer is
 * live, or it catches up from the ring of recent events or, further back, from the log. When nothing is left it becomes
 * live in the same turn, so that no event is missed or repeated.
 */
export class Room {
  readonly viewers = new Set<Viewer>();
  private readonly live = new Set<Viewer>();
  private readonly history: SharedLogReader;
  private readonly pacer: Pacer;
  private readonly writer = new FrameWriter();
  /** About how many bytes the next flush sends to those who are live; 0 where frames go out one by one. */
  private flushBytes = 0;
  private readonly partials: Partials;
  private readonly reached = new Set<() => void>();
  /** Framed and not yet sent to those who are live. */
  private pending: Frame[] = [];
  private stopTail: () => Promise<void> = () => Promise.resolve();
  private firstKnown: { seq: Promise<number>; at: number } | undefined;
  private slice: { after: number; packets: Packet[]; ringLast: number } | undefined;
  private readonly presence: RoomPresence;
  private closed = false;

  private constructor(
    private readonly options: RoomOptions,
    private readonly ring: Ring,
    /** The first offset stored, as of the opening. */
    public first: number,
  ) {
    const { source, logReads, limits, metrics, elsewhere, deliveryRate } = options;
    this.history = new SharedLogReader(source, logReads, limits, () => metrics.logRead());
    this.presence = new RoomPresence({
      ...{ limits, elsewhere },
      own: () => [...this.viewers].map(({ presence }) => presence),
      show: (viewers) => this.broadcast({ type: 'presence', viewers }),
    });
    this.pacer = new Pacer(() => this.flush(), deliveryRate);
    this.partials = new Partials({
      ask: () => (metrics.partialAsked(), source.partial()),
      flush: () => this.flush(),
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
    viewer.state = 'gone';
    this.live.delete(viewer);
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
    await this.fill(viewer);
  }

  /** Sends a frame to all viewers that were greeted, also to those that catch up: it is about the present state. */
  broadcast(frame: object): void {
    if (this.viewers.size === 0) return;
    this.flush();
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
    this.pacer.stop();
    this.presence.close();
    this.history.close();
    for (const wake of this.reached) wake();
    await this.stopTail();
  }

  private onEvents(batch: readonly SourceEvent[]): void {
    if (this.pending.length === 0) this.writer.expect(Math.max(eventsBytes(batch), this.expectedBytes));
    const { metrics, spans } = this.options;
    metrics.received('event', batch.length);
    if (spans !== undefined) spans.arrived(batch);
    for (const { seq, payload } of batch) {
      const frame = this.writer.event(seq, payload);
      this.ring.push(frame);
      if (this.live.size > 0) this.pending.push(frame);
    }
    if (this.first === 0) this.first = batch[0]?.seq ?? 0;
    this.slice = undefined;
    for (const wake of this.reached) wake();
    if (this.pending.length > 0) this.pacer.offer(batch.length, this.live.size);
    else if (spans !== undefined) spans.delivered(0);
  }

  private onDelta(bytes: Uint8Array): void {
    const n = isOneMap(bytes) ? peekNumber(bytes, 'n') : undefined;
    if (n === undefined) return;
    this.options.metrics.received('delta', 1);
    if (this.pending.length === 0) this.writer.expect(this.expectedBytes);
    const frame = this.writer.delta(n, bytes);
    const hole = this.partials.note(frame);
    if (this.live.size === 0) return;
    if (hole) {
      this.options.metrics.pieceGap();
      this.flush();
      this.partials.want(this.live);
    } else {
      this.pending.push(frame);
      this.pacer.offer(1, this.live.size);
    }
  }

  /** The room for what is to come until the next flush. While no viewer is live, there is no flush. */
  private get expectedBytes(): number {
    return this.live.size > 0 ? this.flushBytes : 0;
  }

  /** Sends what waits to everyone who is live, as one message. */
  private flush(): void {
    const frames = this.pending;
    if (frames.length === 0) return;
    this.pending = [];
    const { metrics, limits, spans } = this.options;
    let events = 0;
    let last = 0;
    let bytes = 0;
    for (const { seq, size } of frames) {
      bytes += size;
      if (seq === 0) continue;
      events++;
      last = seq;
    }
    this.flushBytes = frames.length > 1 ? bytes * FLUSH_ROOM : 0;
    const all = new Packet(frames);
    const withoutDeltas =
      events === frames.length || !this.partials.isAnyoneWaiting
        ? undefined
        : new Packet(frames.filter(({ seq }) => seq > 0));
    let deliveries = 0;
    for (const viewer of this.live) {
      if (viewer.wire.buffered > limits.parkBytes) {
        this.park(viewer);
        continue;
      }
      const packet = withoutDeltas !== undefined && this.partials.isWaiting(viewer) ? withoutDeltas : all;
      if (packet.count > 0) viewer.wire.write(packet);
      if (last > 0) viewer.position = last;
      deliveries++;
    }
    metrics.frames('event', events * deliveries);
    metrics.frames('delta', (frames.length - events) * deliveries);
    if (spans !== undefined) spans.delivered(deliveries);
  }

  /** Too much is unsent: from now on only the viewer's offset is kept, and filled once it has caught its breath. */
  private park(viewer: Viewer): void {
    this.options.metrics.parked();
    this.live.delete(viewer);
    this.partials.forget(viewer);
    viewer.state = 'filling';
    this.fill(viewer).catch(() => viewer.wire.close('internal'));
  }

  /** Writes what is missing, at the viewer's pace, until nothing is; then it is live. */
  private async fill(viewer: Viewer): Promise<void> {
    const { limits, flow } = this.options;
    let turn = 0;
    while (this.filling(viewer)) {
      const chunk =
        viewer.position >= this.ring.after
          ? this.fromRing(viewer.position)
          : await this.history.next(viewer.position, this.ring.after);
      if (!this.filling(viewer)) return;
      if (viewer.position >= this.ring.after && chunk.packets.length === 0) return this.goLive(viewer);
      for (const packet of chunk.packets) {
        if (viewer.wire.buffered > limits.parkBytes) await flow.ready(viewer.wire);
        else if (turn >= TURN_BYTES) await new Promise(setImmediate);
        if (!this.filling(viewer)) return;
        turn = turn >= TURN_BYTES ? 0 : turn + limits.chunkBytes;
        viewer.wire.write(packet, () => flow.recheck(viewer.wire));
        this.options.metrics.frames('event', packet.count);
        viewer.position = packet.last;
      }
      viewer.position = Math.max(viewer.position, chunk.last);
    }
  }

  private filling(viewer: Viewer): boolean {
    return viewer.state === 'filling' && viewer.wire.open && !this.closed;
  }

  /** What the ring holds after `after`; those who ask for the same get the same buffers. */
  private fromRing(after: number): { packets: readonly Packet[]; last: number } {
    const { ring, options } = this;
    if (this.slice?.after !== after || this.slice.ringLast !== ring.last) {
      const frames = ring.from(after, TURN_BYTES);
      this.slice = { after, ringLast: ring.last, packets: packetsOf(frames, options.limits.chunkBytes) };
    }
    const { packets } = this.slice;
    return { packets, last: packets.at(-1)?.last ?? after };
  }

  /** Nothing is missing. All of this happens in one moment: what waits goes to the others, then this one joins them. */
  private goLive(viewer: Viewer): void {
    this.flush();
    viewer.state = 'live';
    this.live.add(viewer);
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
      const stretch =
        at >= after ? { frames: this.ring.from(at, Infinity), last: upTo } : await this.history.next(at, after);
      for (const { seq } of stretch.frames) if (seq <= upTo) offsets.push(seq);
      at = stretch.last;
    }
    return offsets.start;
  }
}
