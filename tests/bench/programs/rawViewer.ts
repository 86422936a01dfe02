import { decodeMany, encode, isMap } from '@pizzapi/protocol';
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { nowMs } from '../harness/clock.js';
import type { Histogram } from '../harness/stats.js';

export interface Tally {
  latency: Histogram;
  bytes: number;
}

export interface RawViewerOptions {
  host: string;
  port: number;
  path: string;
  token: string;
  resume: object | undefined;
  format: { eventBytes: number; timeOffset: number };
}

/** All sockets read into the same buffer: each copies its bytes before the next one reads. */
const SHARED = Buffer.allocUnsafe(256 * 1024);
const NOTHING = Buffer.alloc(0);
/** `{ type: 'event', seq` up to the number, and the key after it. */
const EVENT_HEAD = 16;
const EVENT_KEY = 6;

/** A viewer at the level of the socket: counts events without decoding them, and checks that their offsets rise. */
export class RawViewer {
  events = 0;
  repeats = 0;
  over = false;
  readonly startedAt = nowMs();
  firstEventAt = Number.NaN;
  lastEventAt = 0;
  liveAt = Number.NaN;
  readonly live: Promise<void>;
  private becomeLive: () => void = () => undefined;
  private fail: (error: Error) => void = () => undefined;
  private readonly socket: Socket;
  private rest: Buffer = NOTHING;
  private upgraded = false;
  private lastSeq = 0;

  constructor(
    private readonly options: RawViewerOptions,
    private readonly tally: Tally,
    readonly deaf: boolean,
  ) {
    this.live = new Promise((resolve, reject) => {
      this.becomeLive = resolve;
      this.fail = reject;
    });
    const { host, port } = options;
    this.socket = connect({
      host,
      port,
      noDelay: true,
      onread: { buffer: SHARED, callback: (size) => this.read(SHARED.subarray(0, size)) },
    });
    this.socket.once('connect', () => this.greet());
    this.socket.once('error', (error) => this.ended(error));
    this.socket.once('close', () => this.ended(new Error('closed before it was live')));
  }

  end(): void {
    this.socket.destroy();
  }

  private ended(error: Error): void {
    this.over = true;
    this.fail(error);
  }

  private greet(): void {
    const { host, port, path, token } = this.options;
    this.socket.write(
      [
        `GET ${path} HTTP/1.1`,
        `Host: ${host}:${port}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
        'Sec-WebSocket-Protocol: pizzapi.v1.msgpack',
        `Authorization: Bearer ${token}`,
        '\r\n',
      ].join('\r\n'),
    );
  }

  private read(chunk: Buffer): boolean {
    this.tally.bytes += chunk.length;
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let at = 0;
    if (!this.upgraded) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end >= 0) {
        const status = bytes.toString('latin1', 0, bytes.indexOf('\r\n'));
        if (!status.includes(' 101')) this.ended(new Error(`the upgrade was answered with ${status}`));
        this.upgraded = true;
        at = end + 4;
        if (this.options.resume === undefined) this.nowLive();
      }
    }
    if (this.upgraded) at = this.messages(bytes, at, nowMs());
    // The remaining bytes are in the shared buffer, so they have to be copied.
    this.rest = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
    return !(this.deaf && !Number.isNaN(this.liveAt));
  }

  /** Handles every complete WebSocket message. Returns the position of the first incomplete one. */
  private messages(bytes: Buffer, from: number, now: number): number {
    let at = from;
    for (;;) {
      if (bytes.length - at < 2) return at;
      const short = bytes[at + 1]! & 0x7f;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length - at < head) return at;
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
      if (bytes.length - at < head + length) return at;
      const opcode = bytes[at]! & 0x0f;
      if (opcode === 2) this.frames(bytes, at + head, at + head + length, now);
      else if (opcode === 8) this.over = true;
      // A gateway closes connections that do not answer its pings: on a slow machine a run takes longer than two of them.
      else if (opcode === 9) this.pong(bytes.subarray(at + head, at + head + length));
      at += head + length;
    }
  }

  private frames(bytes: Buffer, from: number, end: number, now: number): void {
    const { eventBytes, timeOffset } = this.options.format;
    let at = from;
    while (at < end) {
      if (!isEvent(bytes, at)) return this.control(decodeMany(bytes.subarray(at, end)));
      const [seq, width] = numberAt(bytes, at + EVENT_HEAD);
      if (seq <= this.lastSeq) this.repeats++;
      this.lastSeq = seq;
      const payload = at + EVENT_HEAD + width + EVENT_KEY;
      if (this.events++ === 0 && Number.isNaN(this.firstEventAt)) this.firstEventAt = now;
      this.lastEventAt = now;
      if (timeOffset > 0) this.tally.latency.add(now - bytes.readDoubleBE(payload + timeOffset));
      at = payload + eventBytes;
    }
    if (at !== end) this.ended(new Error('an event of another size than was announced'));
  }

  private control(frames: unknown[]): void {
    for (const frame of frames) {
      if (!isMap(frame)) return this.ended(new Error('an event of another size than was announced'));
      if (frame['type'] === 'hello') this.send({ type: 'resume', ...this.options.resume });
      else if (frame['type'] === 'live') this.nowLive();
      else if (frame['type'] === 'error' || frame['type'] === 'reset') this.ended(new Error(JSON.stringify(frame)));
    }
  }

  private nowLive(): void {
    this.liveAt = nowMs();
    this.becomeLive();
  }

  private send(frame: object): void {
    this.socket.write(masked(0x82, encode(frame)));
  }

  private pong(payload: Uint8Array): void {
    this.socket.write(masked(0x8a, payload));
  }
}

/** Returns a masked WebSocket message with a mask of zeros, which leaves the bytes unchanged. */
function masked(head: number, body: Uint8Array): Buffer {
  if (body.byteLength > 125) throw new RangeError('only short frames are sent');
  return Buffer.concat([Buffer.from([head, 0x80 | body.byteLength, 0, 0, 0, 0]), body]);
}

/** `83 a4 type a5 event`: its second letter distinguishes it from `error`. */
function isEvent(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0x83 && bytes[at + 6] === 0xa5 && bytes[at + 8] === 0x76;
}

function numberAt(bytes: Buffer, at: number): [value: number, width: number] {
  const tag = bytes[at]!;
  if (tag < 0x80) return [tag, 1];
  if (tag === 0xcc) return [bytes[at + 1]!, 2];
  if (tag === 0xcd) return [bytes.readUInt16BE(at + 1), 3];
  if (tag === 0xce) return [bytes.readUInt32BE(at + 1), 5];
  return [bytes.readDoubleBE(at + 1), 9];
}
