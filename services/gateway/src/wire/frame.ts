import { concat, decode, encode, isOneMap, MAX_FRAME_DEPTH } from '@pizzapi/protocol';
import { UNREADABLE } from './storedEvent.js';

/**
 * Frames as bytes. What lies in the log is one msgpack map; the frame around it is written by hand, so that the map
 * goes to every viewer as it was stored, undecoded. Each frame lies behind its complete WebSocket header (server
 * frames are unmasked), in one buffer that is written to any number of sockets.
 */
const TEXT = 0x81;
const BINARY = 0x82;

const str = (text: string): number[] => [0xa0 | text.length, ...Buffer.from(text, 'latin1')];
const EVENT_HEAD = Buffer.from([0x83, ...str('type'), ...str('event'), ...str('seq')]);
const EVENT_KEY = Buffer.from(str('event'));
const UNREADABLE_BYTES = encode(UNREADABLE);
const DELTA_HEAD = Buffer.from([0x82, ...str('type'), ...str('delta'), ...str('delta')]);

/** One frame, ready to be written: `wire` = WebSocket header + frame. */
export interface Frame {
  /** The offset of an event; 0 for anything else. */
  readonly seq: number;
  /** The number of a piece; 0 for anything else. */
  readonly n: number;
  readonly wire: Buffer;
  /** Bytes of the WebSocket header. */
  readonly head: number;
}

/** Bytes of the WebSocket header of a message this long. */
function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** Writes the header of a whole, unmasked message to the front of `target`. */
function writeHeader(target: Buffer, length: number, firstByte: number): number {
  target[0] = firstByte;
  if (length < 126) {
    target[1] = length;
    return 2;
  }
  if (length < 65_536) {
    target[1] = 126;
    target.writeUInt16BE(length, 2);
    return 4;
  }
  target[1] = 127;
  target.writeUInt32BE(0, 2);
  target.writeUInt32BE(length, 6);
  return 10;
}

/** Bytes that msgpack takes for a whole number ≥ 0. */
function numberLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x100 ? 2 : value < 0x1_0000 ? 3 : value < 0x1_0000_0000 ? 5 : 9;
}

function writeNumber(target: Buffer, at: number, value: number): number {
  if (value < 0x80) return target.writeUInt8(value, at);
  if (value < 0x100) return target.writeUInt8(value, target.writeUInt8(0xcc, at));
  if (value < 0x1_0000) return target.writeUInt16BE(value, target.writeUInt8(0xcd, at));
  if (value < 0x1_0000_0000) return target.writeUInt32BE(value, target.writeUInt8(0xce, at));
  return target.writeDoubleBE(value, target.writeUInt8(0xcb, at));
}

/**
 * `{ type: 'event', seq, event }` around the bytes of an event. A host may have stored any bytes: only one whole map is
 * sent on, so that nothing behind it can pass for a frame of ours, and no viewer is given what it cannot read.
 */
export function eventFrame(seq: number, stored: Uint8Array): Frame {
  const payload = isOneMap(stored) ? stored : UNREADABLE_BYTES;
  const length = EVENT_HEAD.length + numberLength(seq) + EVENT_KEY.length + payload.byteLength;
  const wire = Buffer.allocUnsafe(headerLength(length) + length);
  const head = writeHeader(wire, length, BINARY);
  wire.set(EVENT_HEAD, head);
  const at = writeNumber(wire, head + EVENT_HEAD.length, seq);
  wire.set(EVENT_KEY, at);
  wire.set(payload, at + EVENT_KEY.length);
  return { seq, n: 0, wire, head };
}

/** `{ type: 'delta', delta }` around the bytes of a piece, which is one whole map: `isOneMap`. */
export function deltaFrame(n: number, payload: Uint8Array): Frame {
  const length = DELTA_HEAD.length + payload.byteLength;
  const wire = Buffer.allocUnsafe(headerLength(length) + length);
  const head = writeHeader(wire, length, BINARY);
  wire.set(DELTA_HEAD, head);
  wire.set(payload, head + DELTA_HEAD.length);
  return { seq: 0, n, wire, head };
}

/** Any other frame. */
export function controlFrame(frame: object): Frame {
  const body = encode(frame);
  const wire = Buffer.allocUnsafe(headerLength(body.byteLength) + body.byteLength);
  const head = writeHeader(wire, body.byteLength, BINARY);
  wire.set(body, head);
  return { seq: 0, n: 0, wire, head };
}

/** Frames that go out together: for msgpack viewers as one message, for JSON viewers as one message each. */
export class Packet {
  private binary: Buffer | undefined;
  private text: Buffer | undefined;

  constructor(private readonly frames: readonly Frame[]) {}

  /** The offset of its last event. */
  get last(): number {
    return this.frames.findLast((frame) => frame.seq > 0)?.seq ?? 0;
  }

  get count(): number {
    return this.frames.length;
  }

  /** One WebSocket message that holds all frames; for a single frame its own buffer, uncopied. */
  get msgpack(): Buffer {
    return (this.binary ??= this.frames.length === 1 ? this.frames[0]!.wire : join(this.frames));
  }

  /** One text message per frame, behind one another. Decoded here, once, and only if somebody reads JSON. */
  get json(): Buffer {
    return (this.text ??= Buffer.from(concat(this.frames.map(textMessage))));
  }
}

function join(frames: readonly Frame[]): Buffer {
  let length = 0;
  for (const { wire, head } of frames) length += wire.length - head;
  const whole = Buffer.allocUnsafe(headerLength(length) + length);
  let at = writeHeader(whole, length, BINARY);
  for (const { wire, head } of frames) at += wire.copy(whole, at, head);
  return whole;
}

function textMessage({ wire, head }: Frame): Buffer {
  const body = Buffer.from(JSON.stringify(decode(wire.subarray(head), MAX_FRAME_DEPTH)));
  const message = Buffer.allocUnsafe(headerLength(body.length) + body.length);
  body.copy(message, writeHeader(message, body.length, TEXT));
  return message;
}

/** Frames cut into packets of about `bytes`; a larger frame is a packet of its own. */
export function packetsOf(frames: readonly Frame[], bytes: number): Packet[] {
  const packets: Packet[] = [];
  let start = 0;
  let size = 0;
  for (let i = 0; i < frames.length; i++) {
    size += frames[i]!.wire.length;
    if (size < bytes && i + 1 < frames.length) continue;
    packets.push(new Packet(frames.slice(start, i + 1)));
    start = i + 1;
    size = 0;
  }
  return packets;
}
