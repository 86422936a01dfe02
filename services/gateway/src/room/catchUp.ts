import type { Frame } from '../wire/frame.js';
import { Packet, packetsOf } from '../wire/packet.js';
import type { ClientConnection } from '../wire/clientConnection.js';
import type { DrainWaiter } from './backpressure.js';
import type { RoomLimits } from './limits.js';
import type { Ring } from './ring.js';
import type { ViewerState } from './viewer.js';

/** Bytes written to one viewer before others get their turn. */
export const TURN_BYTES = 256 * 1024;
/** The room for the frames of a flush, as a multiple of the bytes of the one before. */
const FLUSH_ROOM = 1.25;

/** What a viewer has for its replay and what follows it. */
export interface CatchUpViewer {
  state: ViewerState;
  /** Everything up to this offset has been written to it, or was not wanted. */
  position: number;
  readonly wire: ClientConnection;
}

export interface CatchUpOptions<V extends CatchUpViewer> {
  /** The latest frames: all after its `after`. */
  ring: Ring;
  limits: Pick<RoomLimits, 'parkBytes' | 'chunkBytes'>;
  flow: DrainWaiter;
  /** Reads what lies before the ring: a stretch after `after`, up to `upTo`. Nothing is left out up to its `last`. */
  older: (after: number, upTo: number) => Promise<{ packets: readonly Packet[]; last: number }>;
  /** Leaves out what a viewer has of the first of these frames. Not needed where positions lie between frames only. */
  cut?: (frames: Frame[], after: number) => Frame[];
  /** Returns what a viewer gets of these frames, where it is not all of them for each. */
  select?: (frames: readonly Frame[], events: number) => ((viewer: V) => Packet | undefined) | undefined;
  /** A viewer took too little and is not live for now. */
  onParked: (viewer: V) => void;
  /** Nothing is missing: from now on the viewer gets what comes. */
  onLive: (viewer: V) => void;
  onReplayed: (events: number) => void;
  /** Frames were sent to those who are live. `isTaken`: the network has all of them. */
  onDelivered: (events: number, others: number, deliveries: number, isTaken: boolean) => void;
}

/**
 * Brings viewers from where they are to what comes now. A viewer is live, or it catches up from the ring or, further back,
 * from what `older` reads. When nothing is left it becomes live in the same turn, so that nothing is missed or repeated. A viewer
 * that takes too little is parked: only its offset is kept, and it catches up again.
 */
export class CatchUp<V extends CatchUpViewer> {
  readonly live = new Set<V>();
  /** About how many bytes the next flush sends while a viewer is live; 0 where frames go out one by one. */
  private gathered = 0;
  /** Framed and not yet sent to those who are live. */
  private pending: Frame[] = [];
  private slice: { after: number; packets: Packet[]; ringLast: number } | undefined;
  private closed = false;

  constructor(private readonly options: CatchUpOptions<V>) {}

  /** The room for the frames of the next flush: none while no viewer is live, because nothing is gathered then. */
  get flushBytes(): number {
    return this.live.size === 0 ? 0 : this.gathered;
  }

  /** Whether frames wait for a flush. */
  get isPending(): boolean {
    return this.pending.length > 0;
  }

  /** Adds a frame to what the next flush sends. */
  push(frame: Frame): void {
    this.pending.push(frame);
  }

  /** The ring has changed. */
  ringChanged(): void {
    this.slice = undefined;
  }

  leave(viewer: V): void {
    viewer.state = 'gone';
    this.live.delete(viewer);
  }

  close(): void {
    this.closed = true;
  }

  /** Sends what waits to everyone who is live, as one message. */
  flush(): void {
    const frames = this.pending;
    if (frames.length === 0) return;
    this.pending = [];
    const { limits, select, onDelivered } = this.options;
    let events = 0;
    let last = 0;
    let bytes = 0;
    for (const { seq, size } of frames) {
      bytes += size;
      if (seq === 0) continue;
      events++;
      last = seq;
    }
    this.gathered = frames.length > 1 ? bytes * FLUSH_ROOM : 0;
    const all = new Packet(frames);
    const own = select?.(frames, events);
    let deliveries = 0;
    let isTaken = true;
    for (const viewer of this.live) {
      if (viewer.wire.buffered > limits.parkBytes) {
        this.park(viewer);
        isTaken = false;
        continue;
      }
      const packet = own?.(viewer) ?? all;
      if (packet.count > 0) viewer.wire.write(packet);
      if (viewer.wire.buffered > 0) isTaken = false;
      if (last > 0) viewer.position = last;
      deliveries++;
    }
    onDelivered(events, frames.length - events, deliveries, isTaken);
  }

  /** Writes what is missing, at the viewer's pace, until nothing is; then it is live. */
  async fill(viewer: V): Promise<void> {
    const { ring, limits, flow, older, onReplayed } = this.options;
    let turn = 0;
    while (this.filling(viewer)) {
      const chunk =
        viewer.position >= ring.after ? this.fromRing(viewer.position) : await older(viewer.position, ring.after);
      if (!this.filling(viewer)) return;
      if (viewer.position >= ring.after && chunk.packets.length === 0) return this.goLive(viewer);
      for (const packet of chunk.packets) {
        if (viewer.wire.buffered > limits.parkBytes) await flow.ready(viewer.wire);
        else if (turn >= TURN_BYTES) await new Promise(setImmediate);
        if (!this.filling(viewer)) return;
        turn = turn >= TURN_BYTES ? 0 : turn + limits.chunkBytes;
        viewer.wire.write(packet, () => flow.recheck(viewer.wire));
        onReplayed(packet.count);
        viewer.position = packet.last;
      }
      viewer.position = Math.max(viewer.position, chunk.last);
    }
  }

  /** Too much is unsent: from now on only the viewer's offset is kept, and filled once it has caught its breath. */
  private park(viewer: V): void {
    this.live.delete(viewer);
    viewer.state = 'filling';
    this.options.onParked(viewer);
    this.fill(viewer).catch(() => viewer.wire.close('internal'));
  }

  private filling(viewer: V): boolean {
    return viewer.state === 'filling' && viewer.wire.open && !this.closed;
  }

  /** What the ring holds after `after`; those who ask for the same get the same buffers. */
  private fromRing(after: number): { packets: readonly Packet[]; last: number } {
    const { ring, limits, cut } = this.options;
    if (this.slice?.after !== after || this.slice.ringLast !== ring.last) {
      const held = ring.from(after, TURN_BYTES, limits.chunkBytes);
      const frames = cut === undefined ? held : cut(held, after);
      this.slice = { after, ringLast: ring.last, packets: packetsOf(frames, limits.chunkBytes) };
    }
    const { packets } = this.slice;
    return { packets, last: packets.at(-1)?.last ?? after };
  }

  /** Nothing is missing. All of this happens in one moment: what waits goes to the others, then this one joins them. */
  private goLive(viewer: V): void {
    this.flush();
    viewer.state = 'live';
    this.live.add(viewer);
    this.options.onLive(viewer);
  }
}
