import { PubHeaders } from '@nats-io/jetstream';
import {
  CodedError,
  CONTENT_TYPE,
  encode,
  eventMessageId,
  HEADER,
  MAX_EVENT_BYTES,
  subjects,
  type LastEvent,
  type SessionEvent,
  type TraceContext,
  type UnknownEvent,
  type UnnumberedDelta,
} from '@pizzapi/protocol';
import { RetryDelay } from './retryDelay.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { lastOnSubject } from './lastEvent.js';
import { writeHeaders } from './message.js';
import { prepareSpool } from './resume.js';
import { isFull, type PublishOutcome } from './publisher.js';
import {
  lateWriter,
  type AppendOutcome,
  type SessionWriter,
  type SpoolState,
  type WriterOptions,
} from './sessionWriter.js';
import type { Spool, SpoolEntry } from './spool.js';
import { storedIdsAfter } from './storedIds.js';

/** What may wait on disk for one session, in bytes. */
export const MAX_SPOOL_BYTES = 64 * 1024 * 1024;
/** Tries of one append against a log that says somebody else wrote, before pausing. */
const CONFLICT_TRIES = 5;

/**
 * Opens the writer of a session over what an earlier one left on disk. Events of an earlier epoch that are not in the
 * log yet are appended first, after a `session_resumed`; telling which needs the backbone, so that the promise waits
 * for it. With nothing left over by the same epoch it resolves at once and begins by spooling where it must.
 */
export async function openWriter(b: Backbone, options: WriterOptions): Promise<SessionWriter> {
  const connection = internals(b);
  const ready = await prepareSpool(connection, options.maxSpoolBytes ?? MAX_SPOOL_BYTES, options);
  return ready.kind === 'late' ? lateWriter(options, ready.fencedBy) : new OpenWriter(connection, options, ready.spool);
}

type Sent =
  | { kind: 'stored' | 'already'; seq: number }
  | { kind: 'fenced'; epoch: number }
  | { kind: 'unavailable'; reason: string };
type Standing = { kind: 'free' } | Extract<Sent, { kind: 'already' | 'stored' | 'fenced' }>;

class OpenWriter implements SessionWriter {
  readonly sid: string;
  readonly epoch: number;
  private readonly subject: string;
  private readonly deltaSubject: string;
  private fencedBy: number | undefined;
  private readonly fenceListeners: ((epoch: number) => void)[] = [];
  private readonly spoolListeners: ((state: SpoolState) => void)[] = [];
  private readonly closing = new AbortController();
  private closed = false;
  private idle: (() => void)[] = [];
  /** The last offset on the session's subject; undefined while it has to be asked for. */
  private last: number | undefined;
  private n: number;
  // Beyond any number an earlier writer gave, at fewer than one piece a millisecond: a viewer sees a hole and asks.
  private delta = Date.now();
  private offline = false;
  private full = false;
  /** Whether a caller may wait for an event that the spool holds. */
  private someWait = false;
  /** An event is on its way, and `returned` is told of its answer. */
  private inHand = false;
  private returned: (() => void) | undefined;
  private draining: Promise<void> | undefined;

  constructor(
    private readonly connection: BackboneConnection,
    private readonly options: WriterOptions,
    private readonly file: Spool,
  ) {
    this.sid = options.sid;
    this.epoch = options.epoch;
    this.subject = subjects.sessionEvents(options.sid);
    this.deltaSubject = subjects.sessionDeltas(options.sid);
    this.n = file.lastN;
    this.offline = file.entries.length > 0;
    if (this.offline) this.pump();
  }

  append(event: SessionEvent | UnknownEvent, trace?: TraceContext): Promise<AppendOutcome> {
    return new Promise((resolve, reject) => this.accept(event, trace, resolve, reject));
  }

  publishDelta(delta: UnnumberedDelta): number {
    const n = ++this.delta;
    if (this.connection.status() === 'connected' && !this.closed) {
      this.connection.nc.publish(this.deltaSubject, encode({ ...delta, n }));
    }
    return n;
  }

  deltaN(): number {
    return this.delta;
  }

  spool(): SpoolState {
    return { events: this.file.entries.length, bytes: this.file.bytes, full: this.full };
  }

  onFenced(fn: (epoch: number) => void): void {
    this.fenceListeners.push(fn);
    if (this.fencedBy !== undefined) fn(this.fencedBy);
  }

  onSpool(fn: (state: SpoolState) => void): void {
    this.spoolListeners.push(fn);
  }

  async settled(): Promise<void> {
    if (this.over() || this.file.entries.length === 0) return;
    await new Promise<void>((resolve) => this.idle.push(resolve));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.closing.abort();
    if (this.inHand) await new Promise<void>((resolve) => (this.returned = resolve));
    await this.draining;
    await this.file.sync();
    this.leaveToDisk();
    await this.file.close();
    this.becomeIdle();
  }

  async discard(): Promise<void> {
    await this.close();
    this.file.remove();
  }

  private over(): boolean {
    return this.fencedBy !== undefined || this.closed;
  }

  private accept(
    event: SessionEvent | UnknownEvent,
    trace: TraceContext | undefined,
    resolve: (outcome: AppendOutcome) => void,
    reject: (error: unknown) => void,
  ): void {
    if (this.closed) throw new Error(`The writer of session ${this.sid} is closed`);
    const payload = encode(event);
    if (payload.byteLength > MAX_EVENT_BYTES) {
      throw new CodedError(
        'body_too_large',
        `The event ${event.type} has ${payload.byteLength} bytes, allowed are ${MAX_EVENT_BYTES}`,
      );
    }
    if (!this.file.hasRoomFor(payload.byteLength)) {
      this.setFull(true);
      return resolve({ kind: 'spool_full' });
    }
    const n = ++this.n;
    const entry = this.file.push(n, event.type, payload);
    entry.trace = trace;
    if (this.fencedBy !== undefined) return resolve({ kind: 'fenced', epoch: this.fencedBy });
    if (!this.offline && this.connection.status() !== 'connected') this.goOffline('disconnected');
    if (this.offline) {
      entry.payload = undefined;
      this.file.sync().then(() => {
        this.tellSpool();
        resolve({ kind: 'spooled', n });
      }, reject);
    } else {
      entry.waiter = resolve;
      this.someWait = true;
    }
    this.pump();
  }

  /** Sends what waits, one event at a time: a cluster refuses a second one while the first is in hand. */
  private pump(): void {
    const entry = this.file.entries[0];
    if (entry === undefined || this.inHand || this.draining !== undefined || this.over()) return;
    if (this.offline || this.last === undefined) return this.startDrain();
    // The way of nearly every event: no promise but the caller's.
    this.inHand = true;
    this.submit(entry, (outcome) => {
      this.inHand = false;
      this.returned?.();
      if (outcome.kind === 'stored' && !outcome.duplicate) {
        this.last = outcome.seq;
        this.acknowledge(entry, 'appended', outcome.seq);
        if (this.file.entries.length === 0) this.becomeIdle();
        else this.pump();
      } else {
        if (outcome.kind !== 'unavailable') this.last = undefined;
        this.startDrain(outcome.kind === 'unavailable' ? outcome : undefined);
      }
    });
  }

  private startDrain(first?: Sent): void {
    if (this.over()) return;
    this.draining = this.drain(first).finally(() => {
      this.draining = undefined;
      this.pump();
    });
  }

  /** Sends what waits while something stands in the way; `first` became of the first attempt. */
  private async drain(first: Sent | undefined): Promise<void> {
    const retry = new RetryDelay();
    const { signal } = this.closing;
    for (let entry = this.file.entries[0]; entry !== undefined && !this.over(); entry = this.file.entries[0]) {
      const sent = first ?? (await this.send(entry));
      first = undefined;
      if (sent.kind === 'fenced') return this.fence(sent.epoch);
      if (sent.kind === 'unavailable') {
        this.goOffline(sent.reason);
        await this.file.sync();
        this.leaveToDisk();
        await this.connection.connected(signal);
        await retry.wait(signal);
        continue;
      }
      retry.reset();
      this.acknowledge(entry, sent.kind === 'stored' ? 'appended' : 'duplicate', sent.seq);
    }
    if (this.file.entries.length > 0) return;
    const returned = this.offline;
    this.offline = false;
    if (returned) this.tellSpool();
    this.becomeIdle();
  }

  /** The first event that waits is in the log. */
  private acknowledge({ n, waiter }: SpoolEntry, kind: 'appended' | 'duplicate', seq: number): void {
    this.file.acknowledge(seq);
    if (kind === 'appended') this.connection.counters.eventsAppended++;
    waiter?.({ kind, seq, n });
    if (this.full && this.file.bytes < this.file.maxBytes / 2) this.setFull(false);
  }

  private async send(entry: SpoolEntry): Promise<Sent> {
    const id = eventMessageId(this.sid, this.epoch, entry.n);
    let sentAs = id;
    const retry = new RetryDelay();
    for (let attempt = 0; attempt < CONFLICT_TRIES; attempt++) {
      if (this.last === undefined) {
        const standing = await this.standing(entry, id);
        if (standing.kind !== 'free') return standing;
      }
      const outcome = await new Promise<PublishOutcome>((resolve) => this.submit(entry, resolve, sentAs));
      if (outcome.kind === 'unavailable') return outcome;
      if (outcome.kind === 'stored') {
        this.last = outcome.seq;
        if (!outcome.duplicate) return { kind: 'stored', seq: outcome.seq };
        if (await this.isInLog(id)) return { kind: 'already', seq: outcome.seq };
        sentAs = `${id}.${crypto.randomUUID()}`;
      }
      this.last = undefined;
      if (attempt > 0) await retry.wait();
    }
    return { kind: 'unavailable', reason: 'the stream repeatedly refuses the expected offset' };
  }

  /**
   * Whether this session's log holds an event. The server remembers message ids for the whole stream: somebody else may
   * have used one of ours, and the server would take ours for a copy of theirs.
   */
  private async isInLog(id: string): Promise<boolean> {
    const { sid, signal, storedIds } = this.options;
    const after = this.file.ackedSeq;
    if (storedIds !== undefined) return (await storedIds(after)).includes(id);
    const { ids } = await storedIdsAfter(this.connection, sid, after, signal === undefined ? {} : { signal });
    return ids.includes(id);
  }

  private submit(
    entry: SpoolEntry,
    resolve: (outcome: PublishOutcome) => void,
    id = eventMessageId(this.sid, this.epoch, entry.n),
  ): void {
    const headers = writeHeaders(
      [
        [HEADER.msgId, id],
        [PubHeaders.ExpectedLastSubjectSequenceHdr, this.last ?? 0],
        [HEADER.type, entry.type],
        [HEADER.epoch, this.epoch],
        [HEADER.n, entry.n],
        [HEADER.contentType, CONTENT_TYPE],
      ],
      entry.trace,
    );
    this.connection.publisher.submit({
      subject: this.subject,
      payload: this.file.payloadOf(entry),
      headers,
      resolve,
      since: 0,
    });
  }

  /** What the last event of the session says about one of ours: it is in the log, it never will be, or it is next. */
  private async standing(entry: SpoolEntry, id: string): Promise<Standing | { kind: 'unavailable'; reason: string }> {
    const got = await lastOnSubject(this.connection, this.sid);
    if (got.kind === 'unavailable') return { kind: 'unavailable', reason: 'the stream does not answer' };
    if (got.kind === 'none') {
      this.last = 0;
      return { kind: 'free' };
    }
    return this.judge(got.message, entry, id);
  }

  private judge(last: LastEvent, entry: SpoolEntry, id: string): Standing {
    const { epoch, n, msgId, seq } = last;
    if (epoch > this.epoch) return { kind: 'fenced', epoch };
    this.last = seq;
    if (msgId === id) return { kind: 'stored', seq };
    // Of our own epoch and later: this one was stored by the process that ran before us.
    return epoch === this.epoch && n >= entry.n ? { kind: 'already', seq } : { kind: 'free' };
  }

  private fence(epoch: number): void {
    this.fencedBy = epoch;
    this.options.log?.warn({ sid: this.sid, epoch: this.epoch, by: epoch }, 'session is fenced: a newer epoch owns it');
    this.answerAll(() => ({ kind: 'fenced', epoch }));
    for (const listener of this.fenceListeners) listener(epoch);
    this.becomeIdle();
  }

  private goOffline(reason: string): void {
    if (this.offline) return;
    this.offline = true;
    this.file.releaseMemory();
    const what = isFull({ kind: 'unavailable', reason }) ? 'the stream is full' : 'nats-server cannot be reached';
    this.options.log?.warn({ sid: this.sid, reason }, `${what}; events are spooled`);
  }

  /** Whoever waits for an acknowledgement learns that the event is on disk. */
  private leaveToDisk(): void {
    if (this.answerAll((n) => ({ kind: 'spooled', n }))) this.tellSpool();
  }

  /** Answers every caller that waits; false when there was none. */
  private answerAll(outcomeOf: (n: number) => AppendOutcome): boolean {
    if (!this.someWait) return false;
    this.someWait = false;
    let answered = false;
    for (const entry of this.file.entries) {
      const { waiter } = entry;
      if (waiter === undefined) continue;
      entry.waiter = undefined;
      answered = true;
      waiter(outcomeOf(entry.n));
    }
    return answered;
  }

  private setFull(full: boolean): void {
    if (this.full === full) return;
    this.full = full;
    this.tellSpool();
  }

  private tellSpool(): void {
    const state = this.spool();
    for (const listener of this.spoolListeners) listener(state);
  }

  private becomeIdle(): void {
    const waiting = this.idle;
    this.idle = [];
    for (const resolve of waiting) resolve();
  }
}
