import { decodeMany, encode, type CloseName } from '@pizzapi/protocol';
import type { Packet } from '../wire/packet.js';
import type { ClientConnection } from '../wire/clientConnection.js';
import { messagesIn } from './messages.js';

/**
 * A viewer's connection in memory, with its frames. It takes bytes at once, as a socket does, until it is told to stop:
 * then it refers to the bytes that wait, so that a test fails when the room writes over them.
 */
export class MemoryWire implements ClientConnection {
  open = true;
  buffered = 0;
  slow = false;
  closedAs: CloseName | undefined;
  private readonly taken: Record<string, unknown>[] = [];
  private waiting: Uint8Array[] = [];
  private done: (() => void)[] = [];

  /** All that was written. */
  get frames(): Record<string, unknown>[] {
    return [...this.taken, ...this.waiting.flatMap(read)];
  }

  write(packet: Packet, done?: () => void): void {
    if (!this.open) return;
    this.add(messagesIn(packet.msgpack).map(({ data }) => data));
    if (this.slow) this.buffered += packet.msgpack.length;
    if (done !== undefined) this.done.push(done);
    if (!this.slow) queueMicrotask(() => this.drain());
  }

  send(frame: object): void {
    this.add([encode(frame)]);
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
    this.taken.push(...this.waiting.flatMap(read));
    this.waiting = [];
    for (const done of this.done.splice(0)) done();
  }

  of(type: string): Record<string, unknown>[] {
    return this.frames.filter((frame) => frame['type'] === type);
  }

  get seqs(): number[] {
    return this.of('event').map(({ seq }) => seq as number);
  }

  private add(messages: readonly Uint8Array[]): void {
    if (this.slow || this.waiting.length > 0) this.waiting.push(...messages);
    else this.taken.push(...messages.flatMap(read));
  }
}

const read = (message: Uint8Array) => decodeMany(message) as Record<string, unknown>[];
