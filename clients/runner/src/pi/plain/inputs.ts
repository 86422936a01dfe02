import { AsyncLocalStorage } from 'node:async_hooks';
import { errorInfo, isGuest, type Author, type ErrorInfo } from '@pizzapi/protocol';
import { withTimeout } from '@pizzapi/process';
import { messageOf } from '../errorMessage.js';
import { MAX_PENDING_INPUTS, type QueueLane } from '../inputs.js';
import { visibleText } from '../terminal/clean.js';
import type { AgentInput, Outcome } from '../types.js';
import type { PlainTimers } from './timers.js';
import { inserted, itemOf, queueFor, type QueueEntry, type WaitingInput, withdrawInputs } from '../waitingInputs.js';

/** How long pi may take to show an input to its extensions, ms. Then it counts as taken. */
const TAKEN_WAIT_MS = 3_000;
/** How often it is looked whether pi takes what waits, ms. */
const LOOK_EVERY_MS = 50;
const OK: Outcome = { kind: 'ok' };

/** A text on its way to the agent. */
type Passed = { text: string; deliverAs: 'prompt' | 'steer' } & (
  { kind: 'input'; input: AgentInput; taken: () => void } | { kind: 'typed' }
);

/** What pi does now, as far as it decides whether it takes an input. */
export type Readiness =
  /** The next input starts a run. */
  | 'rest'
  /** An input that steers is read in this run. */
  | 'run'
  /** An input has to wait: the run is about to end, pi compacts, or its extensions are loaded again. */
  | 'wait';

export interface PlainInputsDeps {
  timers: PlainTimers;
  readiness: () => Readiness;
  /** Why pi would not answer now. */
  problem: () => ErrorInfo | undefined;
  /** Hands a text to pi. */
  send: (input: AgentInput, text: string, deliverAs: 'steer' | 'followUp') => void;
  /** The queue may have changed. */
  changed: () => void;
  /** An input was taken and failed afterwards. */
  failedLate: (what: string) => void;
}

/**
 * The inputs for a plain pi. pi shows nothing of its own queue to extensions, so that what has to wait waits here, where
 * people can change it. pi gives its messages no ids: a message is matched with an input by its text.
 */
export class PlainInputs {
  #waiting: WaitingInput[] = [];
  #passed: Passed[] = [];
  #isHeld = false;
  #isPassing = false;
  #endLooking: () => void = () => undefined;
  readonly #submitting = new AsyncLocalStorage<Passed>();

  constructor(private readonly deps: PlainInputsDeps) {}

  /** Takes an input for the agent. Resolves when pi has taken it, or when it waits in the queue. */
  async submit(input: AgentInput): Promise<Outcome> {
    if (input.text.trim() === '' && (input.images ?? []).length === 0) {
      return { kind: 'failed', error: errorInfo('input_empty') };
    }
    const problem = this.deps.problem();
    if (problem !== undefined) return { kind: 'failed', error: problem };
    const waiting: WaitingInput = { input, isAnswered: false, settle: () => undefined };
    const outcome = new Promise<Outcome>((resolve) => (waiting.settle = resolve));
    this.#waiting = inserted(this.#waiting, waiting);
    this.#isHeld = false;
    this.#pump();
    if (this.#waiting.includes(waiting) && !this.#isPassing) {
      waiting.isAnswered = true;
      waiting.settle(OK);
    }
    this.deps.changed();
    const settled = await withTimeout(outcome, TAKEN_WAIT_MS);
    waiting.isAnswered = true;
    return settled ?? OK;
  }

  /** pi shows a text to its extensions. `isTyped`: by the person at the terminal. */
  shown(text: string, isTyped: boolean): void {
    const submitted = this.#submitting.getStore();
    if (!isTyped) {
      if (submitted?.kind === 'input') submitted.taken();
      return;
    }
    this.#passed.push({ kind: 'typed', text, deliverAs: 'prompt' });
    this.#passed.splice(0, this.#passed.length - MAX_PENDING_INPUTS);
    this.release();
  }

  /**
   * The agent reads a text. Returns the input that it comes from, `typed` for one of the terminal, or undefined for one
   * of an extension.
   */
  read(text: string): AgentInput | 'typed' | undefined {
    const found = this.#find(text);
    if (found === undefined) return undefined;
    this.#passed = this.#passed.filter((passed) => passed !== found);
    if (found.kind === 'typed') return 'typed';
    found.taken();
    this.deps.changed();
    return found.input;
  }

  /** Forgets typed texts that an extension or a command took: pi has read everything. */
  drained(): void {
    this.#passed = this.#passed.filter(({ kind }) => kind === 'input');
  }

  /** Who sent what the agent has not read. */
  get authors(): Author[] {
    const passed = this.#passed.flatMap((each) => (each.kind === 'input' ? [each.input] : []));
    return [...passed, ...this.#waiting.map(({ input }) => input)].flatMap(({ by }) => (by === undefined ? [] : [by]));
  }

  /** The queue, in the order in which the agent will read it. */
  get items(): QueueEntry[] {
    const steering = this.#passed.flatMap((each) =>
      each.kind === 'input' && each.deliverAs === 'steer' ? [itemOf({ ...each.input, deliverAs: 'steer' })] : [],
    );
    return [...steering, ...this.#waiting.map(({ input }) => itemOf(input))];
  }

  /** The texts of one kind in the queue. */
  texts(queue: QueueLane): string[] {
    return this.items.flatMap(({ deliverAs, text = '' }) => (deliverAs === queue ? [text] : []));
  }

  /** The input with this id, unless pi has it. */
  find(commandId: string): AgentInput | undefined {
    return this.#waiting.find(({ input }) => input.commandId === commandId)?.input;
  }

  /** Changes what waits here. */
  arrange(change: (inputs: WaitingInput[]) => WaitingInput[]): void {
    this.#waiting = change(this.#waiting);
    if (this.#waiting.length === 0) this.#isHeld = false;
    this.#pump();
    this.deps.changed();
  }

  /** Withdraws what waits of some authors. Returns the commands that were answered ok; the others get `error`. */
  takeBack(isTheirs: (by: Author) => boolean, error: ErrorInfo): string[] {
    let answered: string[] = [];
    this.arrange((inputs) => {
      const { left, withdrawn } = withdrawInputs(inputs, isTheirs, error);
      answered = withdrawn;
      return left;
    });
    return answered;
  }

  /** Keeps what waits from the agent until `release` or the next input. */
  hold(): void {
    if (this.#waiting.length === 0) return;
    this.#isHeld = true;
    for (const { settle } of this.#waiting) settle(OK);
    this.deps.changed();
  }

  release(): void {
    this.#isHeld = false;
    this.#pump();
  }

  /** Drops what waits. Returns the inputs that the agent will not read. */
  clear(): AgentInput[] {
    const dropped = this.#waiting.splice(0).map(({ input }) => input);
    this.#isHeld = false;
    this.deps.changed();
    return dropped;
  }

  /** Passes what waits, as soon as pi takes it. */
  #pump(): void {
    this.#endLooking();
    const next = this.#next();
    if (next !== undefined) void this.#pass(next);
    if (this.#waiting.length === 0 || this.#isHeld) return;
    this.#endLooking = this.deps.timers.after(LOOK_EVERY_MS, () => this.#pump());
  }

  #next(): WaitingInput | undefined {
    if (this.#isHeld || this.#isPassing) return undefined;
    const [first] = this.#waiting;
    const readiness = this.deps.readiness();
    if (first === undefined || readiness === 'wait') return undefined;
    return readiness === 'rest' || queueFor(first.input) === 'steer' ? first : undefined;
  }

  async #pass(waiting: WaitingInput): Promise<void> {
    const problem = this.deps.problem();
    if (problem !== undefined) {
      this.#isHeld = true;
      return this.deps.failedLate(problem.message);
    }
    this.#isPassing = true;
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
    const { input } = waiting;
    const text = textFor(input);
    const deliverAs = this.deps.readiness() === 'rest' ? 'prompt' : 'steer';
    try {
      await withTimeout(this.#send(input, text, deliverAs), TAKEN_WAIT_MS);
    } catch (error) {
      // pi has ended the session, or loads its extensions again.
      this.#passed = this.#passed.filter((passed) => passed.kind !== 'input' || passed.input !== input);
      this.#waiting = [waiting, ...this.#waiting];
      this.#isHeld = true;
      this.deps.failedLate(messageOf(error));
    }
    waiting.settle(OK);
    this.#isPassing = false;
    this.deps.changed();
    this.#pump();
  }

  /** Resolves when pi shows the input to its extensions. */
  #send(input: AgentInput, text: string, deliverAs: Passed['deliverAs']): Promise<void> {
    return new Promise((taken) => {
      const passed: Passed = { kind: 'input', text, deliverAs, input, taken };
      this.#passed.push(passed);
      this.#submitting.run(passed, () => this.deps.send(input, text, deliverAs === 'prompt' ? 'followUp' : 'steer'));
    });
  }

  #find(text: string): Passed | undefined {
    const submitted = this.#submitting.getStore();
    return (
      this.#passed.find((passed) => passed.text === text) ??
      // An extension may have changed the text of an input that started the run.
      this.#passed.find((passed) => passed === submitted) ??
      // pi replaces the name of a template or a skill by its text.
      this.#passed.find((passed) => passed.kind === 'typed' && passed.text.startsWith('/'))
    );
  }
}

/**
 * The text of an input, as pi gets it. It is drawn in the terminal, so that nothing in it may steer one. Extensions may
 * take a text for a command of their own; a guest gives no commands.
 */
function textFor({ text, by }: AgentInput): string {
  const visible = visibleText(text);
  const isForeign = by !== undefined && (isGuest(by) || (by.guests ?? []).length > 0 || by.via === 'agent');
  return isForeign && /^\s*[/!]/.test(visible) ? `A guest wrote: ${visible}` : visible;
}
