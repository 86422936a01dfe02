import type { Author } from '@pizzapi/protocol';
import type { AgentInput } from './types.js';

/** How many inputs may wait to be matched; more than this and the oldest are taken as delivered. */
export const MAX_PENDING_INPUTS = 256;

export type Lane = 'prompt' | 'steer' | 'followUp';
/** pi's two queues. */
export type QueueLane = 'steer' | 'followUp';

interface PendingInput {
  /** As it was sent. */
  input: AgentInput;
  /** The text as typed, then as pi expanded it (templates, skills) once its queue shows it. */
  text: string;
  /** Where it waits in pi; undefined while it is on its way there. */
  queued: QueueLane | undefined;
}

/**
 * Which input became which message of the agent. pi gives its messages no ids and may rewrite a text before it queues
 * it; what it shows in its queue, and the order, tell them apart.
 */
export class PendingInputs {
  #pending: PendingInput[] = [];
  #queue: Record<QueueLane, readonly string[]> = { steer: [], followUp: [] };

  /** Who sent what waits. */
  get authors(): Author[] {
    return this.#pending.flatMap(({ input: { by } }) => (by === undefined ? [] : [by]));
  }

  /** Notes an input that is on its way to pi; the result is what had to make room for it. */
  add(input: AgentInput): string[] {
    this.#pending.push({ input, text: input.text, queued: undefined });
    const dropped = this.#pending.splice(0, Math.max(0, this.#pending.length - MAX_PENDING_INPUTS));
    return dropped.map((pending) => pending.input.commandId);
  }

  /** Folds pi's queue as it is now. */
  queueChanged(steering: readonly string[], followUp: readonly string[]): void {
    this.#grown('steer', steering);
    this.#grown('followUp', followUp);
  }

  #grown(lane: QueueLane, queue: readonly string[]): void {
    const grown = queue.length > this.#queue[lane].length;
    this.#queue[lane] = [...queue];
    if (!grown) return;
    const text = queue.at(-1)!;
    const waiting = this.#pending.filter((input) => input.queued === undefined);
    // A prompt that finds the agent at work is queued as well, so the lane alone does not tell.
    const pending =
      waiting.find((candidate) => candidate.text === text) ??
      waiting.find((candidate) => laneOf(candidate) === lane) ??
      waiting.find((candidate) => laneOf(candidate) === 'prompt');
    if (pending === undefined) return;
    pending.text = text;
    pending.queued = lane;
  }

  /**
   * Names the inputs behind the last texts of one of pi's queues, in order; undefined for a text that is not from an
   * input. The agent reads from the front, so that the last texts are those that it has not begun to read.
   */
  behind(lane: QueueLane, texts: readonly string[]): (AgentInput | undefined)[] {
    const queued = this.#pending.filter((pending) => pending.queued === lane);
    const found = texts.toReversed().map((text) => {
      const at = queued.findLastIndex((pending) => pending.text === text);
      return at < 0 ? undefined : queued.splice(at)[0]!.input;
    });
    return found.toReversed();
  }

  /** Forgets inputs: they left pi's queue and were not read. */
  forget(inputs: readonly AgentInput[]): void {
    this.#pending = this.#pending.filter(({ input }) => !inputs.includes(input));
  }

  /**
   * Everybody whose input a user's message with this text may be; nothing is taken. Where pi rewrote the text, anybody's
   * who is on the way to it.
   */
  authorsOf(text: string): Author[] {
    const exact = this.#pending.filter((input) => input.text === text);
    const inputs = exact.length > 0 ? exact : this.#pending.filter((input) => input.queued === undefined);
    return inputs.flatMap(({ input: { by } }) => (by === undefined ? [] : [by]));
  }

  /** The input that a user's message with this text came from, which is then delivered; or none of ours. */
  delivered(text: string): string | undefined {
    const exact = this.#pending.find((input) => input.text === text);
    return this.#take(exact ?? this.#pending.find((input) => input.queued === undefined && laneOf(input) === 'prompt'));
  }

  /** An input that pi has dealt with itself, without queueing it (a command of an extension), is delivered too. */
  handled(commandId: string): string | undefined {
    return this.#take(this.#pending.find(({ input, queued }) => input.commandId === commandId && queued === undefined));
  }

  /** Forgets an input that pi refused. */
  refused(commandId: string): void {
    this.#pending = this.#pending.filter(({ input }) => input.commandId !== commandId);
  }

  /** Forgets everything queued: pi's queue was cleared. Returns the inputs that the agent will not read. */
  cleared(): AgentInput[] {
    const gone = this.#pending.filter(({ queued }) => queued !== undefined).map(({ input }) => input);
    this.forget(gone);
    return gone;
  }

  #take(input: PendingInput | undefined): string | undefined {
    if (input === undefined) return undefined;
    this.#pending = this.#pending.filter((other) => other !== input);
    return input.input.commandId;
  }
}

function laneOf({ input: { deliverAs = 'prompt' } }: PendingInput): Lane {
  return deliverAs;
}
