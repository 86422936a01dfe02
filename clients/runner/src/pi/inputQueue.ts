import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { SerialQueue, withTimeout } from '@pizzapi/process';
import { errorInfo, isGuest, type Author, type ErrorInfo } from '@pizzapi/protocol';
import { PendingInputs } from './inputs.js';
import { isCommand, type SerializedPrompts } from './serializePrompts.js';
import { takeFromQueue } from './queue.js';
import type { Outcome, AgentInput } from './types.js';
import { messageOf } from './errorMessage.js';

/** How long `prompt` waits for pi to take or refuse an input, ms. Then it counts as taken; a later refusal is a notice. */
const PREFLIGHT_WAIT_MS = 3_000;

export interface InputQueueDeps {
  pi: AgentSession;
  inTurn: SerializedPrompts;
  /** An input has reached the agent. */
  delivered: (commandId: string) => void;
  /** pi did not take an input. */
  refused: (commandId: string) => void;
  /** An input was taken and failed afterwards. */
  failedLate: (what: string) => void;
  /** Resolves once the events of what the agent has ended are through. */
  drained: () => Promise<void>;
  /** Resolves at once, or when a run that has ended is over: an input that pi queues before would stay in its queue. */
  idle: () => Promise<void>;
}

/**
 * Whether an input is a text and nothing else, whatever it begins with. Commands decide over the session: a guest does
 * not give any, nor an agent, which writes what others have it write.
 */
function isPlainText(pi: AgentSession, text: string, by: Author | undefined): boolean {
  if (by === undefined) return false;
  return isGuest(by) || (by.guests ?? []).length > 0 || (by.via === 'agent' && isCommand(pi, text));
}

/** An input before its turn. */
interface Waiting {
  input: AgentInput;
  /** The sender has a result that says ok. */
  isAnswered: boolean;
  /** Why the input is not passed to pi any more. */
  takenBack?: ErrorInfo;
}

/**
 * Passes inputs to pi, one after the other: pi decides between starting a run and queueing, and must have decided before
 * the next input arrives.
 */
export class InputQueue {
  readonly inputs = new PendingInputs();
  /** Inputs, one after the other, behind the start of the extensions. */
  readonly #queue = new SerialQueue();
  #start: () => void = () => undefined;
  #compacted: Promise<void> = Promise.resolve();
  #compactionEnd: () => void = () => undefined;
  #closed = false;
  /** Inputs whose turn to go to pi has not come. */
  readonly #waiting = new Set<Waiting>();

  constructor(private readonly deps: InputQueueDeps) {
    const started = new Promise<void>((resolve) => (this.#start = resolve));
    void this.#queue.run(() => started);
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

  /** The authors of the inputs that the agent has not read. */
  get authors(): Author[] {
    const waiting = [...this.#waiting].flatMap(({ input: { by } }) => (by === undefined ? [] : [by]));
    return [...waiting, ...this.inputs.authors];
  }

  /**
   * Withdraws the inputs of some authors that the agent has not read. Returns the commands that were answered ok; the
   * others are answered with `error`. An input that pi is starting now is not withdrawn.
   */
  takeBack(isTheirs: (by: Author) => boolean, error: ErrorInfo): string[] {
    const queued = this.inputs.takeBack(isTheirs);
    takeFromQueue(this.deps.pi, queued);
    const waiting = [...this.#waiting].filter(({ input: { by } }) => by !== undefined && isTheirs(by));
    for (const each of waiting) each.takenBack = error;
    const answered = waiting.filter((each) => each.isAnswered).map(({ input }) => input.commandId);
    return [...queued.map(({ commandId }) => commandId), ...answered];
  }

  /** Continues the agent with its queue, after it was stopped. */
  goOn(): void {
    const { pi } = this.deps;
    void this.#queue.run(() => {
      const isStopped = pi.agent.state.messages.at(-1)?.role === 'assistant';
      if (pi.isStreaming || pi.isRetrying || pi.pendingMessageCount === 0 || !isStopped) return;
      void pi.agent.continue().catch((error: unknown) => this.deps.failedLate(messageOf(error)));
    });
  }

  async prompt(input: AgentInput): Promise<Outcome> {
    if (input.text.trim() === '' && (input.images ?? []).length === 0) {
      return { kind: 'failed', error: errorInfo('input_empty') };
    }
    const waiting: Waiting = { input, isAnswered: false };
    this.#waiting.add(waiting);
    const outcome = this.#queue.run(async () => {
      await this.#compacted;
      await this.deps.idle();
      return this.#begin(waiting);
    });
    const settled = await withTimeout(outcome, PREFLIGHT_WAIT_MS);
    waiting.isAnswered = true;
    return settled ?? { kind: 'ok' };
  }

  #begin(waiting: Waiting): Promise<Outcome> {
    this.#waiting.delete(waiting);
    const { takenBack } = waiting;
    if (takenBack !== undefined) return Promise.resolve({ kind: 'failed', error: takenBack });
    return this.#submit(waiting.input, () => waiting.isAnswered);
  }

  /** Resolves when pi has accepted or refused the input. The run that it starts continues. */
  #submit(input: AgentInput, isAnswered: () => boolean): Promise<Outcome> {
    const { pi, inTurn, delivered, failedLate, drained } = this.deps;
    const { commandId, text, by, deliverAs = 'prompt' } = input;
    if (this.#closed) return Promise.resolve({ kind: 'failed', error: errorInfo('session_ended') });
    for (const dropped of this.inputs.add(commandId, deliverAs, text, by)) delivered(dropped);
    const isText = isPlainText(pi, text, by);
    // A new input replaces an attempt that pi would repeat.
    if (pi.isRetrying && !pi.isStreaming) pi.abortRetry();
    return new Promise((resolve) => {
      let settled = false;
      const settle = (outcome: Outcome) => {
        if (settled) return;
        settled = true;
        if (outcome.kind === 'failed' && isAnswered()) failedLate(outcome.error.message);
        resolve(outcome);
      };
      // A command of an extension is reported as accepted only when it has ended, which may take as long as a dialog.
      if (!isText && isCommand(pi, text)) settle({ kind: 'ok' });
      const run = (isText ? inTurn.asText : inTurn.prompt)(text, {
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
          // An input that ends without a user message was handled by an extension.
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
