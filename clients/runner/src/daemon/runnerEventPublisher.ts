import { publishRunnerEvent, type Backbone } from '@pizzapi/backbone';
import type { RunnerEvent } from '@pizzapi/protocol';
import { sleep, type Logger } from '@pizzapi/process';

/** Facts of a runner that may wait for the backbone; more, and the oldest are given up with a line in the log. */
const MAX_WAITING_FACTS = 1_000;

type Unstamped<E> = E extends RunnerEvent ? Omit<E, 'at'> : never;

/** Writes the runner's own facts, in order, trying for ever. */
export class RunnerEventPublisher {
  private readonly waiting: RunnerEvent[] = [];
  private writing: Promise<void> | undefined;
  private isWriting = false;
  private readonly stopping = new AbortController();

  constructor(
    private readonly backbone: Backbone,
    private readonly runnerId: string,
    private readonly log: Logger,
  ) {}

  publish(event: Unstamped<RunnerEvent>): void {
    this.waiting.push({ ...event, at: Date.now() });
    if (this.waiting.length > MAX_WAITING_FACTS) {
      this.log.warn({ type: this.waiting.shift()?.type }, 'a fact of the runner is given up');
    }
    if (!this.isWriting) this.writing = this.write();
  }

  /** Says what is still to be said, for at most `ms`. */
  async flush(ms: number): Promise<void> {
    await Promise.race([this.writing, sleep(ms)]);
    this.stopping.abort();
  }

  /** Until nothing waits. That it is over is known in the same turn in which nothing waited: nobody comes in between. */
  private async write(): Promise<void> {
    this.isWriting = true;
    try {
      for (let event = this.waiting[0]; event !== undefined && !this.stopping.signal.aborted; event = this.waiting[0]) {
        const outcome = await publishRunnerEvent(this.backbone, this.runnerId, event);
        if (outcome.kind === 'unavailable') await sleep(1_000, this.stopping.signal);
        else if (this.waiting[0] === event) this.waiting.shift();
      }
    } finally {
      this.isWriting = false;
    }
  }
}
