import type { Socket } from 'node:net';
import type { GatewayMetrics } from '../metrics.js';
import { openUpgrade, type Upgraded } from './upgrade.js';
import { TunnelLimits } from './tunnelLimits.js';

/**
 * A connection on which neither side sends for so long is dead, in ms. Runners ping every ten seconds, nats-server every two
 * minutes.
 */
const SILENT_MS = 90_000;
/** TCP asks a side that sends nothing whether it is still there, after this time in ms. */
const KEEP_ALIVE_MS = 30_000;

export interface Tunnel {
  /** Answers the client and passes bytes both ways from now on. `head`: what the client has sent after its request. */
  start(socket: Socket, head: Buffer): void;
  /** Gives the tunnel up before it has started. */
  cancel(): void;
}

export type TunnelOutcome = { kind: 'opened'; tunnel: Tunnel } | { kind: 'too_many' } | { kind: 'unreachable' };

/**
 * Passes WebSockets of runners through to nats-server. The gateway reads nothing of them: nats-server asks for the login as at
 * any other of its ports.
 */
export class NatsTunnels {
  private readonly limits = new TunnelLimits();
  private readonly sockets = new Set<Socket>();

  constructor(
    private readonly targets: readonly URL[],
    private readonly metrics: Pick<GatewayMetrics, 'socketOpened' | 'socketClosed'>,
  ) {}

  get open(): number {
    return this.sockets.size;
  }

  async connect(key: string, ip: string): Promise<TunnelOutcome> {
    const release = this.limits.take(ip);
    if (release === undefined) return { kind: 'too_many' };
    const upgraded = await this.upgrade(key, ip);
    if (upgraded === undefined) {
      release();
      return { kind: 'unreachable' };
    }
    const { far } = upgraded;
    far.once('close', release);
    return {
      kind: 'opened',
      tunnel: { start: (...near) => this.pipe(...near, upgraded), cancel: () => far.destroy() },
    };
  }

  /** Ends the connections within `jitterMs`, each after a moment of its own. Runners connect elsewhere. */
  drain(jitterMs: number): void {
    for (const socket of this.sockets) setTimeout(() => socket.end(), Math.random() * jitterMs).unref();
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Tries the addresses in an order of its own, so that connections spread over the servers. */
  private async upgrade(key: string, ip: string): Promise<Upgraded | undefined> {
    const first = Math.floor(Math.random() * this.targets.length);
    for (const target of [...this.targets.slice(first), ...this.targets.slice(0, first)]) {
      const upgraded = await openUpgrade(target, key, ip);
      if (upgraded !== undefined) return upgraded;
    }
    return undefined;
  }

  private pipe(near: Socket, head: Buffer, { far, head: farHead, accept }: Upgraded): void {
    if (near.destroyed) return void far.destroy();
    this.sockets.add(near);
    this.metrics.socketOpened('nats');
    near.once('close', () => {
      this.sockets.delete(near);
      this.metrics.socketClosed('nats');
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      socket.setTimeout(SILENT_MS, () => socket.destroy());
      socket.on('error', () => socket.destroy());
      // The last bytes, such as the reason of a refusal, still go out.
      socket.on('close', () => other.destroySoon());
    }
    near.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    if (farHead.length > 0) near.write(farHead);
    if (head.length > 0) far.write(head);
    // Each waits for the other: a slow side holds back what is read from the fast one.
    near.pipe(far);
    far.pipe(near);
  }
}
