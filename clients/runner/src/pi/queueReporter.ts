import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { SessionEvent } from '@pizzapi/protocol';
import type { InputQueue } from './inputQueue.js';

/** Reports the queue to viewers. */
export class QueueReporter {
  #reported = '[]';

  constructor(
    private readonly pi: Pick<AgentSession, 'getSteeringMessages' | 'getFollowUpMessages'>,
    private readonly prompts: Pick<InputQueue, 'items'>,
    private readonly emit: (event: SessionEvent) => void,
  ) {}

  /** Emits the queue as it is now. */
  report(): void {
    const { items } = this.prompts;
    this.#reported = JSON.stringify(items);
    const steering = [...this.pi.getSteeringMessages()];
    const followUp = [...this.pi.getFollowUpMessages()];
    this.emit({ type: 'queue_update', at: Date.now(), steering, followUp, items });
  }

  /** Emits the queue if it differs from what was emitted last. */
  reportChange(): void {
    if (JSON.stringify(this.prompts.items) !== this.#reported) this.report();
  }
}
