import type { Author } from '@pizzapi/protocol';

/** How many inputs may wait to be matched; more than this and the oldest are taken as delivered. */
export const MAX_PENDING_INPUTS = 256;

export type Lane = 'prompt' | 'steer' | 'followUp';
/** pi's two queues. */
export type Queue = 'steer' | 'followUp';

interface PendingInput {
  commandId: string;
  lane: Lane;
  /** The text as typed, then as pi expanded it (templates, skills) once its queue shows it. */
  text: string;
  by: Author | undefined;
  /** Where it waits in pi; undefined while it is on its way there. */
  queued: Queue | undefined;
}

/** An input that was taken back from pi's queue, where it was the `nth` with this text, from 0. */
export interface TakenBack {
  commandId: string;
  queue: Queue;
  text: string;
  nth: number;
}

/**
 * Which input became which message of the agent. pi gives its messages no ids and may rewrite a text before it queues
 * it; what it shows in its queue, and the order, tell them apart.
 */
export class PendingInputs {
  #pending: PendingInput[] = [];
  #queue: Record<Queue, readonly string[]> = { steer: [], followUp: [] };

  /** Who sent what waits. */
  get authors(): Author[] {
    return this.#pending.flatMap(({ by }) => (by === undefined ? [] : [by]));
  }

  /** Notes an input that is on its way to pi; the result is what had to make room for it. */
  add(commandId: string, lane: Lane, text: string, by?: Author): string[] {
    this.#pending.push({ commandId, lane, text, by, queued: undefined });
    return this.#pending.splice(0, Math.max(0, this.#pending.length - MAX_PENDING_INPUTS)).map((i) => i.commandId);
  }

  /** Folds pi's queue as it is now. */
  queueChanged(steering: readonly string[], followUp: readonly string[]): void {
    this.#grown('steer', steering);
    this.#grown('followUp', followUp);
  }

  #grown(lane: Queue, queue: readonly string[]): void {
    const grown = queue.length > this.#queue[lane].length;
    this.#queue[lane] = [...queue];
    if (!grown) return;
    const text = queue.at(-1)!;
    const waiting = this.#pending.filter((input) => input.queued === undefined);
    // A prompt that finds the agent at work is queued as well, so the lane alone does not tell.
    const input =
      waiting.find((candidate) => candidate.text === text) ??
      waiting.find((candidate) => candidate.lane === lane) ??
      waiting.find((candidate) => candidate.lane === 'prompt');
    if (input === undefined) return;
    input.text = text;
    input.queued = lane;
  }

  /**
   * Everybody whose input a user's message with this text may be; nothing is taken. Where pi rewrote the text, anybody's
   * who is on the way to it.
   */
  authorsOf(text: string): Author[] {
    const exact = this.#pending.filter((input) => input.text === text);
    const inputs = exact.length > 0 ? exact : this.#pending.filter((input) => input.queued === undefined);
    return inputs.flatMap(({ by }) => (by === undefined ? [] : [by]));
  }

  /** The input that a user's message with this text came from, which is then delivered; or none of ours. */
  delivered(text: string): string | undefined {
    const exact = this.#pending.find((input) => input.text === text);
    return this.#take(exact ?? this.#pending.find((input) => input.queued === undefined && input.lane === 'prompt'));
  }

  /** An input that pi has dealt with itself, without queueing it (a command of an extension), is delivered too. */
  handled(commandId: string): string | undefined {
    return this.#take(this.#pending.find((input) => input.commandId === commandId && input.queued === undefined));
  }

  /** Forgets an input that pi refused. */
  refused(commandId: string): void {
    this.#pending = this.#pending.filter((input) => input.commandId !== commandId);
  }

  /** Forgets everything queued: the queue was cleared. The result is the commands that will not be delivered. */
  cleared(): string[] {
    const gone = this.#pending.filter((input) => input.queued !== undefined);
    this.#pending = this.#pending.filter((input) => input.queued === undefined);
    return gone.map((input) => input.commandId);
  }

  /** Forgets what some authors have in pi's queue, and says where in it. */
  takeBack(isTheirs: (by: Author) => boolean): TakenBack[] {
    const taken: TakenBack[] = [];
    const kept: PendingInput[] = [];
    const seen = new Map<string, number>();
    for (const input of this.#pending) {
      const { commandId, queued: queue, text, by } = input;
      const nth = seen.get(`${queue} ${text}`) ?? 0;
      seen.set(`${queue} ${text}`, nth + 1);
      if (queue !== undefined && by !== undefined && isTheirs(by)) taken.push({ commandId, queue, text, nth });
      else kept.push(input);
    }
    this.#pending = kept;
    return taken;
  }

  #take(input: PendingInput | undefined): string | undefined {
    if (input === undefined) return undefined;
    this.#pending = this.#pending.filter((other) => other !== input);
    return input.commandId;
  }
}
