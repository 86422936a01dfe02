import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { SessionEvent } from '@pizzapi/protocol';
import type { InputQueue } from './inputQueue.js';

/**
 * After so many messages a queue that did not change is reported again: viewers open a session with its last events, and
 * show the queue of the last report among them.
 */
export const REPORT_AFTER_MESSAGES = 50;

/** Reports the queue to viewers. */
export class QueueReporter {
  #reported = '[]';
  #messages = 0;

  constructor(
    private readonly pi: Pick<AgentSession, 'getSteeringMessages' | 'getFollowUpMessages'>,
    private readonly prompts: Pick<InputQueue, 'items'>,
    private readonly emit: (event: SessionEvent) => void,
  ) {}

  /** Emits the queue as it is now. */
  report(): void {
    const { items } = this.prompts;
    this.#reported = JSON.stringify(items);
    this.#messages = 0;
    const steering = [...this.pi.getSteeringMessages()];
    const followUp = [...this.pi.getFollowUpMessages()];
    this.emit({ type: 'queue_update', at: Date.now(), steering, followUp, items });
  }

  /** Emits the queue if it differs from what was emitted last. */
  reportChange(): void {
    if (JSON.stringify(this.prompts.items) !== this.#reported) this.report();
  }

  /** A message of the agent or of a tool has ended. */
  messageEnded(): void {
    this.#messages++;
    if (this.#messages >= REPORT_AFTER_MESSAGES && this.prompts.items.length > 0) this.report();
  }
}
