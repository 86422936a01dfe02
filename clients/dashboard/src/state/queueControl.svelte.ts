import {
  isDroppedByStop,
  isSamePerson,
  QUEUE_ON_STOP,
  queueChangeProblem,
  stepInQueue,
  type Author,
  type QueueChange,
  type QueuedInput,
  type QueueOnStop,
} from '@pizzapi/protocol';
import { storage } from './storage.js';

const ON_STOP_KEY = 'queueOnStop';

/** What the person answered to "And the queue?"; undefined before the first answer. One answer for all sessions. */
class QueueOnStopAnswer {
  #answer = $state(QUEUE_ON_STOP.find((known) => known === storage.get(ON_STOP_KEY)));

  get current(): QueueOnStop | undefined {
    return this.#answer;
  }

  set(answer: QueueOnStop | undefined): void {
    this.#answer = answer;
    storage.set(ON_STOP_KEY, answer ?? '');
  }
}

export const queueOnStop = new QueueOnStopAnswer();

/** What the queue needs of the session as this page sees it. */
interface QueuedSession {
  readonly queued: readonly QueuedInput[];
  /** The person who looks. */
  readonly self: Author;
  readonly canSteer: boolean;
  readonly outbox: { recall(text: string): void };
  command(name: string, args?: Record<string, unknown>): Promise<boolean>;
}

/** What this page does with the queue of a session. */
export class QueueControl {
  /** The person pressed stop and is asked what happens to the queue. */
  isAsking = $state(false);

  constructor(private readonly view: QueuedSession) {}

  /** Whether this person may change an entry so. */
  can(change: QueueChange, { commandId, by }: QueuedInput): boolean {
    const { view } = this;
    return view.canSteer && commandId !== undefined && queueChangeProblem(view.self, by, change) === undefined;
  }

  isOwn({ by }: QueuedInput): boolean {
    return isSamePerson(this.view.self, by);
  }

  canStep(item: QueuedInput, step: 'up' | 'down'): boolean {
    return this.can('move', item) && stepInQueue(this.view.queued, item.commandId ?? '', step) !== undefined;
  }

  async edit({ commandId, text: before }: QueuedInput, text: string): Promise<boolean> {
    if (text.trim() === before.trim()) return true;
    return this.view.command('queue_edit', { inputId: commandId, text: text.trim() });
  }

  /** Takes an entry out. Own words go back into the composer. */
  async remove(item: QueuedInput): Promise<void> {
    const isOut = await this.view.command('queue_remove', { inputId: item.commandId });
    if (isOut && this.isOwn(item)) this.view.outbox.recall(item.text);
  }

  step({ commandId = '' }: QueuedInput, step: 'up' | 'down'): void {
    const args = stepInQueue(this.view.queued, commandId, step);
    if (args !== undefined) void this.view.command('queue_move', args);
  }

  sendNow({ commandId }: QueuedInput): void {
    void this.view.command('queue_send_now', { inputId: commandId });
  }

  /** Stops the agent. Asks what happens to the queue when it holds anything to drop and there is no answer yet. */
  stop(): void {
    if (this.isAsking) return;
    const hasOwn = this.view.queued.some(({ by }) => isDroppedByStop(this.view.self, by));
    if (!hasOwn) void this.view.command('abort');
    else if (queueOnStop.current === undefined) this.isAsking = true;
    else void this.view.command('abort', { queue: queueOnStop.current });
  }

  /** The answer to the question of `stop`; undefined: the agent is not stopped. */
  answer(queue: QueueOnStop | undefined): void {
    this.isAsking = false;
    if (queue === undefined) return;
    queueOnStop.set(queue);
    void this.view.command('abort', { queue });
  }
}
