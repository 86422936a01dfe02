import { decode, encode, isMap, isOneMap, MAX_FRAME_DEPTH } from '@pizzapi/protocol';
import type { FrameMemory } from './frameMemory.js';
import { FrameRun } from './frameRun.js';
import { UNREADABLE } from './storedEvent.js';

/**
 * Frames as bytes. What lies in the log is one msgpack map; the frame around it is written by hand, so that the map
 * goes to every viewer as it was stored, undecoded. The frames that are sent together lie in one run.
 */
const str = (text: string): number[] => [0xa0 | text.length, ...Buffer.from(text, 'latin1')];
const EVENT_HEAD = Buffer.from([0x83, ...str('type'), ...str('event'), ...str('seq')]);
const EVENT_KEY = Buffer.from(str('event'));
const UNREADABLE_BYTES = encode(UNREADABLE);
const DELTA_HEAD = Buffer.from([0x82, ...str('type'), ...str('delta'), ...str('delta')]);
const DATA_HEAD = Buffer.from([0x83, ...str('type'), ...str('terminal_data'), ...str('n')]);
const DATA_KEY = Buffer.from(str('bytes'));
/** The type and the four bytes of the length of a `bin 32`. */
const BIN_HEAD = 5;

/** One frame, where it lies. */
export class Frame {
  constructor(
    /** The offset of an event; 0 for anything else. */
    readonly seq: number,
    /** The number of a delta; 0 for anything else. */
    readonly n: number,
    readonly run: FrameRun,
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** The number of its bytes. */
  get size(): number {
    return this.end - this.start;
  }

  /** Its bytes, as a view. */
  get bytes(): Buffer {
    return this.run.buffer.subarray(this.start, this.end);
  }

  /** Copies its bytes from `from` up to `to`. Returns how many they are. */
  copyTo(target: Buffer, at: number, from = 0, to = this.size): number {
    return this.run.buffer.copy(target, at, this.start + from, this.start + to);
  }
}

/** Makes frames and puts those that are to be sent together into one run. */
export class FrameWriter {
  private run: FrameRun | undefined;
  /** The runs of the frames that are to come together. */
  private runs: FrameRun[] = [];
  private expected = 0;

  /** `memory`: where the buffers come from, when `reuse` is called. */
  constructor(private readonly memory?: FrameMemory) {}

  /** Says how many bytes of frames are to come together. The next frame starts a run. */
  expect(bytes: number): void {
    this.run = undefined;
    this.runs = [];
    this.expected = Math.ceil(bytes);
  }

  /** Gives the memory of the frames since `expect` back. Nothing may refer to them any more, and no socket may wait. */
  reuse(): void {
    for (const { buffer } of this.runs) this.memory?.give(buffer);
    this.expect(0);
  }

  /**
   * `{ type: 'event', seq, event }` around the bytes of an event. A host may have stored any bytes: only one whole map is
   * sent on, so that nothing behind it can pass for a frame of ours, and no viewer is given what it cannot read.
   */
  event(seq: number, stored: Uint8Array): Frame {
    const payload = isOneMap(stored) ? stored : UNREADABLE_BYTES;
    const bytes = eventBytes(seq, payload.byteLength);
    const run = this.runFor(bytes);
    const start = run.add(bytes);
    const { buffer } = run;
    buffer.set(EVENT_HEAD, start);
    const at = writeNumber(buffer, start + EVENT_HEAD.length, seq);
    buffer.set(EVENT_KEY, at);
    buffer.set(payload, at + EVENT_KEY.length);
    return new Frame(seq, 0, run, start, start + bytes);
  }

  /** `{ type: 'delta', delta }` around the bytes of a delta, which is one whole map: `isOneMap`. */
  delta(n: number, payload: Uint8Array): Frame {
    const bytes = DELTA_HEAD.length + payload.byteLength;
    const run = this.runFor(bytes);
    const start = run.add(bytes);
    run.buffer.set(DELTA_HEAD, start);
    run.buffer.set(payload, start + DELTA_HEAD.length);
    return new Frame(0, n, run, start, start + bytes);
  }

  /** `{ type: 'terminal_data', n, bytes }` around output of a terminal that ends at byte `n`. */
  terminalData(n: number, output: Uint8Array): Frame {
    const bytes = DATA_HEAD.length + numberLength(n) + DATA_KEY.length + BIN_HEAD + output.byteLength;
    const run = this.runFor(bytes);
    const start = run.add(bytes);
    const { buffer } = run;
    buffer.set(DATA_HEAD, start);
    const key = writeNumber(buffer, start + DATA_HEAD.length, n);
    buffer.set(DATA_KEY, key);
    const bin = buffer.writeUInt8(0xc6, key + DATA_KEY.length);
    buffer.set(output, buffer.writeUInt32BE(output.byteLength, bin));
    return new Frame(n, 0, run, start, start + bytes);
  }

  private runFor(bytes: number): FrameRun {
    if (this.run?.fits(bytes) === true) return this.run;
    this.run = new FrameRun(Math.max(bytes, this.expected), this.memory);
    if (this.memory !== undefined) this.runs.push(this.run);
    return this.run;
  }
}

/** The output in a frame that `terminalData` has made. */
export function outputIn(frame: Frame): Buffer {
  const { bytes } = frame;
  return bytes.subarray(DATA_HEAD.length + numberLength(frame.seq) + DATA_KEY.length + BIN_HEAD);
}

/** The frame as the subprotocol of JSON has it. */
export function jsonOf({ bytes }: Frame): string {
  const frame = decode(bytes, MAX_FRAME_DEPTH);
  if (!isMap(frame) || !(frame['bytes'] instanceof Uint8Array)) return JSON.stringify(frame);
  return JSON.stringify({ ...frame, bytes: Buffer.from(frame['bytes']).toString('base64') });
}

/** Any other frame. */
export function controlFrame(frame: object): Frame {
  const body = encode(frame);
  const run = new FrameRun(body.byteLength);
  const start = run.add(body.byteLength);
  run.buffer.set(body, start);
  return new Frame(0, 0, run, start, start + body.byteLength);
}

/** The frames of stored events, in runs of about `bytes`; a larger frame is a run of its own. */
export function eventFrames(events: readonly { seq: number; payload: Uint8Array }[], bytes: number): Frame[] {
  const writer = new FrameWriter();
  const frames: Frame[] = [];
  const parts = cutBySize(events, ({ seq, payload }) => eventBytes(seq, payload.byteLength), bytes);
  for (const { from, to, size } of parts) {
    writer.expect(size);
    for (let i = from; i < to; i++) frames.push(writer.event(events[i]!.seq, events[i]!.payload));
  }
  return frames;
}

/** The bytes of the frames of stored events. */
export function eventsBytes(events: readonly { seq: number; payload: Uint8Array }[]): number {
  return events.reduce((sum, { seq, payload }) => sum + eventBytes(seq, payload.byteLength), 0);
}

/** Cuts a list into parts of about `bytes`; a larger item is a part of its own. */
export function cutBySize<Item>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
  bytes: number,
): { from: number; to: number; size: number }[] {
  const parts: { from: number; to: number; size: number }[] = [];
  let from = 0;
  let size = 0;
  for (let i = 0; i < items.length; i++) {
    size += sizeOf(items[i]!);
    if (size < bytes && i + 1 < items.length) continue;
    parts.push({ from, to: i + 1, size });
    from = i + 1;
    size = 0;
  }
  return parts;
}

function eventBytes(seq: number, payloadBytes: number): number {
  return EVENT_HEAD.length + numberLength(seq) + EVENT_KEY.length + payloadBytes;
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
