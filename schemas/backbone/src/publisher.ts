import type { MsgHdrs } from '@nats-io/nats-core';
import {
  ACK_TIMEOUT_MS,
  answerOf,
  CUT_OFF,
  finalOutcome,
  NO_ANSWER,
  OUT_OF_REACH,
  type Link,
  type PublishJob,
  type PublishOutcome,
} from './publishAnswer.js';
import { Resender } from './resender.js';

export type { PublishOutcome } from './publishAnswer.js';

/** Acknowledgements awaited at once by one connection; further publishes wait their turn. */
export const MAX_IN_FLIGHT = 1_024;
/** Up to so many in flight, each message is written to the socket at once. */
const WRITE_AT_ONCE = 8;

/** Whether a message was refused because its stream may not grow: trying again does not help before there is room. */
export const isFull = (outcome: { kind: 'unavailable'; reason: string }): boolean =>
  outcome.reason.includes('maximum bytes exceeded');

/**
 * Sends messages to streams, many in flight, through the connection's own inbox. While few are in flight a message is
 * written at once; above that, those of one turn of the event loop are written together, because a write to the socket
 * costs more than everything else about a message. On a cluster a `Resender` sends them.
 */
export class Publisher {
  private inFlight = 0;
  private waiting: PublishJob[] = [];
  private waitingFrom = 0;
  private together: PublishJob[] = [];
  private readonly resender: Resender;

  constructor(private readonly connection: Link) {
    this.resender = new Resender(connection, (job, outcome) => this.settle(job, outcome));
  }

  /** Sends one message and says what became of it. Sending again with the same message id is safe. */
  publish(subject: string, payload: Uint8Array, headers: MsgHdrs): Promise<PublishOutcome> {
    return new Promise((resolve) => this.submit({ subject, payload, headers, resolve, since: 0 }));
  }

  /** `publish` without a promise, for the hot path. `resolve` is never called before this returns. */
  submit(job: PublishJob): void {
    job.since = performance.now();
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
    if (connection.isClustered) return this.resender.send(job);
    const token = connection.mux.request(job.subject, job.payload, job.headers, ACK_TIMEOUT_MS, (reply) => {
      connection.mux.done(token);
      if (reply !== undefined) this.settle(job, finalOutcome(answerOf(reply)));
      else this.settle(job, connection.status() === 'connected' ? NO_ANSWER : CUT_OFF);
    });
  }

  private settle(job: PublishJob, outcome: PublishOutcome): void {
    this.inFlight--;
    const { counters } = this.connection;
    if (outcome.kind === 'stored') counters.appends.observe((performance.now() - job.since) / 1_000);
    else counters.appendsFailed++;
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
