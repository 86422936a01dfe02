import {
  BoundedMap,
  isGuest,
  newId,
  rightOf,
  type Author,
  type DialogMethod,
  type ErrorInfo,
  type EventOf,
  type GuestPromptKind,
} from '@pizzapi/protocol';
import { guestAnswer, type AnsweredStep } from '../human/guestAnswers.js';
import type { CoalesceClock } from './coalesce.js';

/** Ids of closed dialogs that are remembered, so that a late answer is told apart from a wrong id. */
const MAX_CLOSED_DIALOGS = 256;

const SYSTEM: Author = { userId: 'system', via: 'system' };

/** `forbidden`: the author lacks the right to answer, and the dialog stays open. */
export type DialogAnswerOutcome = 'resolved' | 'late' | 'invalid' | 'unknown' | { forbidden: ErrorInfo };
type Outcome = NonNullable<EventOf<'dialog_resolved'>['outcome']>;

export interface DialogRequest {
  method: Extract<DialogMethod, 'select' | 'confirm' | 'input' | 'editor'>;
  title: string;
  message?: string;
  options?: string[];
  placeholder?: string;
  prefill?: string;
}

export interface DialogLimits {
  signal?: AbortSignal | undefined;
  /** ms until the dialog closes by itself. */
  timeout?: number | undefined;
  /** The prompt that the dialog is a step of. */
  promptId?: string | undefined;
}

/** What a person answered, or undefined for every other way a dialog closes. */
export type DialogValue = string | boolean | undefined;
type DialogFields = Omit<EventOf<'dialog_opened'>, 'type' | 'at' | 'dialogId'>;

interface OpenDialog {
  accepts(value: unknown): boolean;
  close(outcome: Outcome, value: unknown, by: Author): void;
  /** What shows it as a dialog; undefined when an event of its own does. */
  opened: EventOf<'dialog_opened'> | undefined;
  /** The prompt that it is, or is a step of. */
  promptId: string | undefined;
  /** The agent does not wait for it: it stays open when a run is stopped. */
  isApart: boolean;
}

/** A dialog that is open: its id, and its answer once there is one. */
export interface OpenedDialog {
  dialogId: string;
  answer: Promise<DialogValue>;
}

/** What asks for no answer and stays in sight until the same key says something else. */
const LASTING: readonly DialogMethod[] = ['status', 'widget'];
/** How many lasting texts are remembered; the oldest go first. */
const MAX_LASTING = 64;

/** Whether a value answers a dialog. */
function accepts(request: DialogRequest, value: unknown): boolean {
  if (request.method === 'confirm') return typeof value === 'boolean';
  if (typeof value !== 'string') return false;
  return request.method !== 'select' || (request.options ?? []).includes(value);
}

/** What one dialog of several asks; undefined for a prompt that is answered as a whole. */
const stepOf = ({ opened }: OpenDialog): AnsweredStep | undefined => opened && { method: opened.method };

function resolved(
  at: number,
  dialogId: string,
  outcome: Outcome,
  value: unknown,
  by: Author,
): EventOf<'dialog_resolved'> {
  return { type: 'dialog_resolved', at, dialogId, by, outcome, ...(value === undefined ? {} : { value }) };
}

/**
 * The questions an extension has open. The first valid answer wins; a time-out, an abort signal or the session's end
 * closes the rest. Every opening and every closing is an event.
 */
export class Dialogs {
  readonly #open = new Map<string, OpenDialog>();
  readonly #closed = new Set<string>();
  readonly #lasting = new BoundedMap<string, DialogFields>(MAX_LASTING);
  /** What kind each open prompt is. */
  readonly #kinds = new Map<string, GuestPromptKind>();
  #refusing = 0;

  constructor(
    private readonly emit: (event: EventOf<'dialog_opened'> | EventOf<'dialog_resolved'>) => void,
    private readonly clock: CoalesceClock,
  ) {}

  /** How many dialogs wait for an answer. */
  get size(): number {
    return [...this.#open.values()].filter(({ opened }) => opened !== undefined).length;
  }

  /** Asks; the result is the answer, or undefined when nobody gave one. Never rejects. */
  ask(request: DialogRequest, limits: DialogLimits = {}): Promise<DialogValue> {
    return this.open(request, limits)?.answer ?? Promise.resolve(undefined);
  }

  /** As `ask`, with the id to answer it by; undefined when nothing may open now. */
  open(request: DialogRequest, limits: DialogLimits = {}): OpenedDialog | undefined {
    if (this.#refusing > 0 || limits.signal?.aborted === true) return undefined;
    const dialogId = newId('d');
    return { dialogId, answer: this.#begin(dialogId, request, limits) };
  }

  #begin(dialogId: string, request: DialogRequest, limits: DialogLimits): Promise<DialogValue> {
    return new Promise((resolve) => {
      const { signal, timeout, promptId } = limits;
      const onAbort = () => this.#open.get(dialogId)?.close('cancelled', undefined, SYSTEM);
      const stopTimer =
        timeout !== undefined && timeout > 0
          ? this.clock.after(timeout, () => this.#open.get(dialogId)?.close('timed_out', undefined, SYSTEM))
          : () => undefined;
      signal?.addEventListener('abort', onAbort, { once: true });
      const close = (outcome: Outcome, value: unknown, by: Author) => {
        if (!this.#open.delete(dialogId)) return;
        stopTimer();
        signal?.removeEventListener('abort', onAbort);
        this.#remember(dialogId);
        this.emit(resolved(this.clock.now(), dialogId, outcome, value, by));
        resolve(value as DialogValue);
      };
      const at = this.clock.now();
      const expires = timeout !== undefined && timeout > 0 ? { expiresAt: at + timeout } : {};
      const prompt = promptId === undefined ? {} : { promptId };
      const opened = { type: 'dialog_opened', at, dialogId, ...request, ...expires, ...prompt } as const;
      this.#open.set(dialogId, {
        accepts: (value) => accepts(request, value),
        close,
        opened,
        promptId,
        isApart: false,
      });
      this.emit(opened);
    });
  }

  /**
   * Lets a prompt that an event of its own has announced be answered by its id, as a dialog is. Resolves with the first
   * value that `fits`, or with undefined when it is closed: by a person, by `signal`, by an abort or the session's end.
   * What a person said is an event, so that everybody sees who it was. `kind` says who may answer it, and its steps.
   */
  expect(id: string, fits: (value: unknown) => boolean, signal: AbortSignal, kind: GuestPromptKind): Promise<unknown> {
    if (this.#refusing > 0 || signal.aborted) return Promise.resolve(undefined);
    this.#kinds.set(id, kind);
    return this.#expect(id, fits, signal, false);
  }

  /**
   * As `expect`, for a prompt that no guest may answer and that the agent does not wait for: the stop of a run does not
   * close it.
   */
  expectOwner(id: string, fits: (value: unknown) => boolean, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) return Promise.resolve(undefined);
    return this.#expect(id, fits, signal, true);
  }

  #expect(id: string, fits: (value: unknown) => boolean, signal: AbortSignal, isApart: boolean): Promise<unknown> {
    return new Promise((resolve) => {
      const onAbort = () => this.#open.get(id)?.close('cancelled', undefined, SYSTEM);
      const close = (outcome: Outcome, value: unknown, by: Author) => {
        if (!this.#open.delete(id)) return;
        this.#kinds.delete(id);
        signal.removeEventListener('abort', onAbort);
        this.#remember(id);
        if (by !== SYSTEM) this.emit(resolved(this.clock.now(), id, outcome, value, by));
        resolve(value);
      };
      this.#open.set(id, { accepts: fits, close, opened: undefined, promptId: id, isApart });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Shows something that asks for no answer. */
  tell(fields: DialogFields): void {
    const slot = `${fields.method} ${fields.key ?? ''}`;
    this.#lasting.delete(slot);
    if (LASTING.includes(fields.method) && fields.title !== '') this.#lasting.set(slot, fields);
    this.emit({ type: 'dialog_opened', at: this.clock.now(), dialogId: newId('d'), ...fields });
  }

  /** Tells again what is open and in sight, to a log that begins in the middle of it. */
  repeat(): void {
    for (const fields of [...this.#lasting.values()]) this.tell(fields);
    for (const { opened } of this.#open.values()) if (opened !== undefined) this.emit(opened);
  }

  /**
   * Answers a dialog: `resolved` for the first valid answer, `late` when it is already closed, `invalid` (and still
   * open) when the value does not fit, `unknown` when there never was one with this id. Null (and `undefined`) is the
   * person closing it unanswered, which all allow. A guest answers what their link lets them.
   */
  answer(dialogId: string, value: unknown, by: Author): DialogAnswerOutcome {
    const dialog = this.#open.get(dialogId);
    if (dialog === undefined) return this.#closed.has(dialogId) ? 'late' : 'unknown';
    if (isGuest(by)) {
      const forbidden = guestAnswer(this.kindOf(dialogId), rightOf(by), stepOf(dialog), value);
      if (forbidden !== undefined) return { forbidden };
    }
    const isDismissed = value === null || value === undefined;
    if (!isDismissed && !dialog.accepts(value)) return 'invalid';
    if (isDismissed) dialog.close('cancelled', undefined, by);
    else dialog.close('answered', value, by);
    return 'resolved';
  }

  /** Of what an open dialog is, or is a step of; undefined for one of another extension. */
  kindOf(dialogId: string): GuestPromptKind | undefined {
    return this.#kinds.get(this.#open.get(dialogId)?.promptId ?? '');
  }

  /** Closes every dialog unanswered that the agent waits for. */
  settleAll(): void {
    for (const dialog of [...this.#open.values()]) if (!dialog.isApart) dialog.close('settled', undefined, SYSTEM);
  }

  /** Settles what is open and lets nothing open until the result is called: an abort waits for whoever asks. */
  refuse(): () => void {
    this.#refusing++;
    this.settleAll();
    let released = false;
    return () => {
      if (!released) this.#refusing--;
      released = true;
    };
  }

  #remember(dialogId: string): void {
    this.#closed.add(dialogId);
    if (this.#closed.size > MAX_CLOSED_DIALOGS) this.#closed.delete(this.#closed.values().next().value!);
  }
}
