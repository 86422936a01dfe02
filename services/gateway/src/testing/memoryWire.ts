import { decodeMany, encode, type CloseName } from '@pizzapi/protocol';
import type { Packet } from '../wire/packet.js';
import type { ClientConnection } from '../wire/clientConnection.js';
import { messagesIn } from './messages.js';

/** A viewer's connection in memory: keeps the frames, and stops taking bytes when told to. */
export class MemoryWire implements ClientConnection {
  open = true;
  buffered = 0;
  slow = false;
  closedAs: CloseName | undefined;
  readonly frames: Record<string, unknown>[] = [];
  private taken: (() => void)[] = [];

  write(packet: Packet, done?: () => void): void {
    if (!this.open) return;
    for (const { data } of messagesIn(packet.msgpack))
      this.frames.push(...(decodeMany(data) as Record<string, unknown>[]));
    this.buffered += packet.msgpack.length;
    if (done !== undefined) this.taken.push(done);
    if (!this.slow) queueMicrotask(() => this.drain());
  }

  send(frame: object): void {
    this.frames.push(decodeMany(encode(frame))[0] as Record<string, unknown>);
  }

  isAlive(): Promise<boolean> {
    return Promise.resolve(this.open);
  }

  close(name: CloseName): void {
    this.open = false;
    this.closedAs ??= name;
  }

  /** Takes all that waits. */
  drain(): void {
    if (this.slow) return;
    this.buffered = 0;
    for (const done of this.taken.splice(0)) done();
  }

  of(type: string): Record<string, unknown>[] {
    return this.frames.filter((frame) => frame['type'] === type);
  }

  get seqs(): number[] {
    return this.of('event').map(({ seq }) => seq as number);
  }
}
