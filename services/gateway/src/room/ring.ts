import type { Frame } from '../wire/frame.js';

/**
 * The latest events of a session as frames: all of them after `after`, without a hole. Bounded by the bytes of the runs that its
 * frames lie in, because a frame holds the whole buffer of its run. The oldest run leaves first, and `after` rises.
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
    // The frames of a run lie behind one another.
    if (frame.run !== this.frames[this.frames.length - 1]?.run) this.bytes += frame.run.buffer.length;
    this.frames.push(frame);
    while (this.bytes > this.maxBytes) {
      const { run, seq } = this.frames[this.start]!;
      if (run === frame.run) break;
      this.after = seq;
      if (this.frames[++this.start]!.run !== run) this.bytes -= run.buffer.length;
    }
    if (this.start > 1_024 && this.start * 2 > this.frames.length) {
      this.frames = this.frames.slice(this.start);
      this.start = 0;
    }
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
