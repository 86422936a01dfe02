import type { MsgHdrs } from '@nats-io/nats-core';
import { headerText, payloadOf, statusOf } from './message.js';
import type { Mux } from './mux.js';

/** Acknowledgements awaited at once by one connection; further publishes wait their turn. */
export const MAX_IN_FLIGHT = 1_024;
/** Up to so many in flight, each message is written to the socket at once. */
const WRITE_AT_ONCE = 8;
/** How long an acknowledgement may take, in ms. */
export const ACK_TIMEOUT_MS = 5_000;

/** The server's codes for "the last message of the subject is not the one you said": one server, and a cluster. */
export const WRONG_LAST = [10071, 10164];

/** What became of a message sent to a stream. */
export type PublishOutcome =
  | { kind: 'stored'; seq: number; duplicate: boolean }
  /** Somebody wrote to the subject in between, or the server still has an earlier write of it in hand. */
  | { kind: 'conflict' }
  /** No connection, no leader, no room or no answer in time. `isUncertain`: the server may have stored the message. */
  | { kind: 'unavailable'; reason: string; isUncertain?: boolean };

/** Whether a message was refused because its stream may not grow: trying again does not help before there is room. */
export const isFull = (outcome: { kind: 'unavailable'; reason: string }): boolean =>
  outcome.reason.includes('maximum bytes exceeded');

interface Ack {
  seq?: number;
  duplicate?: boolean;
  error?: { code: number; err_code?: number; description?: string };
}

/** What a publisher needs of its connection. */
interface Link {
  readonly mux: Mux;
  status(): string;
}

/** A message on its way to a stream. */
export interface PublishJob {
  subject: string;
  payload: Uint8Array;
  headers: MsgHdrs;
  resolve: (outcome: PublishOutcome) => void;
}

const OUT_OF_REACH: PublishOutcome = { kind: 'unavailable', reason: 'disconnected' };
const NO_ANSWER: PublishOutcome = { kind: 'unavailable', reason: 'no answer', isUncertain: true };
const CUT_OFF: PublishOutcome = { kind: 'unavailable', reason: 'disconnected', isUncertain: true };

/**
 * Sends messages to streams, many in flight, through the connection's own inbox. While few are in flight a message is
 * written at once; above that, those of one turn of the event loop are written together, because a write to the socket
 * costs more than everything else about a message.
 */
export class Publisher {
  private inFlight = 0;
  private waiting: PublishJob[] = [];
  private waitingFrom = 0;
  private together: PublishJob[] = [];

  constructor(private readonly connection: Link) {}

  /** Sends one message and says what became of it. Sending again with the same message id is safe. */
  publish(subject: string, payload: Uint8Array, headers: MsgHdrs): Promise<PublishOutcome> {
    return new Promise((resolve) => this.submit({ subject, payload, headers, resolve }));
  }

  /** `publish` without a promise, for the hot path. `resolve` is never called before this returns. */
  submit(job: PublishJob): void {
    if (this.inFlight >= MAX_IN_FLIGHT) this.waiting.push(job);
    else this.start(job);
  }

  private start(job: PublishJob): void {
    if (++this.inFlight <= WRITE_AT_ONCE) return this.send(job);
    if (this.together.push(job) === 1) setImmediate(() => this.sendTogether());
  }

  private sendTogether(): void {
    const jobs = this.together;
    this.together = [];
    for (const job of jobs) this.send(job);
  }

  private send(job: PublishJob): void {
    const { connection } = this;
    if (connection.status() !== 'connected') return queueMicrotask(() => this.settle(job, OUT_OF_REACH));
    const token = connection.mux.request(job.subject, job.payload, job.headers, ACK_TIMEOUT_MS, (reply) => {
      connection.mux.done(token);
      if (reply === undefined) this.settle(job, connection.status() === 'connected' ? NO_ANSWER : CUT_OFF);
      else if (statusOf(headerText(reply)) !== 0)
        this.settle(job, { kind: 'unavailable', reason: 'no stream listens' });
      else this.settle(job, readAck(payloadOf(reply)));
    });
  }

  private settle(job: PublishJob, outcome: PublishOutcome): void {
    this.inFlight--;
    job.resolve(outcome);
    const next = this.waiting[this.waitingFrom];
    if (next === undefined) return;
    if (++this.waitingFrom === this.waiting.length) {
      this.waiting = [];
      this.waitingFrom = 0;
    }
    // Not from within: when the connection is gone, every one of them ends here at once.
    queueMicrotask(() => this.start(next));
  }
}

function readAck(bytes: Uint8Array): PublishOutcome {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const ack = JSON.parse(text) as Ack;
  if (ack.error === undefined) return { kind: 'stored', seq: ack.seq ?? 0, duplicate: ack.duplicate === true };
  if (WRONG_LAST.includes(ack.error.err_code ?? 0)) return { kind: 'conflict' };
  return {
    kind: 'unavailable',
    reason: `${ack.error.err_code ?? ack.error.code} ${ack.error.description ?? ''}`.trim(),
  };
}
