import type { FrameMemory } from './frameMemory.js';
import { BINARY, headerLength, MAX_HEADER_BYTES, writeHeader } from './webSocketHeader.js';

/**
 * Frames behind one another in one buffer, with room for a WebSocket header before them. All frames of a run are one
 * message without a copy, and a run costs one allocation for any number of frames.
 */
export class FrameRun {
  readonly buffer: Buffer;
  /** The number of frames. */
  count = 0;
  private end = MAX_HEADER_BYTES;
  private whole: Buffer | undefined;

  /** `bytes`: the room for frames. `memory`: where the buffer comes from. */
  constructor(bytes: number, memory?: FrameMemory) {
    const whole = MAX_HEADER_BYTES + bytes;
    this.buffer = memory?.take(whole) ?? Buffer.allocUnsafe(whole);
  }

  /** Whether a frame of so many bytes can be added. Nothing is added to a run whose message was sent. */
  fits(bytes: number): boolean {
    return this.whole === undefined && this.end + bytes <= this.buffer.length;
  }

  /** Reserves a frame of so many bytes, which the caller writes at the returned position. Call `fits` before. */
  add(bytes: number): number {
    const start = this.end;
    this.end += bytes;
    this.count++;
    return start;
  }

  /** One WebSocket message with all frames. */
  get message(): Buffer {
    if (this.whole !== undefined) return this.whole;
    const length = this.end - MAX_HEADER_BYTES;
    const start = MAX_HEADER_BYTES - headerLength(length);
    writeHeader(this.buffer, start, length, BINARY);
    return (this.whole = this.buffer.subarray(start, this.end));
  }
}
