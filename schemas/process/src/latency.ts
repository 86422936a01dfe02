/** The upper bounds of the buckets of a latency, in seconds. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Durations, counted in buckets: plain numbers, which cross the IPC between processes. */
export interface Latencies {
  /** How many durations are in each bucket. The last bucket has those above the last bound. */
  readonly buckets: readonly number[];
  /** All durations together, in seconds. */
  readonly sum: number;
}

/** Counts durations without an allocation for each. */
export class LatencyCounts implements Latencies {
  readonly buckets: number[] = new Array<number>(LATENCY_BOUNDS.length + 1).fill(0);
  sum = 0;

  observe(seconds: number): void {
    let at = 0;
    while (at < LATENCY_BOUNDS.length && seconds > LATENCY_BOUNDS[at]!) at++;
    this.buckets[at]!++;
    this.sum += seconds;
  }

  /** Adds the durations that another process counted. */
  add({ buckets, sum }: Latencies): void {
    for (let at = 0; at < this.buckets.length; at++) this.buckets[at]! += buckets[at] ?? 0;
    this.sum += sum;
  }
}

/** How many durations were counted. */
export function countOf({ buckets }: Latencies): number {
  return buckets.reduce((all, one) => all + one, 0);
}
