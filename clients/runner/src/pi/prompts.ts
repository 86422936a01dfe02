import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { errorInfo } from '@pizzapi/protocol';
import { PendingInputs } from './inputs.js';
import { isCommand } from './inTurn.js';
import type { Outcome, PromptInput } from './types.js';
import { messageOf, within } from './wait.js';

/** How long `prompt` waits for pi to take or refuse an input, ms. Then it counts as taken; a later refusal is a notice. */
const PREFLIGHT_WAIT_MS = 3_000;

export interface PromptDeps {
  pi: AgentSession;
  /** An input has reached the agent. */
  delivered: (commandId: string) => void;
  /** pi did not take an input. */
  refused: (commandId: string) => void;
  /** An input was taken and failed afterwards. */
  failedLate: (what: string) => void;
  /** Resolves once the events of what the agent has ended are through. */
  drained: () => Promise<void>;
}

/**
 * Hands inputs to pi, one after the other: pi decides between starting and queueing, and must have done so before the
 * next one asks.
 */
export class Prompts {
  readonly inputs = new PendingInputs();
  /** The next input waits for this: the extensions' start, then the input before it. */
  #ready: Promise<unknown>;
  #start: () => void = () => undefined;
  #compacted: Promise<void> = Promise.resolve();
  #compactionEnd: () => void = () => undefined;
  #closed = false;

  constructor(private readonly deps: PromptDeps) {
    this.#ready = new Promise<void>((resolve) => (this.#start = resolve));
  }

  /** Lets inputs through. */
  started(): void {
    this.#start();
  }

  /** Holds inputs back while pi compacts, which would otherwise change the conversation under a running turn. */
  compacting(active: boolean): void {
    this.#compactionEnd();
    if (active) this.#compacted = new Promise((resolve) => (this.#compactionEnd = resolve));
  }

  /** Refuses every input from now on. */
  close(): void {
    this.#closed = true;
    this.#start();
    this.#compactionEnd();
  }

  async prompt(input: PromptInput): Promise<Outcome> {
    if (input.text.trim() === '' && (input.images ?? []).length === 0) {
      return { kind: 'failed', error: errorInfo('input_empty') };
    }
    let answered = false;
    const outcome = this.#ready.then(() => this.#compacted).then(() => this.#submit(input, () => answered));
    this.#ready = outcome;
    const settled = await within(outcome, PREFLIGHT_WAIT_MS);
    answered = true;
    return settled ?? { kind: 'ok' };
  }

  /** Resolves when pi has taken or refused the input; the run it starts goes on behind. */
  #submit(input: PromptInput, isAnswered: () => boolean): Promise<Outcome> {
    const { pi, delivered, failedLate, drained } = this.deps;
    const { commandId, text, deliverAs = 'prompt' } = input;
    if (this.#closed) return Promise.resolve({ kind: 'failed', error: errorInfo('session_ended') });
    for (const dropped of this.inputs.add(commandId, deliverAs, text)) delivered(dropped);
    // Whoever types while pi waits to try again does not want the old attempt back.
    if (pi.isRetrying && !pi.isStreaming) pi.abortRetry();
    return new Promise((resolve) => {
      let settled = false;
      const settle = (outcome: Outcome) => {
        if (settled) return;
        settled = true;
        if (outcome.kind === 'failed' && isAnswered()) failedLate(outcome.error.message);
        resolve(outcome);
      };
      // A command of an extension reports itself as taken only when it is over, which may take a dialog or an hour.
      if (isCommand(pi, text)) settle({ kind: 'ok' });
      const run = pi.prompt(text, {
        ...(input.images === undefined ? {} : { images: input.images.map((i) => ({ type: 'image' as const, ...i })) }),
        streamingBehavior: deliverAs === 'followUp' ? 'followUp' : 'steer',
        source: 'rpc',
        preflightResult: (ok) => {
          if (ok) settle({ kind: 'ok' });
        },
      });
      run.then(
        async () => {
          settle({ kind: 'ok' });
          // What comes back without a message of the agent was dealt with by an extension.
          await drained();
          const handled = this.inputs.handled(commandId);
          if (handled !== undefined) delivered(handled);
        },
        (error: unknown) => {
          this.inputs.refused(commandId);
          this.deps.refused(commandId);
          const what = messageOf(error);
          if (settled) return failedLate(what);
          const noKey = /No API key|No model|Authentication failed/i.test(what);
          settle({ kind: 'failed', error: errorInfo(noKey ? 'model_unauthenticated' : 'command_failed', what) });
        },
      );
    });
  }
}
