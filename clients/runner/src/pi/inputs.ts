/** How many inputs may wait to be matched; more than this and the oldest are taken as delivered. */
export const MAX_PENDING_INPUTS = 256;

export type Lane = 'prompt' | 'steer' | 'followUp';

interface PendingInput {
  commandId: string;
  lane: Lane;
  /** The text as typed, then as pi expanded it (templates, skills) once its queue shows it. */
  text: string;
  queued: boolean;
}

/**
 * Which input became which message of the agent. pi gives its messages no ids and may rewrite a text before it queues
 * it; what it shows in its queue, and the order, tell them apart.
 */
export class PendingInputs {
  #pending: PendingInput[] = [];
  #queue: Record<'steer' | 'followUp', readonly string[]> = { steer: [], followUp: [] };

  /** Notes an input that is on its way to pi; the result is what had to make room for it. */
  add(commandId: string, lane: Lane, text: string): string[] {
    this.#pending.push({ commandId, lane, text, queued: false });
    return this.#pending.splice(0, Math.max(0, this.#pending.length - MAX_PENDING_INPUTS)).map((i) => i.commandId);
  }

  /** Folds pi's queue as it is now. */
  queueChanged(steering: readonly string[], followUp: readonly string[]): void {
    this.#grown('steer', steering);
    this.#grown('followUp', followUp);
  }

  #grown(lane: 'steer' | 'followUp', queue: readonly string[]): void {
    const grown = queue.length > this.#queue[lane].length;
    this.#queue[lane] = [...queue];
    if (!grown) return;
    const text = queue.at(-1)!;
    const waiting = this.#pending.filter((input) => !input.queued);
    // A prompt that finds the agent at work is queued as well, so the lane alone does not tell.
    const input =
      waiting.find((candidate) => candidate.text === text) ??
      waiting.find((candidate) => candidate.lane === lane) ??
      waiting.find((candidate) => candidate.lane === 'prompt');
    if (input === undefined) return;
    input.text = text;
    input.queued = true;
  }

  /** The input that a user's message with this text came from, which is then delivered; or none of ours. */
  delivered(text: string): string | undefined {
    const exact = this.#pending.find((input) => input.text === text);
    return this.#take(exact ?? this.#pending.find((input) => !input.queued && input.lane === 'prompt'));
  }

  /** An input that pi has dealt with itself, without queueing it (a command of an extension), is delivered too. */
  handled(commandId: string): string | undefined {
    return this.#take(this.#pending.find((input) => input.commandId === commandId && !input.queued));
  }

  /** Forgets an input that pi refused. */
  refused(commandId: string): void {
    this.#pending = this.#pending.filter((input) => input.commandId !== commandId);
  }

  /** Forgets everything queued: the queue was cleared. The result is the commands that will not be delivered. */
  cleared(): string[] {
    const gone = this.#pending.filter((input) => input.queued);
    this.#pending = this.#pending.filter((input) => !input.queued);
    return gone.map((input) => input.commandId);
  }

  #take(input: PendingInput | undefined): string | undefined {
    if (input === undefined) return undefined;
    this.#pending = this.#pending.filter((other) => other !== input);
    return input.commandId;
  }
}
