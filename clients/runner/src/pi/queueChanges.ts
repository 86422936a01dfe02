import {
  errorInfo,
  isDroppedByStop,
  queueChangeProblem,
  type Author,
  type ErrorInfo,
  type QueueChange,
  type SessionEvent,
} from '@pizzapi/protocol';
import type { AgentInbox } from './agentInbox.js';
import type { InputQueue } from './inputQueue.js';
import type { AgentInput, Outcome, PiQueue } from './types.js';
import { moved, type WaitingInput } from './waitingInputs.js';

export interface QueueChangesDeps {
  prompts: Pick<InputQueue, 'find' | 'arrange' | 'release'>;
  inbox: Pick<AgentInbox, 'consumed'>;
  /** Whether the text of this author is a command of an extension, which runs at once and cannot wait. */
  isCommand: (text: string, by: Author) => boolean;
  /** Why the agent cannot start, or undefined. */
  problem: () => ErrorInfo | undefined;
  emit: (event: SessionEvent) => void;
  /** The authors of what waits may have changed. */
  changed: () => void;
}

const OK: Outcome = { kind: 'ok' };

/** What people do with single inputs in the queue. */
export class QueueChanges implements PiQueue {
  constructor(private readonly deps: QueueChangesDeps) {}

  edit(inputId: string, text: string, by: Author): Outcome {
    return this.#change('edit', inputId, by, (input) => {
      if (text.trim() === '' && (input.images ?? []).length === 0)
        return { kind: 'failed', error: errorInfo('input_empty') };
      if (this.deps.isCommand(text, by)) {
        const error = errorInfo('command_invalid', 'A command cannot wait in the queue. Send it as a new message.');
        return { kind: 'failed', error };
      }
      this.deps.emit({ type: 'input_edited', at: Date.now(), commandId: inputId, text, by });
      const { notes = '' } = input;
      this.#arrange(inputId, (inputs, found) => {
        found.input = { ...found.input, text: [text, notes].filter((part) => part !== '').join('\n\n') };
        return inputs;
      });
      return OK;
    });
  }

  remove(inputId: string, by: Author): Outcome {
    return this.#change('remove', inputId, by, () => {
      this.#drop((input) => input.commandId === inputId, by);
      return OK;
    });
  }

  move(inputId: string, before: string | undefined, by: Author): Outcome {
    return this.#change('move', inputId, by, () => {
      this.#arrange(inputId, (inputs, found) => {
        const next = inputs.find(({ input }) => input.commandId === before);
        return moved(inputs, found, before === undefined ? 'last' : (next ?? 'first'));
      });
      return OK;
    });
  }

  sendNow(inputId: string, by: Author): Outcome {
    return this.#change('send_now', inputId, by, () => {
      const error = this.deps.problem();
      if (error !== undefined) return { kind: 'failed', error };
      this.#arrange(inputId, (inputs, found) => {
        found.input = { ...found.input, deliverAs: 'steer' };
        return moved(inputs, found, 'first');
      });
      this.deps.prompts.release();
      return OK;
    });
  }

  /** Takes out what a stop with this answer takes out: the inputs of people that this person may remove. */
  drop(by: Author): void {
    this.#drop((input) => isDroppedByStop(by, input.by), by);
  }

  /** Reports that a person took inputs out of the queue. */
  withdrawn(inputs: readonly AgentInput[], by: Author): void {
    for (const { commandId } of inputs) {
      this.deps.inbox.consumed(commandId);
      const error = errorInfo('input_withdrawn');
      this.deps.emit({ type: 'input_dropped', at: Date.now(), commandId, error, by });
    }
  }

  #drop(isTaken: (input: AgentInput) => boolean, by: Author): void {
    const taken: WaitingInput[] = [];
    this.deps.prompts.arrange((inputs) => {
      taken.push(...inputs.filter(({ input }) => isTaken(input)));
      return inputs.filter((waiting) => !taken.includes(waiting));
    });
    for (const { settle } of taken) settle(OK);
    this.withdrawn(
      taken.map(({ input }) => input),
      by,
    );
  }

  #change(change: QueueChange, inputId: string, by: Author, make: (input: AgentInput) => Outcome): Outcome {
    const input = this.deps.prompts.find(inputId);
    // People cannot see the answer to a prompt as a message, and so cannot change it.
    if (input?.by === undefined) return { kind: 'failed', error: errorInfo('input_not_queued') };
    const error = queueChangeProblem(by, input.by, change);
    if (error !== undefined) return { kind: 'failed', error };
    const outcome = make(input);
    this.deps.changed();
    return outcome;
  }

  #arrange(inputId: string, change: (inputs: WaitingInput[], found: WaitingInput) => WaitingInput[]): void {
    this.deps.prompts.arrange((inputs) => {
      const found = inputs.find(({ input }) => input.commandId === inputId);
      return found === undefined ? inputs : change(inputs, found);
    });
  }
}
