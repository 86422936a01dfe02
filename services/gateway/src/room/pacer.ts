/** A room is hot above so many deliveries a second, or frames a second however few watch; below, a core has time. */
const HOT_DELIVERIES = 15_000;
const HOT_FRAMES = 1_000;
/** How long frames of a hot room are gathered, in ms; the longer one above `VERY_HOT` deliveries a second. */
const WINDOW_MS = 8;
const LONG_WINDOW_MS = 16;
const VERY_HOT = 200_000;

const BUCKET_MS = 100;

/**
 * Decides when frames go out: at once while a room is quiet, because waiting would only add delay; in windows while it
 * is hot, because one write of many frames costs a fraction of many writes.
 */
export class Pacer {
  private bucketAt = 0;
  private current = 0;
  private previous = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly flush: () => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** `frames` more wait to go to `viewers`. */
  offer(frames: number, viewers: number): void {
    const window = this.windowMs(frames, viewers);
    if (window === 0) {
      if (this.timer === undefined) this.flush();
      return;
    }
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, window);
  }

  /** Counts `frames` and says how long to gather. */
  windowMs(frames: number, viewers: number): number {
    const now = this.now();
    const passed = now - this.bucketAt;
    if (passed >= BUCKET_MS) {
      this.previous = passed < 2 * BUCKET_MS ? this.current : 0;
      this.current = 0;
      this.bucketAt = now;
    }
    this.current += frames;
    const rate = ((this.previous + this.current) * 1000) / (BUCKET_MS + now - this.bucketAt);
    if (rate < HOT_FRAMES && rate * viewers < HOT_DELIVERIES) return 0;
    return rate * viewers < VERY_HOT ? WINDOW_MS : LONG_WINDOW_MS;
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
