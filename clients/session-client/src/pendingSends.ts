import { errorInfo, newId, type ErrorInfo } from '@pizzapi/protocol';
import type { ConnectionClock } from './connection.js';

/**
 * What became of something that was sent. `unknown`: the connection broke between sending and the answer, so that it
 * may or may not have been taken; it is never sent twice by itself, for a command must happen at most once. The log
 * shows whether it happened, and a person decides whether to send again.
 */
export type SendOutcome =
  { kind: 'accepted'; commandId: string } | { kind: 'refused'; error: ErrorInfo } | { kind: 'unknown' };

/** Frames that wait for a connection or an answer, at most. */
export const MAX_PENDING_SENDS = 64;

/** How long an answer may take on a connection that holds, in ms: the gateway answers within 2 s. */
export const ACK_TIMEOUT_MS = 15_000;

interface Pending {
  frame: object;
  resolve(outcome: SendOutcome): void;
  /** Undefined until it has been sent. */
  timer?: unknown;
  sent: boolean;
  doubtful: boolean;
}

/** Frames on their way: what was never sent waits for the next connection, what was sent waits for its answer. */
export class PendingSends {
  readonly #pending = new Map<string, Pending>();
  readonly #send: (frame: object) => boolean;
  readonly #clock: ConnectionClock;
  #closed: ErrorInfo | undefined;

  constructor(send: (frame: object) => boolean, clock: ConnectionClock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** Sends a frame now, or as soon as there is a connection. */
  submit(frame: object): Promise<SendOutcome> {
    if (this.#closed !== undefined) return Promise.resolve({ kind: 'refused', error: this.#closed });
    if (this.#pending.size >= MAX_PENDING_SENDS) {
      const error = errorInfo('too_many_requests', `${MAX_PENDING_SENDS} messages wait to be sent`);
      return Promise.resolve({ kind: 'refused', error });
    }
    const ref = newId('cmd');
    return new Promise((resolve) => {
      this.#pending.set(ref, { frame: { ...frame, ref }, resolve, sent: false, doubtful: false });
      this.flush();
    });
  }

  /** Sends what has never been sent, in order. */
  flush(): void {
    for (const [ref, pending] of this.#pending) {
      if (pending.sent) continue;
      if (!this.#send(pending.frame)) return;
      pending.sent = true;
      pending.timer = this.#clock.setTimeout(() => this.#settle(ref, { kind: 'unknown' }), ACK_TIMEOUT_MS);
    }
  }

  answered(ref: string, outcome: SendOutcome): void {
    this.#settle(ref, outcome);
  }

  /** The log shows this command. A gateway that names commands by our `ref` settles a doubt with it. */
  seen(commandId: string): void {
    if (this.#pending.size > 0) this.#settle(commandId, { kind: 'accepted', commandId });
  }

  /** The connection broke: no answer will come to what was sent on it. */
  broken(): void {
    for (const pending of this.#pending.values()) pending.doubtful = pending.sent;
  }

  /** The log has been read up to now: what it does not show stays unknown. */
  caughtUp(): void {
    for (const [ref, pending] of this.#pending) if (pending.doubtful) this.#settle(ref, { kind: 'unknown' });
  }

  /** Nothing will be sent any more. */
  close(error: ErrorInfo): void {
    this.#closed = error;
    for (const [ref, { sent }] of this.#pending)
      this.#settle(ref, sent ? { kind: 'unknown' } : { kind: 'refused', error });
  }

  #settle(ref: string, outcome: SendOutcome): void {
    const pending = this.#pending.get(ref);
    if (pending === undefined) return;
    this.#pending.delete(ref);
    if (pending.timer !== undefined) this.#clock.clearTimeout(pending.timer);
    pending.resolve(outcome);
  }
}
