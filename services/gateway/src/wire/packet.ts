import { concat } from '@pizzapi/protocol';
import { cutBySize, jsonOf, type Frame } from './frame.js';
import { BINARY, headerLength, TEXT, writeHeader } from './webSocketHeader.js';

/** Frames that go out together: for msgpack viewers as one message, for JSON viewers as one message each. */
export class Packet {
  private binary: Buffer | undefined;
  private text: Buffer | undefined;

  constructor(private readonly frames: readonly Frame[]) {}

  /** The offset of its last event. */
  get last(): number {
    return this.frames.findLast((frame) => frame.seq > 0)?.seq ?? 0;
  }

  /** Its first frame with an offset. */
  get first(): Frame | undefined {
    return this.frames.find(({ seq }) => seq > 0);
  }

  get count(): number {
    return this.frames.length;
  }

  /** One WebSocket message that holds all frames; not a copy where they are all frames of one run. */
  get msgpack(): Buffer {
    return (this.binary ??= runMessage(this.frames) ?? join(this.frames));
  }

  /** One text message per frame, behind one another. Decoded here, once, and only if a viewer reads JSON. */
  get json(): Buffer {
    return (this.text ??= Buffer.from(concat(this.frames.map(textMessage))));
  }
}

/** The frames of one run are in order. So the first and the last one, and as many as the run has, are all of them. */
function runMessage(frames: readonly Frame[]): Buffer | undefined {
  const run = frames[0]?.run;
  const isWhole = run !== undefined && run.count === frames.length && frames.at(-1)!.run === run;
  return isWhole ? run.message : undefined;
}

function join(frames: readonly Frame[]): Buffer {
  let length = 0;
  for (const { size } of frames) length += size;
  const whole = Buffer.allocUnsafe(headerLength(length) + length);
  let at = writeHeader(whole, 0, length, BINARY);
  for (const frame of frames) at += frame.copyTo(whole, at);
  return whole;
}

function textMessage(frame: Frame): Buffer {
  const body = Buffer.from(jsonOf(frame));
  const message = Buffer.allocUnsafe(headerLength(body.length) + body.length);
  body.copy(message, writeHeader(message, 0, body.length, TEXT));
  return message;
}

/** Frames cut into packets of about `bytes`; a larger frame is a packet of its own. */
export function packetsOf(frames: readonly Frame[], bytes: number): Packet[] {
  return cutBySize(frames, ({ size }) => size, bytes).map(({ from, to }) => new Packet(frames.slice(from, to)));
}
