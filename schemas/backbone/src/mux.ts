import type { Msg, MsgHdrs, NatsConnection, Subscription } from '@nats-io/nats-core';
import { createInbox } from '@nats-io/nats-core';
import { subjectOf } from './message.js';

/** How often unanswered requests are looked through, in ms: time-outs are this much late at most. */
const SWEEP_MS = 250;

/** A reply, or undefined when there will be none: the time is up or the connection broke. */
export type ReplyHandler = (msg: Msg | undefined) => void;

interface Pending {
  handler: ReplyHandler;
  deadline: number;
  nextMs: number;
}

/**
 * Requests and their replies over one wildcard inbox. The client's own request builds three Error objects per call,
 * for traces nobody reads; this costs a map entry.
 */
export class Mux {
  private readonly prefix: string;
  private readonly pending = new Map<string, Pending>();
  private readonly sub: Subscription;
  private readonly sweeper: NodeJS.Timeout;
  private next = 0;

  constructor(
    private readonly nc: NatsConnection,
    inboxPrefix: string | undefined,
  ) {
    this.prefix = `${createInbox(inboxPrefix)}.`;
    this.sub = nc.subscribe(`${this.prefix}*`, { callback: (_err, msg) => this.receive(msg) });
    this.sweeper = setInterval(() => this.sweepAfterReading(), SWEEP_MS);
    this.sweeper.unref();
  }

  /**
   * Publishes to `subject` with a reply address. The handler is called for every reply until `done(token)`, each reply
   * granting `nextMs` for one more, and at last with undefined when the time is up.
   */
  request(
    subject: string,
    payload: Uint8Array | string,
    headers: MsgHdrs | undefined,
    timeoutMs: number,
    handler: ReplyHandler,
    nextMs = timeoutMs,
  ): string {
    const token = (this.next++).toString(36);
    this.pending.set(token, { handler, deadline: Date.now() + timeoutMs, nextMs });
    try {
      this.nc.publish(
        subject,
        payload,
        headers === undefined ? { reply: this.prefix + token } : { reply: this.prefix + token, headers },
      );
    } catch (error) {
      this.pending.delete(token);
      throw error;
    }
    return token;
  }

  /** No more replies are wanted. */
  done(token: string): void {
    this.pending.delete(token);
  }

  /** The connection broke: nothing that is open will be answered. */
  failAll(): void {
    const all = [...this.pending.values()];
    this.pending.clear();
    for (const { handler } of all) handler(undefined);
  }

  close(): void {
    clearInterval(this.sweeper);
    if (!this.nc.isClosed()) this.sub.unsubscribe();
    this.failAll();
  }

  private receive(msg: Msg): void {
    if (msg.data === undefined) return;
    const entry = this.pending.get(subjectOf(msg).slice(this.prefix.length));
    if (entry === undefined) return;
    entry.deadline = Date.now() + entry.nextMs;
    entry.handler(msg);
  }

  /**
   * After a standstill (a laptop that slept, a machine that was too busy) timers run before the sockets are read: what
   * has come meanwhile is heard first.
   */
  private sweepAfterReading(): void {
    setImmediate(() => this.sweep());
  }

  private sweep(): void {
    const now = Date.now();
    for (const [token, { deadline, handler }] of this.pending) {
      if (deadline > now) continue;
      this.pending.delete(token);
      handler(undefined);
    }
  }
}
