import type { Author } from '@pizzapi/protocol';
import type { AgentInput } from './types.js';

/** How many inputs may wait to be read; more than this and the oldest are taken as delivered. */
export const MAX_PENDING_INPUTS = 256;

export type Lane = 'prompt' | 'steer' | 'followUp';
/** pi's two queues. */
export type QueueLane = 'steer' | 'followUp';

const LANES: readonly QueueLane[] = ['steer', 'followUp'];

/** One text of pi's queue, and its input; undefined for a text that is not from an input. */
interface QueuedText {
  text: string;
  input: AgentInput | undefined;
}

/**
 * The inputs that were passed to pi and that the agent has not read, and which of them are which texts of pi's queues.
 * An input is named by its command, never found by its text or by the order of inputs.
 */
export class PendingInputs {
  #pending: AgentInput[] = [];
  #queues: Record<QueueLane, QueuedText[]> = { steer: [], followUp: [] };

  /** Who sent what waits. */
  get authors(): Author[] {
    return authorsIn(this.#pending);
  }

  /** Notes an input that is on its way to pi; the result is what had to make room for it. */
  add(input: AgentInput): string[] {
    this.#pending.push(input);
    const dropped = this.#pending.splice(0, Math.max(0, this.#pending.length - MAX_PENDING_INPUTS));
    return dropped.map(({ commandId }) => commandId);
  }

  /** Folds pi's queues as they are now. `submitted`: the input that is being submitted, whose text may be the new one. */
  queueChanged(steering: readonly string[], followUp: readonly string[], submitted: AgentInput | undefined): void {
    const texts = { steer: steering, followUp };
    for (const lane of LANES) this.#queues[lane] = followed(this.#queues[lane], texts[lane], submitted);
  }

  /**
   * Names the inputs behind the last texts of one of pi's queues, in order; undefined for a text that is not from an
   * input. The agent reads from the front, so that the last texts are those that it has not begun to read.
   */
  behind(lane: QueueLane, texts: readonly string[]): (AgentInput | undefined)[] {
    const queue = this.#queues[lane];
    const from = queue.length - texts.length;
    return texts.map((text, index) => {
      const queued = queue[from + index];
      const input = queued?.text === text ? queued.input : undefined;
      return input !== undefined && this.isPending(input.commandId) ? input : undefined;
    });
  }

  /** Forgets inputs: they left pi's queue and were not read. */
  forget(inputs: readonly AgentInput[]): void {
    const gone = new Set(inputs.map(({ commandId }) => commandId));
    this.#pending = this.#pending.filter(({ commandId }) => !gone.has(commandId));
    for (const lane of LANES) {
      this.#queues[lane] = this.#queues[lane].filter(({ input }) => input === undefined || !gone.has(input.commandId));
    }
  }

  /**
   * The authors of the inputs that are on their way and not in pi's queue: everybody for whom an extension may write a
   * message now.
   */
  get authorsOnTheWay(): Author[] {
    const queued = this.#queuedIds();
    return authorsIn(this.#pending.filter(({ commandId }) => !queued.has(commandId)));
  }

  /** The agent reads an input. False when it does not wait any more. */
  delivered(commandId: string): boolean {
    const isWaiting = this.isPending(commandId);
    this.#pending = this.#pending.filter((input) => input.commandId !== commandId);
    return isWaiting;
  }

  /**
   * An input that pi has dealt with itself, without making a message of it (a command of an extension). False for an
   * input that waits in pi's queue.
   */
  handled(commandId: string): boolean {
    return !this.#queuedIds().has(commandId) && this.delivered(commandId);
  }

  /** Forgets an input that pi refused. */
  refused(commandId: string): void {
    this.#pending = this.#pending.filter((input) => input.commandId !== commandId);
  }

  /** Forgets everything queued: pi's queue was cleared. Returns the inputs that the agent will not read. */
  cleared(): AgentInput[] {
    const queued = this.#queuedIds();
    const gone = this.#pending.filter(({ commandId }) => queued.has(commandId));
    this.forget(gone);
    return gone;
  }

  /** Whether an input was passed to pi, and the agent has not read it. */
  isPending(commandId: string): boolean {
    return this.#pending.some((input) => input.commandId === commandId);
  }

  #queuedIds(): Set<string> {
    return new Set(LANES.flatMap((lane) => this.#queues[lane].flatMap(({ input }) => input?.commandId ?? [])));
  }
}

/**
 * A queue after pi changed it. pi adds one text at the end, or takes texts out. Where equal texts leave open which one was
 * taken, it was the first, because the agent reads from the front.
 */
function followed(
  queue: readonly QueuedText[],
  texts: readonly string[],
  submitted: AgentInput | undefined,
): QueuedText[] {
  const isGrown = texts.length > queue.length;
  const kept = isGrown ? texts.slice(0, -1) : texts;
  const left = [...queue];
  const found = kept.toReversed().map((text): QueuedText => {
    const at = left.findLastIndex((queued) => queued.text === text);
    return at < 0 ? { text, input: undefined } : left.splice(at)[0]!;
  });
  const added = isGrown ? [{ text: texts.at(-1)!, input: submitted }] : [];
  return [...found.toReversed(), ...added];
}

function authorsIn(inputs: readonly AgentInput[]): Author[] {
  return inputs.flatMap(({ by }) => (by === undefined ? [] : [by]));
}
