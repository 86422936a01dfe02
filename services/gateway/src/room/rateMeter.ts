const BUCKET_MS = 100;

/** Counts what happens and says how often it happens in a second, over the last 100 to 200 ms. */
export class RateMeter {
  private bucketAt = 0;
  private current = 0;
  private previous = 0;

  /** Counts `times` more at `now` (ms of a monotonic clock). Returns the rate. */
  count(times: number, now: number): number {
    const passed = now - this.bucketAt;
    if (passed >= BUCKET_MS) {
      this.previous = passed < 2 * BUCKET_MS ? this.current : 0;
      this.current = 0;
      this.bucketAt = now;
    }
    this.current += times;
    return ((this.previous + this.current) * 1000) / (BUCKET_MS + now - this.bucketAt);
  }
}
