import { withTimeout } from '@pizzapi/process';
import { errorInfo } from '@pizzapi/protocol';
import type { Outcome } from './types.js';

/** How long something that stops is waited for, ms. */
const STOP_WAIT_MS = 5_000;
/** How long events that pi still has in its own queue are waited for, ms. */
const DRAIN_WAIT_MS = 2_000;
/** The wait between two looks at pi's event queue, ms. */
const DRAIN_POLL_MS = 5;

/**
 * Counts the runs that pi's agent has ended, and those whose end has come through pi's event queue to us: pi queues its
 * events, and an idle agent may have some left.
 */
export class RunEnds {
  #ended = 0;
  #seen = 0;
  #isEnding = false;
  #hasFailed = false;

  /** pi's agent has begun a run. */
  began(): void {
    this.#isEnding = false;
  }

  /** pi's agent has ended a run with these messages. */
  ended(messages: readonly object[]): void {
    this.#ended++;
    const last = messages.findLast((message) => 'stopReason' in message);
    this.#hasFailed =
      last !== undefined && 'stopReason' in last && ['error', 'aborted'].includes(String(last.stopReason));
    this.#isEnding = true;
  }

  /** Whether the run of the agent has ended, although the agent may still count as working. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Whether the last run has failed or was stopped. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** The end of a run has come through pi's event queue. */
  seen(): void {
    this.#seen++;
  }

  /**
   * Waits until what pi's agent has ended is in the log. Bounded; a run whose end never comes (pi does not listen during
   * a compaction) is given up.
   */
  async drained(): Promise<void> {
    const until = Date.now() + DRAIN_WAIT_MS;
    while (this.#seen < this.#ended && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    this.#seen = Math.max(this.#seen, this.#ended);
  }

  /** Waits for something that stops, for a limited time, and for what it has ended. */
  async within(stopping: Promise<unknown>): Promise<Outcome> {
    const stopped = stopping.then(() => true).catch(() => false);
    if ((await withTimeout(stopped, STOP_WAIT_MS)) !== true)
      return { kind: 'failed', error: errorInfo('command_failed', 'A tool has not stopped yet') };
    await this.drained();
    return { kind: 'ok' };
  }
}
