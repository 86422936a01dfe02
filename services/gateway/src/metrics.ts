import { METRICS, type Metrics } from '@pizzapi/process';
import type { ErrorCode } from '@pizzapi/protocol';
import type { RoomMetrics } from './room/room.js';

export type SocketKind = 'viewer' | 'hub' | 'runners' | 'nats';

/** What the gateway counts. What happens at every delivery is counted in plain numbers and handed on in `render`. */
export class GatewayMetrics implements RoomMetrics {
  private readonly delivered = { event: 0, delta: 0 };
  private written = 0;
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

  constructor(
    private readonly metrics: Metrics,
    private readonly roomCount: () => number,
  ) {
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

  refusalsSuppressed(count: number): void {
    this.unaudited.inc(count);
  }

  get contentType(): string {
    return this.metrics.contentType;
  }

  async render(): Promise<string> {
    for (const kind of ['event', 'delta'] as const) this.frameCounter.inc({ kind }, this.delivered[kind]);
    this.byteCounter.inc(this.written);
    this.delivered.event = this.delivered.delta = this.written = 0;
    this.rooms.set(this.roomCount());
    return this.metrics.render();
  }
}
