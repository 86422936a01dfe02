import { PubHeaders } from '@nats-io/jetstream';
import {
  CodedError,
  CONTENT_TYPE,
  encode,
  eventMessageId,
  HEADER,
  MAX_EVENT_BYTES,
  subjects,
  type SessionEvent,
  type UnknownEvent,
  type UnnumberedDelta,
} from '@pizzapi/protocol';
import { Retry } from './backoff.js';
import { inside, type Backbone, type Connection } from './connection.js';
import { lastOf } from './direct.js';
import { writeHeaders, type StoredMessage } from './message.js';
import { prepareSpool } from './resume.js';
import type { Logger } from '@pizzapi/process';
import type { Spool, SpoolEntry } from './spool.js';
import { streamOf } from './streams.js';

/** What may wait on disk for one session, in bytes. */
export const MAX_SPOOL_BYTES = 64 * 1024 * 1024;
/** Tries of one append against a log that says somebody else wrote, before pausing. */
const CONFLICT_TRIES = 5;

export interface WriterOptions {
  sid: string;
  /** From `claimSession`. */
  epoch: number;
  /** A folder of this host's own. The file of a session in it is named by its id. */
  spoolDir: string;
  maxSpoolBytes?: number;
  log?: Logger;
  /** Ends the wait for a backbone that is needed to open the spool of an earlier epoch. */
  signal?: AbortSignal;
}

/** What became of an event. All but `spool_full` mean: it is in the log, or it is on disk and will be appended. */
export type AppendOutcome =
  | { kind: 'appended'; seq: number; n: number }
  /** An earlier attempt had stored it. */
  | { kind: 'duplicate'; seq: number; n: number }
  /**
   * A writer of a higher epoch owns the session. The event waits on disk for a writer with a newer grant, unless this
   * one came too late from the start: then the disk holds what the newer one left.
   */
  | { kind: 'fenced'; epoch: number }
  /** On disk, in order, and appended by itself once the backbone answers. */
  | { kind: 'spooled'; n: number }
  /** Not accepted: append it again when `onSpool` says there is room. */
  | { kind: 'spool_full' };

export interface SpoolState {
  events: number;
  bytes: number;
  full: boolean;
}

/** The one writer of a session. */
export interface SessionWriter {
  readonly sid: string;
  readonly epoch: number;
  /** Appends in the order of the calls. */
  append(event: SessionEvent | UnknownEvent): Promise<AppendOutcome>;
  /** Numbers a piece and sends it to whoever listens; dropped when the backbone is out of reach. Returns its `n`. */
  publishDelta(delta: UnnumberedDelta): number;
  /** The number of the last piece. */
  deltaN(): number;
  spool(): SpoolState;
  onFenced(fn: (epoch: number) => void): void;
  onSpool(fn: (state: SpoolState) => void): void;
  /** Resolves when every event is in the log; also when the writer is fenced or closed, and nothing more will be sent. */
  settled(): Promise<void>;
  /** Stops. What is not in the log stays on disk for the next writer. */
  close(): Promise<void>;
  /** Stops and deletes what is not in the log: the session belongs to another host for good. */
  discard(): Promise<void>;
}

/**
 * Opens the writer of a session over what an earlier one left on disk. Events of an earlier epoch that are not in the
 * log yet are appended first, after a `session_resumed`; telling which needs the backbone, so that the promise waits
 * for it. With nothing left over by the same epoch it resolves at once and begins by spooling where it must.
 */
export async function openWriter(b: Backbone, options: WriterOptions): Promise<SessionWriter> {
  const connection = inside(b);
  const ready = await prepareSpool(connection, options.maxSpoolBytes ?? MAX_SPOOL_BYTES, options);
  return ready.kind === 'late' ? lateWriter(options, ready.fencedBy) : new OpenWriter(connection, options, ready.spool);
}

/** A writer that a newer one on the same host has replaced before it was opened. The spool is the newer one's. */
function lateWriter({ sid, epoch }: WriterOptions, by: number): SessionWriter {
  const over = (): Promise<void> => Promise.resolve();
  return {
    sid,
    epoch,
    append: () => Promise.resolve({ kind: 'fenced', epoch: by }),
    publishDelta: () => 0,
    deltaN: () => 0,
    spool: () => ({ events: 0, bytes: 0, full: false }),
    onFenced: (fn) => fn(by),
    onSpool: () => undefined,
    settled: over,
    close: over,
    discard: over,
  };
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
  private readonly waiters = new Map<number, (outcome: AppendOutcome) => void>();
  private readonly fenceListeners: ((epoch: number) => void)[] = [];
  private readonly spoolListeners: ((state: SpoolState) => void)[] = [];
  private readonly closing = new AbortController();
  private idle: (() => void)[] = [];
  /** The last offset on the session's subject; undefined while it has to be asked for. */
  private last: number | undefined;
  private n: number;
  // Beyond any number an earlier writer gave, at fewer than one piece a millisecond: a viewer sees a hole and asks.
  private delta = Date.now();
  private offline = false;
  private full = false;
  private pumping: Promise<void> | undefined;

  constructor(
    private readonly connection: Connection,
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

  async append(event: SessionEvent | UnknownEvent): Promise<AppendOutcome> {
    if (this.closing.signal.aborted) throw new Error(`The writer of session ${this.sid} is closed`);
    const payload = encode(event);
    if (payload.byteLength > MAX_EVENT_BYTES) {
      throw new CodedError(
        'body_too_large',
        `The event ${event.type} has ${payload.byteLength} bytes, allowed are ${MAX_EVENT_BYTES}`,
      );
    }
    if (!this.file.hasRoomFor(payload.byteLength)) {
      this.setFull(true);
      return { kind: 'spool_full' };
    }
    const n = ++this.n;
    const entry = this.file.push(n, event.type, payload);
    if (this.fencedBy !== undefined) return { kind: 'fenced', epoch: this.fencedBy };
    if (!this.offline && this.connection.status() !== 'connected') this.goOffline('disconnected');
    if (!this.offline) {
      return new Promise((resolve) => {
        this.waiters.set(n, resolve);
        this.pump();
      });
    }
    entry.payload = undefined;
    this.pump();
    await this.file.sync();
    this.tellSpool();
    return { kind: 'spooled', n };
  }

  publishDelta(delta: UnnumberedDelta): number {
    const n = ++this.delta;
    if (this.connection.status() === 'connected' && !this.closing.signal.aborted) {
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
    if (this.closing.signal.aborted) return;
    this.closing.abort();
    await this.pumping;
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
    return this.fencedBy !== undefined || this.closing.signal.aborted;
  }

  private pump(): void {
    if (this.pumping !== undefined || this.over()) return;
    this.pumping = this.drain().finally(() => {
      this.pumping = undefined;
      if (this.file.entries.length > 0) this.pump();
    });
  }

  /** Sends what waits, one event at a time: a cluster refuses a second one while the first is in hand. */
  private async drain(): Promise<void> {
    const retry = new Retry();
    const { signal } = this.closing;
    for (let entry = this.file.entries[0]; entry !== undefined && !this.over(); entry = this.file.entries[0]) {
      const sent = await this.send(entry);
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
      this.acknowledge(entry.n, sent.kind === 'stored' ? 'appended' : 'duplicate', sent.seq);
    }
    if (this.file.entries.length > 0) return;
    const returned = this.offline;
    this.offline = false;
    if (returned) this.tellSpool();
    this.becomeIdle();
  }

  private acknowledge(n: number, kind: 'appended' | 'duplicate', seq: number): void {
    this.file.acknowledge(seq);
    const waiter = this.waiters.get(n);
    this.waiters.delete(n);
    waiter?.({ kind, seq, n });
    if (this.full && this.file.bytes < this.file.maxBytes / 2) this.setFull(false);
  }

  private async send(entry: SpoolEntry): Promise<Sent> {
    const id = eventMessageId(this.sid, this.epoch, entry.n);
    const retry = new Retry();
    for (let attempt = 0; attempt < CONFLICT_TRIES; attempt++) {
      if (this.last === undefined) {
        const standing = await this.standing(entry, id);
        if (standing.kind !== 'free') return standing;
      }
      const outcome = await this.publish(entry, id);
      if (outcome.kind === 'unavailable') return outcome;
      if (outcome.kind === 'stored') {
        this.last = outcome.seq;
        return { kind: outcome.duplicate ? 'already' : 'stored', seq: outcome.seq };
      }
      this.last = undefined;
      if (attempt > 0) await retry.wait();
    }
    return { kind: 'unavailable', reason: 'the log keeps refusing the offset it names' };
  }

  private publish(entry: SpoolEntry, id: string): ReturnType<Connection['publisher']['publish']> {
    const headers = writeHeaders([
      [HEADER.msgId, id],
      [PubHeaders.ExpectedLastSubjectSequenceHdr, this.last ?? 0],
      [HEADER.type, entry.type],
      [HEADER.epoch, this.epoch],
      [HEADER.n, entry.n],
      [HEADER.contentType, CONTENT_TYPE],
    ]);
    return this.connection.publisher.publish(this.subject, this.file.payloadOf(entry), headers);
  }

  /** What the last event of the session says about one of ours: it is in the log, it never will be, or it is next. */
  private async standing(entry: SpoolEntry, id: string): Promise<Standing | { kind: 'unavailable'; reason: string }> {
    const got = await lastOf(this.connection, streamOf(this.sid), this.subject);
    if (got.kind === 'unavailable') return { kind: 'unavailable', reason: 'the log does not answer' };
    if (got.kind === 'none') {
      this.last = 0;
      return { kind: 'free' };
    }
    return this.judge(got.message, entry, id);
  }

  private judge(last: StoredMessage, entry: SpoolEntry, id: string): Standing {
    const { epoch, n, msgId, seq } = last;
    if (epoch > this.epoch) return { kind: 'fenced', epoch };
    this.last = seq;
    if (msgId === id) return { kind: 'stored', seq };
    // Of our own epoch and later: this one was stored by the process that ran before us.
    return epoch === this.epoch && n >= entry.n ? { kind: 'already', seq } : { kind: 'free' };
  }

  private fence(epoch: number): void {
    this.fencedBy = epoch;
    this.options.log?.warn({ sid: this.sid, epoch: this.epoch, by: epoch }, 'session is fenced: a newer host owns it');
    for (const waiter of this.waiters.values()) waiter({ kind: 'fenced', epoch });
    this.waiters.clear();
    for (const listener of this.fenceListeners) listener(epoch);
    this.becomeIdle();
  }

  private goOffline(reason: string): void {
    if (this.offline) return;
    this.offline = true;
    this.file.releaseMemory();
    this.options.log?.warn({ sid: this.sid, reason }, 'the backbone is out of reach; events are spooled');
  }

  /** Whoever waits for an acknowledgement learns that the event is on disk. */
  private leaveToDisk(): void {
    if (this.waiters.size === 0) return;
    for (const [n, waiter] of this.waiters) waiter({ kind: 'spooled', n });
    this.waiters.clear();
    this.tellSpool();
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
