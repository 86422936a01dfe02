import { Semaphore, type Logger, type Tracing } from '@pizzapi/process';
import { DrainWaiter } from './backpressure.js';
import { DeliverySpans } from './deliverySpans.js';
import type { RoomLimits } from './limits.js';
import type { PresenceExchange } from './presenceExchange.js';
import { RateMeter } from './rateMeter.js';
import { Room, type RoomMetrics } from './room.js';
import type { SessionSource } from './source.js';
import { FrameMemory } from '../wire/frameMemory.js';
import type { Viewer, ViewerState } from './viewer.js';

/** Time over which viewers of a replaced log come back, in ms. */
const RESTART_JITTER_MS = 1_000;

export interface RoomsOptions {
  source: (sid: string) => SessionSource;
  limits: RoomLimits;
  /** Who watches at other gateways; undefined where there is no other gateway. */
  presence?: Pick<PresenceExchange, 'open' | 'countElsewhere'>;
  /** Reads of the log that may run at once. */
  concurrentReads: number;
  metrics: RoomMetrics;
  /** Records the deliveries of events with a trace; undefined where no spans are recorded. */
  tracing?: Tracing;
  log: Logger;
}

/** What the rooms have now. */
export interface RoomFigures {
  rooms: number;
  /** `slow`: the gateway waits until the viewer has taken what was written to it. */
  viewers: Record<Exclude<ViewerState, 'gone'> | 'slow', number>;
  /** Bytes written to viewers that the network has not taken. */
  unsentBytes: number;
}

interface Entry {
  opening: Promise<Room>;
  room?: Room;
  /** Runs while the room has no viewer. */
  linger?: NodeJS.Timeout;
}

/** The rooms of this gateway: opened for the first viewer, kept some seconds after the last. */
export class Rooms {
  private readonly entries = new Map<string, Entry>();
  private readonly flow: DrainWaiter;
  private readonly logReads: Semaphore;
  private readonly deliveryRate = new RateMeter();
  private readonly frameMemory = new FrameMemory();

  constructor(private readonly options: RoomsOptions) {
    this.flow = new DrainWaiter(options.limits);
    this.logReads = new Semaphore(options.concurrentReads);
  }

  /** Counts the viewers. It walks all of them, so that joining and leaving cost nothing. */
  figures(): RoomFigures {
    const viewers = { greeted: 0, filling: 0, slow: 0, live: 0 };
    let unsentBytes = 0;
    for (const { room } of this.entries.values()) {
      for (const { state, wire } of room?.viewers ?? []) {
        unsentBytes += wire.buffered;
        if (state !== 'gone') viewers[this.flow.isWaiting(wire) ? 'slow' : state]++;
      }
    }
    return { rooms: this.entries.size, viewers, unsentBytes };
  }

  /** Returns the room of a session, and opens it first if needed. A viewer that joins must also `leave`. */
  open(sid: string): Promise<Room> {
    const known = this.entries.get(sid);
    if (known !== undefined) {
      clearTimeout(known.linger);
      delete known.linger;
      // A caller that does not join must not keep the room open.
      void known.opening.then(
        () => this.lingerIfEmpty(sid),
        () => undefined,
      );
      return known.opening;
    }
    const { source, limits, metrics, log, presence, tracing } = this.options;
    const entry: Entry = {
      opening: Room.open({
        source: source(sid),
        elsewhere: presence && ((onChange) => presence.open(sid, onChange)),
        limits,
        metrics,
        flow: this.flow,
        logReads: this.logReads,
        deliveryRate: this.deliveryRate,
        frameMemory: this.frameMemory,
        ...(tracing === undefined ? {} : { spans: new DeliverySpans(tracing, sid) }),
        onReset: () => {
          log.warn({ sid }, 'stream was replaced; viewers restart from the beginning');
          this.drop(sid, 'restarting');
        },
      }),
    };
    this.entries.set(sid, entry);
    entry.opening.then(
      (room) => {
        entry.room = room;
        if (this.entries.get(sid) === entry) this.lingerIfEmpty(sid);
        else void room.close();
      },
      () => this.entries.get(sid) === entry && this.entries.delete(sid),
    );
    return entry.opening;
  }

  /** The room of a session if it is open. */
  find(sid: string): Room | undefined {
    return this.entries.get(sid)?.room;
  }

  /** How many viewers a session has now at this gateway, and had at the others within the last seconds. */
  countViewers(sid: string): number {
    return (this.find(sid)?.viewers.size ?? 0) + (this.options.presence?.countElsewhere(sid) ?? 0);
  }

  leave(sid: string, room: Room, viewer: Viewer): void {
    room.leave(viewer);
    if (this.find(sid) === room) this.lingerIfEmpty(sid);
  }

  /** Closes a room and everyone in it. */
  drop(sid: string, name: 'session_gone' | 'restarting'): void {
    const entry = this.entries.get(sid);
    if (entry === undefined) return;
    this.entries.delete(sid);
    clearTimeout(entry.linger);
    if (entry.room === undefined) return;
    entry.room.closeAll(name, name === 'restarting' ? RESTART_JITTER_MS : undefined);
    void entry.room.close();
  }

  /** Closes all rooms, also those with viewers. */
  async close(): Promise<void> {
    const entries = [...this.entries.values()];
    this.entries.clear();
    for (const { linger } of entries) clearTimeout(linger);
    for (const { room } of entries) await room?.close();
  }

  private lingerIfEmpty(sid: string): void {
    const entry = this.entries.get(sid);
    if (entry?.room === undefined || entry.room.viewers.size > 0 || entry.linger !== undefined) return;
    const { lingerMs, lingering } = this.options.limits;
    entry.linger = setTimeout(() => this.end(sid), lingerMs).unref();
    const idle = [...this.entries].filter(([, { linger }]) => linger !== undefined);
    if (idle.length > lingering) this.end(idle[0]![0]);
  }

  private end(sid: string): void {
    const entry = this.entries.get(sid);
    if (entry?.room === undefined || entry.room.viewers.size > 0) return;
    clearTimeout(entry.linger);
    this.entries.delete(sid);
    void entry.room.close();
  }
}
