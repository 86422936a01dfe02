import { cutBySize, Frame } from '../wire/frame.js';
import { FrameRun } from '../wire/frameRun.js';

/** The memory that the first frame takes, in bytes. */
const SMALLEST = 4 * 1024;

/**
 * The latest events of a session as frames: all of them after `after`, without a hole. The oldest leave first and `after`
 * rises. The ring copies each frame into memory of its own, which it uses again and again: memory that lives for some
 * seconds and is then left to the garbage collector costs a busy gateway a fifth of its processor time.
 */
export class Ring {
  /** The frames, one behind the other. The first byte follows the last one. */
  private memory = Buffer.alloc(0);
  /** By frame, the oldest at `head`: its offset, and where it ends. Positions count all bytes that were ever written. */
  private seqs: number[] = [];
  private ends: number[] = [];
  private head = 0;
  /** The position of the oldest frame, and of the next one. */
  private begin = 0;
  private end = 0;
  /** The position that is at the first byte of the memory, now or some rounds ago. */
  private base = 0;

  constructor(
    /** Every event after this offset is here. */
    public after: number,
    private readonly maxBytes: number,
  ) {}

  get last(): number {
    return this.seqs.at(-1) ?? this.after;
  }

  get length(): number {
    return this.seqs.length - this.head;
  }

  /** The bytes of memory that it has for frames: at most `maxBytes`, or those of the largest frame. */
  get capacity(): number {
    return this.memory.length;
  }

  push(frame: Frame): void {
    const { size, seq } = frame;
    while (this.end - this.begin + size > this.maxBytes && this.length > 0) this.dropOldest();
    if (this.end - this.begin + size > this.memory.length) this.grow(this.end - this.begin + size);
    const at = this.indexOf(this.end);
    const before = Math.min(size, this.memory.length - at);
    frame.copyTo(this.memory, at, 0, before);
    if (before < size) frame.copyTo(this.memory, 0, before, size);
    this.end += size;
    this.seqs.push(seq);
    this.ends.push(this.end);
  }

  /** Forgets all. What follows begins after `offset`. */
  restart(offset: number): void {
    this.seqs = [];
    this.ends = [];
    this.head = 0;
    this.begin = this.end;
    this.after = offset;
  }

  /**
   * The events after `offset`, about `maxBytes` of them, in runs of about `runBytes`. `offset` must not be before `after`.
   */
  from(offset: number, maxBytes: number, runBytes: number): Frame[] {
    const low = this.indexAfter(offset);
    const sizes: number[] = [];
    for (let i = low, sum = 0; i < this.seqs.length && sum < maxBytes; i++)
      sum += sizes[sizes.push(this.sizeOf(i)) - 1]!;
    const frames: Frame[] = [];
    for (const part of cutBySize(sizes, (size) => size, runBytes)) {
      const run = new FrameRun(part.size);
      for (let i = part.from; i < part.to; i++) {
        const size = sizes[i]!;
        const start = run.add(size);
        this.copyTo(run.buffer, start, this.ends[low + i]! - size, size);
        frames.push(new Frame(this.seqs[low + i]!, 0, run, start, start + size));
      }
    }
    return frames;
  }

  /** The offsets of the events after `offset`, which must not be before `after`. */
  offsetsAfter(offset: number): number[] {
    return this.seqs.slice(this.indexAfter(offset));
  }

  /** The offset that has exactly `count` events after it, or undefined when fewer are here. */
  offsetBefore(count: number): number | undefined {
    if (count > this.length) return undefined;
    return count === this.length ? this.after : this.seqs[this.seqs.length - count - 1]!;
  }

  private dropOldest(): void {
    this.after = this.seqs[this.head]!;
    this.begin = this.ends[this.head]!;
    this.head++;
    if (this.head * 2 <= this.seqs.length) return;
    this.seqs = this.seqs.slice(this.head);
    this.ends = this.ends.slice(this.head);
    this.head = 0;
  }

  private grow(needed: number): void {
    const memory = Buffer.allocUnsafeSlow(
      Math.max(needed, Math.min(this.maxBytes, Math.max(SMALLEST, 2 * this.memory.length))),
    );
    this.copyTo(memory, 0, this.begin, this.end - this.begin);
    this.base = this.begin;
    this.memory = memory;
  }

  private copyTo(target: Buffer, at: number, position: number, length: number): void {
    if (length === 0) return;
    const from = this.indexOf(position);
    const before = Math.min(length, this.memory.length - from);
    this.memory.copy(target, at, from, from + before);
    if (before < length) this.memory.copy(target, at + before, 0, length - before);
  }

  private indexOf(position: number): number {
    return (position - this.base) % this.memory.length;
  }

  private sizeOf(i: number): number {
    return this.ends[i]! - (i === this.head ? this.begin : this.ends[i - 1]!);
  }

  /** Where the first event after `offset` is in the lists. */
  private indexAfter(offset: number): number {
    let low = this.head;
    let high = this.seqs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.seqs[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
