import { errorInfo, newId, newTraceContext, traceFields, type ErrorCode, type ErrorInfo } from '@pizzapi/protocol';
import type { ConnectionClock } from './connection.js';

/**
 * The outcome of an input or a command. `unknown`: it was sent, no answer came, and it is not sent again: it may still
 * be carried out. `commandId`: its id, where the gateway has named it.
 */
export type SendOutcome =
  | { kind: 'accepted'; commandId: string }
  | { kind: 'refused'; error: ErrorInfo }
  | { kind: 'unknown'; commandId?: string };

/** Frames that wait for a connection or an answer, at most. */
export const MAX_PENDING_SENDS = 64;

export const SEND_LIMITS = {
  /** An answer that is missing for so long is doubted: the connection is checked, and the person sees it, in ms. */
  doubtMs: 2_500,
  /** A frame without an answer is sent again after so long on a connection that holds, in ms. */
  answerMs: 15_000,
  /** The pause after an answer that means "not now" doubles from the first to the second, in ms. */
  pauseMs: 500,
  pauseMaxMs: 4_000,
  /** A frame is sent again for so long. Runners remember a command for 24 hours, in ms. */
  repeatMs: 12 * 60 * 60_000,
} as const;

/** Answers after which the same frame is sent again: the command is not carried out, or its key makes it run once. */
const NOT_NOW: readonly ErrorCode[] = ['unconfirmed', 'unavailable', 'draining'];

/** A frame with the sender's own id of the command. */
interface KeyedFrame {
  type: string;
  key?: string;
  [field: string]: unknown;
}

interface Pending {
  readonly frame: KeyedFrame;
  readonly resolve: (outcome: SendOutcome) => void;
  readonly since: number;
  state: 'waiting' | 'sent' | 'paused';
  /** It has been sent to a gateway that ignores keys: sending it again may carry it out twice. */
  isUnsafe: boolean;
  wasSent: boolean;
  isDoubted: boolean;
  pauses: number;
  commandId?: string;
  timers: unknown[];
}

export interface PendingSendsOptions {
  /** Sends a frame now; false when there is no connection. */
  send: (frame: object) => boolean;
  /** Whether the gateway of this connection reads keys. */
  hasKeys: () => boolean;
  /** Called when an answer is missing, and when the last missing answer has come. */
  onDoubt: () => void;
  clock: ConnectionClock;
}

/**
 * Inputs and commands on their way. A frame waits for the connection and for its answer. A frame without an answer is
 * sent again on the next connection, with the same key, so that it is carried out at most once.
 */
export class PendingSends {
  readonly #pending = new Map<string, Pending>();
  readonly #options: PendingSendsOptions;
  #closed: ErrorInfo | undefined;

  constructor(options: PendingSendsOptions) {
    this.#options = options;
  }

  /** Whether the answer to a frame is missing. */
  get isDoubtful(): boolean {
    return [...this.#pending.values()].some(({ isDoubted }) => isDoubted);
  }

  /**
   * Sends a frame now, or as soon as there is a connection. Without a `key` it gets a new one. A trace begins here, with
   * what a person has just done.
   */
  submit(frame: KeyedFrame): Promise<SendOutcome> {
    if (this.#closed !== undefined) return Promise.resolve({ kind: 'refused', error: this.#closed });
    if (this.#pending.size >= MAX_PENDING_SENDS) {
      const error = errorInfo('too_many_requests', `${MAX_PENDING_SENDS} messages wait to be sent`);
      return Promise.resolve({ kind: 'refused', error });
    }
    const ref = newId('cmd');
    return new Promise((resolve) => {
      this.#pending.set(ref, {
        frame: { key: ref, ...frame, ref, ...traceFields(newTraceContext()) },
        resolve,
        since: this.#options.clock.now(),
        state: 'waiting',
        isUnsafe: false,
        wasSent: false,
        isDoubted: false,
        pauses: 0,
        timers: [],
      });
      this.flush();
    });
  }

  /** Sends what waits, in order. */
  flush(): void {
    for (const [ref, pending] of this.#pending) {
      if (pending.state !== 'waiting') continue;
      if (pending.wasSent && !this.#mayRepeat(pending)) {
        this.#settle(ref, unknown(pending));
        continue;
      }
      if (!this.#options.send(pending.frame)) return;
      pending.isUnsafe ||= !this.#options.hasKeys();
      pending.wasSent = true;
      pending.state = 'sent';
      this.#after(pending, SEND_LIMITS.doubtMs, () => this.#doubt(pending));
      this.#after(pending, SEND_LIMITS.answerMs, () => this.#again(pending));
    }
  }

  accepted(ref: string, commandId: string): void {
    this.#settle(ref, { kind: 'accepted', commandId });
  }

  refused(ref: string, error: ErrorInfo): void {
    const pending = this.#pending.get(ref);
    if (pending === undefined) return;
    if (error.commandId !== undefined) pending.commandId = error.commandId;
    const isSafe = error.code !== 'unconfirmed' || this.#mayRepeat(pending);
    if (!NOT_NOW.includes(error.code)) return this.#settle(ref, { kind: 'refused', error });
    if (!isSafe) return this.#settle(ref, unknown(pending));
    this.#clear(pending);
    pending.state = 'paused';
    this.#doubt(pending);
    const pause = Math.min(SEND_LIMITS.pauseMaxMs, SEND_LIMITS.pauseMs * 2 ** Math.min(pending.pauses++, 8));
    this.#after(pending, pause, () => this.#again(pending));
  }

  /** The log shows this command. It settles a frame whose command the gateway has named. */
  seen(commandId: string): void {
    for (const [ref, pending] of this.#pending)
      if (pending.commandId === commandId) this.#settle(ref, { kind: 'accepted', commandId });
  }

  /** The connection broke: no answer will come to what was sent on it. It is sent again on the next one. */
  broken(): void {
    for (const pending of this.#pending.values()) {
      this.#clear(pending);
      pending.state = 'waiting';
    }
  }

  /** Nothing will be sent any more. */
  close(error: ErrorInfo): void {
    this.#closed = error;
    for (const [ref, pending] of this.#pending)
      this.#settle(ref, pending.wasSent ? unknown(pending) : { kind: 'refused', error });
  }

  #mayRepeat({ isUnsafe, since }: Pending): boolean {
    return !isUnsafe && this.#options.hasKeys() && this.#options.clock.now() - since < SEND_LIMITS.repeatMs;
  }

  #again(pending: Pending): void {
    this.#clear(pending);
    pending.state = 'waiting';
    this.flush();
  }

  #doubt(pending: Pending): void {
    if (pending.isDoubted) return;
    pending.isDoubted = true;
    this.#options.onDoubt();
  }

  #settle(ref: string, outcome: SendOutcome): void {
    const pending = this.#pending.get(ref);
    if (pending === undefined) return;
    this.#pending.delete(ref);
    this.#clear(pending);
    pending.resolve(outcome);
    if (pending.isDoubted && !this.isDoubtful) this.#options.onDoubt();
  }

  #after(pending: Pending, ms: number, work: () => void): void {
    pending.timers.push(this.#options.clock.setTimeout(work, ms));
  }

  #clear(pending: Pending): void {
    for (const timer of pending.timers.splice(0)) this.#options.clock.clearTimeout(timer);
  }
}

const unknown = ({ commandId }: Pending): SendOutcome => ({
  kind: 'unknown',
  ...(commandId === undefined ? {} : { commandId }),
});
