import { backoff, sleep } from '@pizzapi/process';

/** Upper ends of the first and the longest pause between attempts, in ms. */
export const RETRY_MIN_MS = 100;
export const RETRY_MAX_MS = 2_000;

/** The pauses of one loop that tries again for ever: growing, jittered, and over at once when the signal aborts. */
export class Retry {
  private readonly delays = backoff({ minMs: RETRY_MIN_MS, maxMs: RETRY_MAX_MS });

  /** A try succeeded: the next pause is short again. */
  reset(): void {
    this.delays.reset();
  }

  async wait(signal?: AbortSignal): Promise<void> {
    await sleep(this.delays.next(), signal);
  }
}
