import type { CloseName } from '@pizzapi/protocol';
import type { ClientConnection } from '../wire/clientConnection.js';
import { outputIn } from '../wire/frame.js';
import type { Packet } from '../wire/packet.js';

/**
 * The connection of a viewer that says how far it has got. What it was sent and has not taken counts as unsent: a browser
 * receives faster than it shows, and the network does not say so.
 */
export class TakingConnection implements ClientConnection {
  private written = 0;
  private taken: number | undefined;
  private isSilent = false;

  constructor(private readonly wire: ClientConnection) {}

  get open(): boolean {
    return this.wire.open;
  }

  get buffered(): number {
    const untaken = this.taken === undefined ? 0 : this.written - this.taken;
    return Math.max(this.wire.buffered, untaken);
  }

  /** The client does not say how far it has got. */
  ignoreTaken(): void {
    this.isSilent = true;
  }

  /** The output begins after byte `n`. */
  begin(n: number): void {
    this.written = n;
    if (!this.isSilent) this.taken = n;
  }

  /** The client has got so far. A client cannot have taken what it was not sent. */
  take(n: number): void {
    if (this.taken !== undefined) this.taken = Math.max(this.taken, Math.min(n, this.written));
  }

  write(packet: Packet, done?: () => void): void {
    const { first } = packet;
    const begins = first === undefined ? 0 : first.seq - outputIn(first).byteLength;
    // What is left out is not waited for.
    if (begins > this.written && this.taken !== undefined) this.taken += begins - this.written;
    this.written = Math.max(this.written, packet.last);
    this.wire.write(packet, done);
  }

  send(frame: object): void {
    this.wire.send(frame);
  }

  isAlive(): Promise<boolean> {
    return this.wire.isAlive();
  }

  close(name: CloseName, reason?: string): void {
    this.wire.close(name, reason);
  }
}
