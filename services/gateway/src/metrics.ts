import { METRICS, withTimeout, type Metrics } from '@pizzapi/process';
import type { CloseName, ErrorCode, StorageUseInfo } from '@pizzapi/protocol';
import { isLeaseOf, LEASE_KINDS, type LeaseKind } from './leaseKinds.js';
import type { RoomMetrics } from './room/room.js';
import type { RoomFigures } from './room/rooms.js';

export type SocketKind = 'viewer' | 'terminal' | 'hub' | 'runners' | 'nats';
/** How long figures that another process has may take, in ms: a scrape must not wait for nats-server. */
const ANSWER_MS = 2_000;

/** What is read at every scrape instead of being counted. */
export interface GatewayFigures {
  rooms: () => RoomFigures;
  isReady: () => boolean;
  /** Whether nats-server stored the last write. */
  isWriting: () => boolean;
  /** How many leases of a kind are held. */
  leases: (kind: LeaseKind) => number;
  storage: () => Promise<readonly StorageUseInfo[]>;
}

const NO_FIGURES: GatewayFigures = {
  rooms: () => ({ rooms: 0, viewers: { greeted: 0, filling: 0, slow: 0, live: 0 }, unsentBytes: 0 }),
  isReady: () => false,
  isWriting: () => true,
  leases: () => 0,
  storage: () => Promise.resolve([]),
};

/** What the gateway counts. What happens at every delivery is counted in plain numbers and handed on in `render`. */
export class GatewayMetrics implements RoomMetrics {
  /** Where the figures come from, once the gateway is built. */
  figures: GatewayFigures = NO_FIGURES;
  private readonly delivered = { event: 0, delta: 0 };
  private readonly arrived = { event: 0, delta: 0 };
  private written = 0;
  /** How much of these counts the counters have. */
  private readonly shown = { delivered: { event: 0, delta: 0 }, arrived: { event: 0, delta: 0 }, written: 0 };
  private readonly sockets;
  private readonly rooms;
  private readonly frameCounter;
  private readonly byteCounter;
  private readonly parkedCounter;
  private readonly reads;
  private readonly pieceGaps;
  private readonly partials;
  private readonly errors;
  private readonly spawns;
  private readonly unaudited;
  private readonly ready;
  private readonly writable;
  private readonly requests;
  private readonly commands;
  private readonly signIns;
  private readonly closes;
  private readonly viewers;
  private readonly unsent;
  private readonly receivedCounter;
  private readonly leases;
  private readonly leaseChanges;
  private readonly storageBytes;
  private readonly storageLimit;

  constructor(private readonly metrics: Metrics) {
    this.ready = metrics.gauge(METRICS.gatewayReady, '1 while viewers and requests should be sent here, else 0');
    this.writable = metrics.gauge(METRICS.gatewayWritable, '1 while nats-server stores what it is sent, else 0');
    this.requests = metrics.histogram(METRICS.gatewayRequestSeconds, 'Seconds to answer a request of the HTTP API', [
      'status',
    ]);
    this.commands = metrics.counter(
      METRICS.gatewayCommands,
      'Inputs and commands of viewers and of the HTTP API: "ok", or the code of the error',
      ['outcome'],
    );
    this.signIns = metrics.counter(METRICS.gatewaySignIns, 'Attempts to sign in: "ok", or the code of the error', [
      'outcome',
    ]);
    this.closes = metrics.counter(METRICS.gatewayCloses, 'WebSockets that the gateway closed, by reason', ['reason']);
    this.viewers = metrics.gauge(
      METRICS.gatewayViewers,
      'Viewers in rooms: greeted, filling (they catch up), slow (they are parked), live',
      ['state'],
    );
    this.unsent = metrics.gauge(METRICS.gatewayUnsent, 'Bytes written to viewers that the network has not taken');
    this.receivedCounter = metrics.counter(METRICS.gatewayReceived, 'Events and deltas that rooms received', ['kind']);
    this.leases = metrics.gauge(METRICS.gatewayLeases, 'Leases that are held, as this gateway sees them', ['of']);
    this.leaseChanges = metrics.counter(
      METRICS.gatewayLeaseChanges,
      'Leases that were taken, released or that expired, as this gateway sees them',
      ['of', 'change'],
    );
    this.storageBytes = metrics.gauge(METRICS.gatewayStorageBytes, 'Stored bytes of the relay', ['of']);
    this.storageLimit = metrics.gauge(METRICS.gatewayStorageLimit, 'Bytes that may be stored; 0 = no limit', ['of']);
    this.sockets = metrics.gauge(METRICS.gatewaySockets, 'Open WebSockets', ['kind']);
    this.rooms = metrics.gauge(METRICS.gatewayRooms, 'Rooms: sessions with viewers');
    this.frameCounter = metrics.counter(METRICS.gatewayFrames, 'Frames delivered to viewers', ['kind']);
    this.byteCounter = metrics.counter(METRICS.gatewayBytes, 'Bytes written to WebSockets');
    this.parkedCounter = metrics.counter(METRICS.gatewayParked, 'Times a slow viewer was parked');
    this.reads = metrics.counter(METRICS.gatewayLogReads, 'Reads of the log for viewers');
    this.pieceGaps = metrics.counter(METRICS.gatewayPieceGaps, 'Gaps in the deltas of sessions');
    this.partials = metrics.counter(METRICS.gatewayPartials, 'Snapshot requests to hosts');
    this.errors = metrics.counter(METRICS.gatewayErrors, 'Error responses, by code', ['code']);
    this.spawns = metrics.histogram(METRICS.gatewaySpawnSeconds, 'Seconds to start a session');
    this.unaudited = metrics.counter(METRICS.gatewayUnaudited, 'Refusals without a row of their own in the audit log');
  }

  frames(kind: 'event' | 'delta', deliveries: number): void {
    this.delivered[kind] += deliveries;
  }

  received(kind: 'event' | 'delta', count: number): void {
    this.arrived[kind] += count;
  }

  bytes(count: number): void {
    this.written += count;
  }

  parked(): void {
    this.parkedCounter.inc();
  }

  logRead(): void {
    this.reads.inc();
  }

  pieceGap(): void {
    this.pieceGaps.inc();
  }

  partialAsked(): void {
    this.partials.inc();
  }

  socketOpened(kind: SocketKind): void {
    this.sockets.inc({ kind });
  }

  socketClosed(kind: SocketKind): void {
    this.sockets.dec({ kind });
  }

  error(code: ErrorCode): void {
    this.errors.inc({ code });
  }

  spawned(seconds: number): void {
    this.spawns.observe(seconds);
  }

  /** A request was answered with this status. */
  requested(status: number, seconds: number): void {
    this.requests.observe({ status: `${Math.floor(status / 100)}xx` }, seconds);
  }

  command(outcome: 'ok' | ErrorCode): void {
    this.commands.inc({ outcome });
  }

  signIn(outcome: 'ok' | ErrorCode): void {
    this.signIns.inc({ outcome });
  }

  closed(reason: CloseName): void {
    this.closes.inc({ reason });
  }

  leaseChanged(key: string, change: 'held' | 'released' | 'expired'): void {
    const of = LEASE_KINDS.find((kind) => isLeaseOf(key, kind));
    if (of !== undefined) this.leaseChanges.inc({ of, change });
  }

  refusalsSuppressed(count: number): void {
    this.unaudited.inc(count);
  }

  /** The figures of this gateway, for `GET /api/top`. */
  figuresNow(): RoomFigures & { received: number; delivered: number; bytes: number } {
    const { delivered, arrived, written: bytes } = this;
    return {
      ...this.figures.rooms(),
      ...{ received: arrived.event + arrived.delta, delivered: delivered.event + delivered.delta, bytes },
    };
  }

  get contentType(): string {
    return this.metrics.contentType;
  }

  async render(): Promise<string> {
    const { delivered, arrived, shown, figures } = this;
    for (const kind of ['event', 'delta'] as const) {
      this.frameCounter.inc({ kind }, delivered[kind] - shown.delivered[kind]);
      this.receivedCounter.inc({ kind }, arrived[kind] - shown.arrived[kind]);
      shown.delivered[kind] = delivered[kind];
      shown.arrived[kind] = arrived[kind];
    }
    this.byteCounter.inc(this.written - shown.written);
    shown.written = this.written;
    const { rooms, viewers, unsentBytes } = figures.rooms();
    this.rooms.set(rooms);
    for (const [state, count] of Object.entries(viewers)) this.viewers.set({ state }, count);
    this.unsent.set(unsentBytes);
    this.ready.set(figures.isReady() ? 1 : 0);
    this.writable.set(figures.isWriting() ? 1 : 0);
    for (const of of LEASE_KINDS) this.leases.set({ of }, figures.leases(of));
    await this.showStorage();
    return this.metrics.render();
  }

  /** Keeps the last figures when nats-server does not answer. */
  private async showStorage(): Promise<void> {
    const uses = await withTimeout(
      this.figures.storage().catch(() => []),
      ANSWER_MS,
    );
    for (const { of, used, limit } of uses ?? []) {
      const what = of === 'log_of_relay' ? 'log' : 'files';
      this.storageBytes.set({ of: what }, used);
      this.storageLimit.set({ of: what }, limit);
    }
  }
}
