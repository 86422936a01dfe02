import { backoff, sleep, type Logger } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';

/**
 * Does `work` until it succeeds, trying again while the backbone does not answer. Undefined when the signal aborted
 * first. `work` must be safe to do again.
 */
export async function retryWhileUnavailable<T>(
  signal: AbortSignal,
  log: Logger,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const delays = backoff();
  while (!signal.aborted) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'unavailable') throw error;
      log.warn({ code: error.code, err: error }, 'trying again');
      await sleep(delays.next(), signal);
    }
  }
  return undefined;
}
