import type { Frame } from '../wire/frame.js';

/**
 * The latest events of a session as frames: all of them after `after`, without a hole. Bounded by the bytes that they keep in
 * memory: those of their runs, which hold deltas and free room too. The oldest leave first and `after` rises.
 */
export class Ring {
  private frames: Frame[] = [];
  private start = 0;
  private bytes = 0;

  constructor(
    /** Every event after this offset is here. */
    public after: number,
    private readonly maxBytes: number,
  ) {}

  get last(): number {
    return this.frames.at(-1)?.seq ?? this.after;
  }

  get length(): number {
    return this.frames.length - this.start;
  }

  push(frame: Frame): void {
    // The events of a run follow one another.
    if (this.frames.at(-1)?.run !== frame.run) this.bytes += frame.run.buffer.byteLength;
    this.frames.push(frame);
    while (this.bytes > this.maxBytes && this.length > 1) {
      const oldest = this.frames[this.start++]!;
      this.after = oldest.seq;
      if (this.frames[this.start]!.run !== oldest.run) this.bytes -= oldest.run.buffer.byteLength;
    }
    // A frame that has left must not keep its run for long.
    if (this.start * 2 > this.frames.length) {
      this.frames = this.frames.slice(this.start);
      this.start = 0;
    }
  }

  /** Forgets all. What follows begins after `offset`. */
  restart(offset: number): void {
    this.frames = [];
    this.start = 0;
    this.bytes = 0;
    this.after = offset;
  }

  /** The events after `offset`, about `maxBytes` of them. `offset` must not be before `after`. */
  from(offset: number, maxBytes: number): Frame[] {
    let low = this.start;
    let high = this.frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.frames[middle]!.seq <= offset) low = middle + 1;
      else high = middle;
    }
    let end = low;
    for (let size = 0; end < this.frames.length && size < maxBytes; end++) size += this.frames[end]!.size;
    return this.frames.slice(low, end);
  }

  /** The offset that has exactly `count` events after it, or undefined when fewer are here. */
  offsetBefore(count: number): number | undefined {
    if (count > this.length) return undefined;
    return count === this.length ? this.after : this.frames[this.frames.length - count - 1]!.seq;
  }
}
