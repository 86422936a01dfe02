import type { Socket } from 'node:net';
import { CLOSE_CODES, type CloseName } from '@pizzapi/protocol';
import type { WebSocket } from 'ws';
import { controlFrame } from './frame.js';
import { Packet } from './packet.js';

/** A client that lets this many bytes of answers lie about is closed: nothing else bounds what it makes us queue. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** How long a connection may take to give a sign of life that it is asked for, in ms. */
const SIGN_MS = 1_000;

/** The sending side of one client's connection. */
export interface ClientConnection {
  readonly open: boolean;
  /** Bytes written and not yet taken by the network. */
  readonly buffered: number;
  /** Writes ready bytes; `done` is called when the network has taken them. */
  write(packet: Packet, done?: () => void): void;
  send(frame: object): void;
  /** Asks for a sign of life; false when none comes within a second. */
  isAlive(): Promise<boolean>;
  close(name: CloseName, reason?: string): void;
}

/**
 * Writes whole frames straight to the socket, past the queue of `ws`: that queue is used only while a message is being
 * compressed or read from a Blob, and we do neither.
 */
export class SocketConnection implements ClientConnection {
  /** One that was asked for, for all who want it. */
  private sign: Promise<boolean> | undefined;
  private isClosing = false;

  constructor(
    private readonly ws: WebSocket,
    private readonly socket: Socket,
    private readonly json: boolean,
    private readonly onBytes: (bytes: number) => void,
    /** Called once, when the gateway closes the connection. */
    private readonly onClose: (name: CloseName) => void = () => undefined,
  ) {}

  get open(): boolean {
    return this.ws.readyState === this.ws.OPEN;
  }

  get buffered(): number {
    return this.socket.writableLength;
  }

  write(packet: Packet, done?: () => void): void {
    if (!this.open) return;
    const bytes = this.json ? packet.json : packet.msgpack;
    this.onBytes(bytes.length);
    this.socket.write(bytes, done);
  }

  send(frame: object): void {
    this.write(new Packet([controlFrame(frame)]));
    if (this.buffered > MAX_BUFFERED_BYTES) this.close('too_slow');
  }

  isAlive(): Promise<boolean> {
    if (!this.open) return Promise.resolve(false);
    return (this.sign ??= new Promise((resolve) => {
      const settle = (there: boolean): void => {
        this.sign = undefined;
        clearTimeout(timer);
        this.ws.off('pong', here);
        resolve(there);
      };
      const here = (): void => settle(true);
      const timer = setTimeout(() => settle(false), SIGN_MS);
      this.ws.once('pong', here);
      this.ws.ping();
    }));
  }

  close(name: CloseName, reason = ''): void {
    if (this.ws.readyState === this.ws.CLOSED) return;
    if (!this.isClosing) this.onClose(name);
    this.isClosing = true;
    // A client that takes nothing will not take the close frame either, nor answer it.
    if (this.buffered > MAX_BUFFERED_BYTES) this.ws.terminate();
    else this.ws.close(CLOSE_CODES[name].code, reason);
  }
}
