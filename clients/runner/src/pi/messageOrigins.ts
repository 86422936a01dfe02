import { AsyncLocalStorage } from 'node:async_hooks';
import type { AgentSession } from '@mariozechner/pi-coding-agent';
import type { AgentInput } from './types.js';

/** Where a user's message of the agent comes from: an input of a command, or a text that was typed into pi's terminal. */
export type SubmissionOrigin = { kind: 'input'; input: AgentInput } | { kind: 'typed'; text: string };

type PiMessage = Parameters<AgentSession['agent']['steer']>[0];
type Pictures = Parameters<AgentSession['agent']['prompt']>[1];

/**
 * Names the origin of each user's message of the agent. pi gives its messages no ids, and may rewrite their texts. But pi
 * makes the message in the call that submits the text, and the agent reads that very object. So neither the order of
 * inputs nor their texts decide which author a message has. A message that an extension sends has no origin.
 */
export class MessageOrigins {
  readonly #submitting = new AsyncLocalStorage<SubmissionOrigin | undefined>();
  readonly #origins = new WeakMap<object, SubmissionOrigin>();

  constructor(pi: AgentSession) {
    const { agent } = pi;
    const [prompt, steer, followUp] = [agent.prompt.bind(agent), agent.steer.bind(agent), agent.followUp.bind(agent)];
    agent.steer = (message) => steer(this.#made(message));
    agent.followUp = (message) => followUp(this.#made(message));
    // The run outlives the submission: what its tools and extensions send is not from this origin.
    agent.prompt = (input: string | PiMessage | PiMessage[], pictures?: Pictures) => {
      if (typeof input !== 'string') for (const message of [input].flat()) this.#made(message);
      return this.from(undefined, () => (typeof input === 'string' ? prompt(input, pictures) : prompt(input)));
    };
    const [steerText, followUpText] = [pi.steer.bind(pi), pi.followUp.bind(pi)];
    pi.steer = (text, images) => this.from({ kind: 'typed', text }, () => steerText(text, images));
    pi.followUp = (text, images) => this.from({ kind: 'typed', text }, () => followUpText(text, images));
  }

  /** Submits a text to pi. The user's message that pi makes of it has this origin; undefined for a text of an extension. */
  from<T>(origin: SubmissionOrigin | undefined, submit: () => T): T {
    return this.#submitting.run(origin, submit);
  }

  /** The input that is being submitted where this is called. */
  get submitted(): AgentInput | undefined {
    const origin = this.#submitting.getStore();
    return origin?.kind === 'input' ? origin.input : undefined;
  }

  /** The origin of a message of the agent; undefined for a message of an extension. */
  of(message: object): SubmissionOrigin | undefined {
    return this.#origins.get(message);
  }

  #made(message: PiMessage): PiMessage {
    const origin = this.#submitting.getStore();
    if (origin !== undefined && message.role === 'user') this.#origins.set(message, origin);
    return message;
  }
}
