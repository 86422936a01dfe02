import type { SessionEvent } from '@pizzapi/protocol';
import {
  answeredAs,
  clearedEvent,
  openedEvent,
  OPENED_ENTRY,
  SETTLED_ENTRY,
  type PendingPrompt,
  type PendingPromptKind,
} from '../../human/pending.js';

export interface PromptLimits {
  signal: AbortSignal;
  /** ms until the dialog closes by itself. */
  timeout?: number;
  /** The prompt that the dialog is a step of: whoever shows both shows one. */
  promptId?: string;
}

/** The part of pi's `ctx.ui` that asks. pi's own editor ignores the limits; the one of a hosted session heeds them. */
export interface PromptUi {
  select(title: string, options: string[], limits?: PromptLimits): Promise<string | undefined>;
  input(title: string, placeholder?: string, limits?: PromptLimits): Promise<string | undefined>;
  editor(title: string, prefill?: string, limits?: PromptLimits): Promise<string | undefined>;
  notify(message: string, level?: 'info' | 'warning' | 'error'): void;
}

/** An answer from another session, or none within its time. */
export type RemoteAnswer = { kind: 'answer'; value: unknown } | { kind: 'expired' };

/** The session that this one is linked to, where it is: it may answer in the people's stead, and asks them itself. */
export interface RemoteAnswerer {
  /** Asks there as well; undefined where nobody is asked. The answer is one that `accepts` takes. */
  ask(
    prompt: PendingPrompt,
    accepts: (value: unknown) => boolean,
    stop: AbortSignal,
  ): Promise<RemoteAnswer> | undefined;
  /** A prompt waits no more. `left`: its process goes, and the next one opens it again. */
  settled(prompt: PendingPrompt, how: 'answered' | 'closed' | 'left'): void;
  /** Aborts when the answer to what another session asks (`forward` of a prompt) is not needed any more. */
  wanted(forward: string): AbortSignal;
  /** What the people here answered to another session; nothing when they closed the question. */
  forward(prompt: PendingPrompt, answers: string[] | undefined): void;
}

/** What a session offers to those who ask. */
export interface PromptPort {
  emit: (event: SessionEvent) => void;
  /** Keeps an entry in pi's session file. */
  append: (customType: string, data: unknown) => void;
  sessionId: () => string;
  /**
   * Lets a prompt be answered by its own id, besides the dialogs that walk through it; resolves with a value that
   * `accepts` took, or with undefined when it is closed. A host without it has the dialogs only.
   */
  expect?: (
    id: string,
    accepts: (value: unknown) => boolean,
    signal: AbortSignal,
    kind: PendingPromptKind,
  ) => Promise<unknown>;
  link?: RemoteAnswerer;
}

export interface PromptRequest<T> {
  prompt: PendingPrompt;
  /** Asks through dialogs, one after the other; undefined when the person closes them. */
  walk: (ui: PromptUi, signal: AbortSignal) => Promise<T | undefined>;
  /** The answer in a value that came for the prompt as a whole; undefined when it does not fit. */
  read: (value: unknown) => T | undefined;
  signal?: AbortSignal | undefined;
  /** What it comes to when another session was asked and nobody answered in its time. */
  expired?: T;
}

/** `left`: the session stopped first. The prompt stays open, and the next process asks again. */
export type PromptOutcome<T> = { kind: 'answered'; value: T } | { kind: 'closed' } | { kind: 'left' };

/**
 * Where prompts wait for a person. Each is announced by its event, kept in pi's session file and cleared by the event
 * that names it; the first answer, through a dialog or by the prompt's own id, wins and closes the other way.
 */
export class PromptCoordinator {
  #open: PendingPrompt[] = [];
  #leaving = false;
  readonly #closing = new AbortController();

  constructor(private readonly port: PromptPort) {}

  /** Whether anything waits for a person. */
  get waits(): boolean {
    return this.#open.length > 0;
  }

  /** Asks, and keeps the prompt in the file first. Rejects only when a walk does. */
  ask<T>(asking: PromptRequest<T>, ui: PromptUi): Promise<PromptOutcome<T>> {
    const { prompt } = asking;
    this.port.append(OPENED_ENTRY, { sessionId: this.port.sessionId(), prompt });
    return this.#wait(asking, Promise.resolve(ui));
  }

  /** Asks what an earlier process asked, under the same id. The dialogs begin once there is a `ui`. */
  askAgain<T>(asking: PromptRequest<T>, ui: Promise<PromptUi>): Promise<PromptOutcome<T>> {
    return this.#wait(asking, ui);
  }

  /** From now on what closes unanswered stays open in the file. */
  leave(): void {
    this.#leaving = true;
  }

  /** Closes everything that is open here. */
  close(): void {
    this.#closing.abort();
  }

  async #wait<T>(
    { prompt, walk, read, signal, expired }: PromptRequest<T>,
    ui: Promise<PromptUi>,
  ): Promise<PromptOutcome<T>> {
    const done = new AbortController();
    const stop = AbortSignal.any([done.signal, this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
    this.#announce(prompt);
    const stopped = new Promise<undefined>((resolve) => {
      if (stop.aborted) resolve(undefined);
      else stop.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    const ways: Promise<T | undefined>[] = [stopped, ui.then((there) => walk(there, stop))];
    const direct = this.port.expect?.(prompt.id, (value) => read(value) !== undefined, stop, answeredAs(prompt));
    if (direct !== undefined) ways.push(direct.then(read));
    const elsewhere = this.port.link?.ask(prompt, (said) => read(said) !== undefined, stop);
    if (elsewhere !== undefined) {
      ways.push(elsewhere.then((said) => (said.kind === 'answer' ? read(said.value) : expired)));
    }
    let value: T | undefined;
    try {
      value = await Promise.race(ways);
    } finally {
      done.abort();
      this.#open = this.#open.filter((other) => other !== prompt);
      if (value !== undefined || !this.#leaving) this.#settle(prompt);
      this.port.link?.settled(prompt, value !== undefined ? 'answered' : this.#leaving ? 'left' : 'closed');
    }
    if (value !== undefined) return { kind: 'answered', value };
    return { kind: this.#leaving ? 'left' : 'closed' };
  }

  #announce(prompt: PendingPrompt): void {
    this.#open.push(prompt);
    this.port.emit(openedEvent(prompt, Date.now()));
  }

  /** A screen shows one prompt of a kind: when the newest is settled, the one before it shows again. */
  #settle(prompt: PendingPrompt): void {
    this.port.append(SETTLED_ENTRY, { id: prompt.id });
    this.port.emit(clearedEvent(prompt, Date.now()));
    const hidden = this.#open.findLast((other) => other.kind === prompt.kind);
    if (hidden !== undefined) this.port.emit(openedEvent(hidden, Date.now()));
  }
}
