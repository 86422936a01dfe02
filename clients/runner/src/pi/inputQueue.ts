import type { AgentSession } from '@mariozechner/pi-coding-agent';
import { SerialQueue, withTimeout } from '@pizzapi/process';
import { errorInfo, isGuest, type Author, type ErrorInfo } from '@pizzapi/protocol';
import { PendingInputs, type QueueLane } from './inputs.js';
import type { MessageOrigins } from './messageOrigins.js';
import { isCommand, type SerializedPrompts } from './serializePrompts.js';
import { showQueue, takeFromQueue, unreadMessages } from './queue.js';
import type { Outcome, AgentInput } from './types.js';
import { inserted, itemOf, queueFor, type QueueEntry, type WaitingInput, withdrawInputs } from './waitingInputs.js';
import { messageOf } from './errorMessage.js';
import { isHandled, isTaken } from './versions/dispositions.js';

/** How long `prompt` waits for pi to take or refuse an input, ms. Then it counts as taken; a later refusal is a notice. */
const PREFLIGHT_WAIT_MS = 3_000;

export interface InputQueueDeps {
  pi: AgentSession;
  inTurn: SerializedPrompts;
  /** Which message of the agent comes from which input. */
  origins: MessageOrigins;
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
  /** The queue may have changed: reports it to viewers. */
  changed: () => void;
  /** Records what the next process has to know of the queue. */
  record: (isHeld: boolean, inputs: readonly AgentInput[]) => void;
}

/**
 * Whether an input is a text and nothing else, whatever it begins with. Commands decide over the session: a guest does
 * not give any, nor an agent, which writes what others have it write.
 */
function isPlainText(pi: AgentSession, text: string, by: Author | undefined): boolean {
  if (by === undefined) return false;
  return isGuest(by) || (by.guests ?? []).length > 0 || (by.via === 'agent' && isCommand(pi, text));
}

/** Whether an input is a command of an extension, which runs at once and is no message. */
export function runsAsCommand(pi: AgentSession, { text, by }: Pick<AgentInput, 'text' | 'by'>): boolean {
  return !isPlainText(pi, text, by) && isCommand(pi, text);
}

const QUEUES: readonly QueueLane[] = ['steer', 'followUp'];
const OK: Outcome = { kind: 'ok' };

/**
 * Passes inputs to pi, one after the other: pi decides between starting a run and queueing, and must have decided before
 * the next input arrives. While the agent works, pi holds the queue. While it rests or compacts, this class does, because
 * pi would let the next input overtake what is in its queue.
 */
export class InputQueue {
  readonly inputs = new PendingInputs();
  /** Passes inputs to pi, one after the other, behind the start of the extensions. */
  readonly #jobs = new SerialQueue();
  #start: () => void = () => undefined;
  #isStarted = false;
  #isCompacting = false;
  #compacted: Promise<void> = Promise.resolve();
  #compactionEnd: () => void = () => undefined;
  #closed = false;
  /** An input is on its way to pi. */
  #isPassing = false;
  /** The agent was stopped: the queue waits for a person. */
  #isHeld = false;
  /** Inputs whose turn to go to pi has not come. Those that steer are in front of those that follow up. */
  #waiting: WaitingInput[] = [];

  constructor(private readonly deps: InputQueueDeps) {
    const started = new Promise<void>((resolve) => (this.#start = resolve));
    void this.#jobs.run(() => started);
  }

  /** Lets inputs through. */
  started(): void {
    this.#isStarted = true;
    this.#start();
  }

  /** Holds inputs back while pi compacts, which would otherwise change the conversation under a running turn. */
  compacting(active: boolean): void {
    if (active === this.#isCompacting) return;
    this.#isCompacting = active;
    this.#compactionEnd();
    if (!active) return;
    this.#compacted = new Promise((resolve) => (this.#compactionEnd = resolve));
    if (this.#collect()) this.#passAll();
  }

  /** Refuses every input from now on. */
  close(): void {
    this.#closed = true;
    this.started();
    this.compacting(false);
    for (const { settle } of this.#waiting.splice(0)) settle({ kind: 'failed', error: errorInfo('session_ended') });
  }

  /** The authors of the inputs that the agent has not read. */
  get authors(): Author[] {
    const waiting = this.#waiting.flatMap(({ input: { by } }) => (by === undefined ? [] : [by]));
    return [...waiting, ...this.inputs.authors];
  }

  /** Whether the queue waits for a person, because the agent was stopped. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** The texts of the inputs that do not wait in pi. */
  waitingTexts(queue: QueueLane): string[] {
    return this.#waitingIn(queue).map(({ input }) => input.text);
  }

  /** The whole queue, in the order in which the agent will read it. */
  get items(): QueueEntry[] {
    const { pi } = this.deps;
    const texts = { steer: pi.getSteeringMessages(), followUp: pi.getFollowUpMessages() };
    return QUEUES.flatMap((queue) => {
      const inputs = this.inputs.behind(queue, texts[queue]);
      const inPi = texts[queue].map((text, index) => {
        const input = inputs[index];
        return input === undefined ? { deliverAs: queue, text } : itemOf({ ...input, deliverAs: queue });
      });
      return [...inPi, ...this.#waitingIn(queue).map(({ input }) => itemOf(input))];
    });
  }

  /** The input with this id, unless the agent has begun to read it. */
  find(commandId: string): AgentInput | undefined {
    const inPi = QUEUES.flatMap((queue) =>
      unreadMessages(this.deps.pi, queue).map((message) => this.#inputOf(message)),
    );
    const waiting = this.#waiting.map(({ input }) => input);
    return [...inPi, ...waiting].find((input) => input?.commandId === commandId);
  }

  /**
   * Changes the queue. `change` gets all inputs that the agent has not begun to read, and returns those that it will read,
   * in order. An agent at work gets the new queue; an agent at rest waits.
   */
  arrange(change: (inputs: WaitingInput[]) => WaitingInput[]): void {
    const isCollected = this.#collect();
    this.#waiting = change(this.#waiting);
    if (this.#waiting.length === 0) this.#isHeld = false;
    else if (!this.#isHeld && isCollected && this.#isAtRest) this.#isHeld = true;
    this.#record();
    if (!this.#isHeld) this.#passAll();
    this.deps.changed();
  }

  /**
   * Withdraws the inputs of some authors that the agent has not read. Returns the commands that were answered ok; the
   * others are answered with `error`. An input that pi is starting now is not withdrawn.
   */
  takeBack(isTheirs: (by: Author) => boolean, error: ErrorInfo): string[] {
    let answered: string[] = [];
    this.arrange((inputs) => {
      const { left, withdrawn } = withdrawInputs(inputs, isTheirs, error);
      answered = withdrawn;
      return left;
    });
    return answered;
  }

  /**
   * Keeps the queue from the agent until `release` or the next input. Call it before the agent is stopped: a run that is
   * stopped may still take a message out of pi's queue, and not answer it.
   */
  hold(): void {
    this.#collect();
    if (this.#waiting.length === 0) return;
    this.#isHeld = true;
    for (const { settle } of this.#waiting) settle(OK);
    this.#record();
    this.deps.changed();
  }

  /** Keeps what an earlier process had accepted from the agent, as that process did. */
  holdRestored(): void {
    this.#isHeld = true;
  }

  /** Passes a queue that was held to the agent. */
  release(): void {
    if (!this.#isHeld) return;
    // An input that came during the stop may have reached pi.
    if (this.#isAtRest) this.#collect();
    this.#isHeld = false;
    this.#record();
    this.#passAll();
  }

  /**
   * Passes on what stayed in pi's queue though the agent rests: pi took it when the agent had looked into its queue for the
   * last time. Messages of extensions of pi follow.
   */
  passStranded(): void {
    if (this.#isHeld || !this.#isAtRest) return;
    if (this.#collect()) this.#passAll();
    const { pi } = this.deps;
    const others = QUEUES.flatMap((queue) => takeFromQueue(pi, queue, () => true));
    if (others.length > 0) showQueue(pi);
    for (const { content } of others)
      pi.sendUserMessage(content, { deliverAs: 'followUp' }).catch((error: unknown) =>
        this.deps.failedLate(messageOf(error)),
      );
  }

  /**
   * Runs `act` between two inputs, behind the start of the extensions. Returns whether it ran: it does not while the agent
   * works, or when the session has ended.
   */
  async betweenInputs(act: () => Promise<void>): Promise<boolean> {
    return this.#jobs.run(async () => {
      await this.#ready();
      if (!this.#isAtRest || this.#closed) return false;
      await act();
      return true;
    });
  }

  /** `isRestored`: an earlier process had accepted it. It does not end the hold of the queue. */
  async prompt(input: AgentInput, { isRestored = false } = {}): Promise<Outcome> {
    if (input.text.trim() === '' && (input.images ?? []).length === 0) {
      return { kind: 'failed', error: errorInfo('input_empty') };
    }
    const waiting: WaitingInput = { input, isAnswered: false, settle: () => undefined };
    const outcome = new Promise<Outcome>((resolve) => (waiting.settle = resolve));
    // A command of an extension is no message: it does not wait for the messages before it.
    if (runsAsCommand(this.deps.pi, input))
      void this.#jobs.run(async () => {
        await this.#ready();
        await this.#pass(waiting);
      });
    else this.#add(waiting, isRestored);
    const settled = await withTimeout(outcome, PREFLIGHT_WAIT_MS);
    waiting.isAnswered = true;
    return settled ?? OK;
  }

  #add(waiting: WaitingInput, isRestored: boolean): void {
    const { input, settle } = waiting;
    if (!isRestored && (this.#isCompacting || !this.deps.pi.isStreaming)) {
      // What is in the queue of an agent at rest comes first.
      if (this.#collect()) this.#passAll();
      if (this.#waiting.length > 0 && queueFor(input) === 'steer') waiting.input = { ...input, deliverAs: 'followUp' };
    }
    this.#waiting = inserted(this.#waiting, waiting);
    if (this.#isHeld && isRestored) settle(OK);
    else if (this.#isHeld) this.release();
    else void this.#jobs.run(() => this.#next());
    if (this.#isHeld || this.#isCompacting || !this.#isStarted) this.deps.changed();
  }

  #waitingIn(queue: QueueLane): WaitingInput[] {
    return this.#waiting.filter(({ input }) => queueFor(input) === queue);
  }

  get #isAtRest(): boolean {
    const { pi } = this.deps;
    return !pi.isStreaming && !pi.isRetrying && !this.#isCompacting && !this.#isPassing;
  }

  /** Takes over the inputs in pi's queue that the agent has not begun to read. Returns whether there were any. */
  #collect(): boolean {
    const { pi } = this.deps;
    const all = QUEUES.map((queue) => {
      const inputs = unreadMessages(pi, queue).flatMap((message) => this.#inputOf(message) ?? []);
      const waiting = inputs.map((input) => ({
        ...{ input: { ...input, deliverAs: queue }, isAnswered: true },
        settle: () => undefined,
      }));
      return { queue, inputs, waiting };
    });
    if (all.every(({ waiting }) => waiting.length === 0)) return false;
    this.#waiting = all.flatMap(({ queue, waiting }) => [...waiting, ...this.#waitingIn(queue)]);
    for (const { queue, inputs } of all) {
      takeFromQueue(pi, queue, (message) => this.#inputOf(message) !== undefined);
      this.inputs.forget(inputs);
    }
    showQueue(pi);
    return true;
  }

  /** The input that a message in pi's queue was made of, while it waits. */
  #inputOf(message: object): AgentInput | undefined {
    const origin = this.deps.origins.of(message);
    return origin?.kind === 'input' && this.inputs.isPending(origin.input.commandId) ? origin.input : undefined;
  }

  #record(): void {
    this.deps.record(
      this.#isHeld,
      this.#waiting.map(({ input }) => input),
    );
  }

  #passAll(): void {
    for (const _ of this.#waiting) void this.#jobs.run(() => this.#next());
  }

  /** Resolves when pi can take an input. */
  async #ready(): Promise<void> {
    await this.#compacted;
    await this.deps.idle();
  }

  async #next(): Promise<void> {
    await this.#ready();
    if (this.#isHeld) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) return;
    await this.#pass(waiting);
    this.deps.changed();
  }

  async #pass(waiting: WaitingInput): Promise<void> {
    this.#isPassing = true;
    const outcome = await this.#submit(waiting.input);
    this.#isPassing = false;
    if (outcome.kind === 'failed' && !this.#closed) this.#refused(waiting, outcome.error);
    waiting.settle(outcome);
  }

  #refused(waiting: WaitingInput, error: ErrorInfo): void {
    const { commandId } = waiting.input;
    if (!waiting.isAnswered) return this.deps.refused(commandId);
    // The sender has a result that says ok. The message stays in the queue.
    this.#waiting = [waiting, ...this.#waiting];
    this.#isHeld = true;
    this.#record();
    this.deps.failedLate(error.message);
  }

  /** Resolves when pi has accepted or refused the input. The run that it starts continues. */
  #submit(input: AgentInput): Promise<Outcome> {
    const { pi, inTurn, origins, delivered, refused, failedLate, drained } = this.deps;
    const { commandId, text, by, deliverAs = 'prompt' } = input;
    if (this.#closed) return Promise.resolve({ kind: 'failed', error: errorInfo('session_ended') });
    for (const dropped of this.inputs.add(input)) delivered(dropped);
    const isText = isPlainText(pi, text, by);
    // A new input replaces an attempt that pi would repeat.
    if (pi.isRetrying && !pi.isStreaming) pi.abortRetry();
    return new Promise((resolve) => {
      let settled = false;
      const settle = (outcome: Outcome) => {
        if (settled) return;
        settled = true;
        resolve(outcome);
      };
      // A command of an extension is reported as accepted only when it has ended, which may take as long as a dialog.
      if (!isText && isCommand(pi, text)) settle(OK);
      const dealtWith = () => {
        if (this.inputs.handled(commandId)) delivered(commandId);
      };
      const submit = () =>
        (isText ? inTurn.asText : inTurn.prompt)(text, {
          ...(input.images === undefined
            ? {}
            : { images: input.images.map((i) => ({ type: 'image' as const, ...i })) }),
          streamingBehavior: deliverAs === 'followUp' ? 'followUp' : 'steer',
          source: 'rpc',
          preflightResult: (result) => {
            if (isTaken(result)) settle(OK);
            if (isHandled(result)) dealtWith();
          },
        });
      const run = origins.from({ kind: 'input', input }, submit);
      run.then(
        async () => {
          settle(OK);
          // An input that ends without a user message was handled by an extension.
          await drained();
          dealtWith();
        },
        (error: unknown) => {
          this.inputs.refused(commandId);
          const what = messageOf(error);
          if (settled) {
            refused(commandId);
            return failedLate(what);
          }
          const noKey = /No API key|No model|Authentication failed/i.test(what);
          settle({ kind: 'failed', error: errorInfo(noKey ? 'model_unauthenticated' : 'command_failed', what) });
        },
      );
    });
  }
}
