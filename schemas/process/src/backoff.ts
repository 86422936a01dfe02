export interface BackoffOptions {
  /** The first delay's upper end, in ms. */
  minMs?: number;
  /** No delay is longer, in ms. */
  maxMs?: number;
  factor?: number;
  /** 0 ≤ x < 1. */
  random?: () => number;
}

/** Delays for a loop that tries again for ever. */
export interface Backoff {
  /** Milliseconds to wait before the next try. */
  next(): number;
  /** A try succeeded: start again from the shortest delay. */
  reset(): void;
}

/** Every delay is at least this long, so that a loop which fails at once does not spin. */
const FLOOR_MS = 10;

/**
 * Exponential back-off with full jitter: a delay is anywhere between nothing and a ceiling that grows, so that many
 * clients which lost the same server do not come back in step.
 */
export function backoff(options: BackoffOptions = {}): Backoff {
  const { minMs = 100, maxMs = 10_000, factor = 2, random = Math.random } = options;
  let ceiling = minMs;
  return {
    next() {
      const delay = Math.max(FLOOR_MS, Math.round(random() * ceiling));
      ceiling = Math.min(maxMs, ceiling * factor);
      return delay;
    },
    reset() {
      ceiling = minMs;
    },
  };
}

/** Waits `ms`. Resolves early, without an error, when `signal` aborts: a loop looks at its signal anyway. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
