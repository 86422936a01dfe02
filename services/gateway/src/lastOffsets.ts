/** Slides over offsets and remembers where the last `count` of them begin. */
export class LastOffsets {
  private readonly offsets: number[];
  private next = 1;

  /** `before` is the offset that comes before the first one pushed. */
  constructor(
    before: number,
    private readonly count: number,
  ) {
    this.offsets = [before];
  }

  push(offset: number): void {
    // A ring of count + 1: the offset before the window, and the window.
    this.offsets[this.next % (this.count + 1)] = offset;
    this.next++;
  }

  /** The offset after which the last `count` lie. */
  get start(): number {
    return this.offsets[this.next > this.count + 1 ? this.next % (this.count + 1) : 0]!;
  }
}
