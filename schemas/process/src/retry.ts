import { backoff as createBackoff, sleep, type Backoff, type BackoffOptions } from './backoff.js';

export interface RetryOptions {
  /** Ends the attempts. The pending pause ends at once. */
  signal?: AbortSignal;
  /** The pauses between attempts: limits for a new `Backoff`, or an object that `work` may also reset. */
  backoff?: BackoffOptions | Pick<Backoff, 'next'>;
  /** Returns false for an error that another attempt cannot cure. Default: every error is retryable. */
  isRetryable?: (error: unknown) => boolean;
  /** Called after each failed attempt that is repeated, before the pause. */
  onRetry?: (error: unknown, pauseMs: number) => void;
}

/**
 * Calls `work` until it succeeds and returns its result. Throws the first error that is not retryable. Returns
 * undefined when the signal aborts first. `work` must be idempotent.
 */
export function retry<T>(
  work: () => Promise<T>,
  options: RetryOptions & { signal: AbortSignal },
): Promise<T | undefined>;
export function retry<T>(work: () => Promise<T>, options?: RetryOptions & { signal?: undefined }): Promise<T>;
export async function retry<T>(work: () => Promise<T>, options: RetryOptions = {}): Promise<T | undefined> {
  const { signal, isRetryable, onRetry, backoff = {} } = options;
  // Created by the first failure, because most calls succeed at once.
  let pauses: Pick<Backoff, 'next'> | undefined;
  const isAborted = () => signal?.aborted === true;
  while (!isAborted()) {
    try {
      return await work();
    } catch (error) {
      if (isRetryable?.(error) === false) throw error;
      if (isAborted()) break;
      pauses ??= 'next' in backoff ? backoff : createBackoff(backoff);
      const pauseMs = pauses.next();
      onRetry?.(error, pauseMs);
      await sleep(pauseMs, signal);
    }
  }
  return undefined;
}
