import { describe, expect, it, vi } from 'vitest';
import { retry } from './retry.js';

const quick = { next: () => 0 };

function failing(times: number, error: unknown = new Error('no')) {
  let calls = 0;
  return vi.fn(async () => {
    if (++calls <= times) throw error;
    return calls;
  });
}

describe('retry', () => {
  it('repeats the work until it succeeds', async () => {
    const retried: unknown[] = [];
    expect(await retry(failing(2), { backoff: quick, onRetry: (error) => retried.push(error) })).toBe(3);
    expect(retried).toHaveLength(2);
  });

  it('throws an error that is not retryable at once', async () => {
    const work = failing(5, new RangeError('final'));
    const isRetryable = (error: unknown) => !(error instanceof RangeError);
    await expect(retry(work, { backoff: quick, isRetryable })).rejects.toThrow('final');
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('throws an error that is not retryable also after the signal aborted', async () => {
    const abort = new AbortController();
    const work = async () => {
      abort.abort();
      throw new Error('a bug');
    };
    await expect(retry(work, { signal: abort.signal, isRetryable: () => false })).rejects.toThrow('a bug');
  });

  it('returns undefined without an attempt when the signal has aborted before', async () => {
    const work = failing(0);
    expect(await retry(work, { signal: AbortSignal.abort() })).toBeUndefined();
    expect(work).not.toHaveBeenCalled();
  });

  it('ends a pause when the signal aborts, and returns undefined', async () => {
    const abort = new AbortController();
    const onRetry = () => setTimeout(() => abort.abort(), 5);
    const { signal } = abort;
    expect(await retry(failing(9), { signal, backoff: { next: () => 60_000 }, onRetry })).toBeUndefined();
  });

  it('lengthens the pauses within the given limits', async () => {
    const pauses: number[] = [];
    const backoff = { minMs: 10, maxMs: 20, random: () => 1 };
    await retry(failing(3), { backoff, onRetry: (_, pauseMs) => pauses.push(pauseMs) });
    expect(pauses).toEqual([10, 20, 20]);
  });
});
