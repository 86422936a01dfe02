import { CodedError } from '@pizzapi/protocol';
import { backoff, sleep } from '@pizzapi/process';

/** Upper ends of the first and the longest pause between attempts, in ms. */
export const RETRY_MIN_MS = 100;
export const RETRY_MAX_MS = 2_000;

/** The pauses of one loop that tries again for ever: growing, jittered, and over at once when the signal aborts. */
export class RetryDelay {
  // Made by the first failure: one of these is at hand for every append, and nearly none is needed.
  private delays: ReturnType<typeof backoff> | undefined;

  /** A try succeeded: the next pause is short again. */
  reset(): void {
    this.delays?.reset();
  }

  async wait(signal?: AbortSignal): Promise<void> {
    this.delays ??= backoff({ minMs: RETRY_MIN_MS, maxMs: RETRY_MAX_MS });
    await sleep(this.delays.next(), signal);
  }
}

/** How long a read or write of a bucket is tried again before it throws `unavailable`, in ms. */
export const KV_PATIENCE_MS = 10_000;

/** Tries until `attempt` gives an answer; throws `unavailable` after ten seconds without one. */
export async function retryUntilDeadline<T>(
  attempt: () => Promise<T | undefined>,
  patienceMs = KV_PATIENCE_MS,
): Promise<T> {
  const retry = new RetryDelay();
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const result = await attempt();
    if (result !== undefined) return result;
    if (Date.now() > deadline) throw new CodedError('unavailable', 'nats-server did not answer');
    await retry.wait();
  }
}
