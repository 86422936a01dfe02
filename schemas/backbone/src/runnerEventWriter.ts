import { randomInt } from 'node:crypto';
import { retry, withTimeout, type Logger } from '@pizzapi/process';
import {
  CONTENT_TYPE,
  decode,
  encode,
  HEADER,
  isRunnerEvent,
  MAX_EVENT_BYTES,
  subjects,
  type RunnerEvent,
} from '@pizzapi/protocol';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { writeHeaders } from './message.js';
import { readSpool, replaceSpool, Spool, type SpoolEntry } from './spool.js';

/** What may wait on disk for one runner, in bytes. Half of it is for events that are no results of commands. */
export const MAX_RUNNER_SPOOL_BYTES = 8 * 1024 * 1024;

/** The pauses between attempts to publish one event, in ms. */
const PAUSES = { minMs: 100, maxMs: 2_000 };
/** How long `close` waits for the answer to an event that is being sent, in ms. */
const CLOSE_MS = 500;

export interface RunnerEventWriterOptions {
  rid: string;
  /** The spool file. One process has it at a time. */
  path: string;
  log: Logger;
  /** For tests. */
  maxBytes?: number;
}

/**
 * Opens the writer of a runner's own events over what an earlier process of the runner left on disk, which is sent
 * first. Never waits for the backbone.
 */
export function openRunnerEventWriter(b: Backbone, options: RunnerEventWriterOptions): RunnerEventWriter {
  const { path, maxBytes = MAX_RUNNER_SPOOL_BYTES } = options;
  const { header, records } = readSpool(path);
  // The number makes message ids that no other file of this runner has used.
  if (header === undefined) replaceSpool(path, { epoch: randomInt(2 ** 47), ackedN: 0, ackedSeq: 0 }, records);
  const leftover = records.map(({ payload }) => decode(payload)).filter(isRunnerEvent);
  // Every acknowledgement is recorded: a runner has few events, and must not publish one of them again much later.
  return new RunnerEventWriter(internals(b), options, Spool.open(path, maxBytes, 1), leftover);
}

/**
 * Writes the runner's own events, in order. An event is in the spool before it is sent, so that one that was appended
 * is published also when this process dies or stops: the next process of the same home sends it.
 */
export class RunnerEventWriter {
  private readonly subject: string;
  private n: number;
  /** Events that wait for their commit, by number. */
  private readonly uncommitted = new Set<number>();
  private isSending = false;
  private sending: Promise<void> = Promise.resolve();
  private readonly closing = new AbortController();
  private isClosed = false;

  constructor(
    private readonly connection: BackboneConnection,
    private readonly options: RunnerEventWriterOptions,
    private readonly file: Spool,
    /** The events that an earlier process left in the spool. */
    readonly leftover: readonly RunnerEvent[],
  ) {
    this.subject = subjects.runnerEvents(options.rid);
    this.n = file.lastN;
    this.send();
  }

  /**
   * Appends an event. True: it is on its way, also when this process dies. False: it is dropped, because the spool has
   * no room for it.
   */
  append(event: RunnerEvent): boolean {
    const isAppended = this.push(event, this.file.maxBytes / 2);
    if (isAppended) this.send();
    return isAppended;
  }

  /**
   * Appends the result of a command, makes it survive the death of the machine, calls `commit` and only then sends it.
   * The spool still holds what a process that dies before `commit` returns has appended. False: there was no room,
   * `commit` is not called.
   */
  async appendCommitted(event: RunnerEvent, commit: () => void): Promise<boolean> {
    if (!this.push(event, this.file.maxBytes)) return false;
    const { n } = this;
    this.uncommitted.add(n);
    try {
      await this.file.sync();
      commit();
    } finally {
      this.uncommitted.delete(n);
      this.send();
    }
    return true;
  }

  /** Waits until everything that can be sent is published, for at most `ms`. */
  async flushed(ms: number): Promise<void> {
    await withTimeout(this.sending, ms);
  }

  /** Stops. What is not published stays on disk for the next process. */
  async close(): Promise<void> {
    this.closing.abort();
    await withTimeout(this.sending, CLOSE_MS);
    this.isClosed = true;
    await this.file.close();
  }

  private push(event: RunnerEvent, maxBytes: number): boolean {
    const payload = encode(event);
    const isTooMuch = payload.byteLength > MAX_EVENT_BYTES || this.file.bytes + payload.byteLength > maxBytes;
    if (this.closing.signal.aborted || isTooMuch || !this.file.hasRoomFor(payload.byteLength)) {
      this.options.log.warn({ type: event.type, bytes: payload.byteLength }, 'an event of the runner is dropped');
      return false;
    }
    this.file.push(++this.n, event.type, payload).payload = undefined;
    return true;
  }

  private send(): void {
    if (this.isSending) return;
    this.isSending = true;
    this.sending = this.sendAll();
  }

  private async sendAll(): Promise<void> {
    const { signal } = this.closing;
    try {
      for (let entry = this.file.entries[0]; entry !== undefined; entry = this.file.entries[0]) {
        if (this.uncommitted.has(entry.n)) return;
        const next = entry;
        const seq = await retry(() => this.publish(next), { signal, backoff: PAUSES });
        if (seq === undefined || this.isClosed) return;
        this.file.acknowledge(seq);
      }
    } finally {
      // In the same turn as the last look at the spool, so that no event is appended unnoticed in between.
      this.isSending = false;
    }
  }

  /** Returns the offset of the event in the log. The message id is the same for every attempt of every process. */
  private async publish(entry: SpoolEntry): Promise<number> {
    const { n, type } = entry;
    const { connection, options, file } = this;
    await connection.connected(this.closing.signal);
    const headers = writeHeaders([
      [HEADER.msgId, `${options.rid}.${file.header.epoch}.${n}`],
      [HEADER.type, type],
      [HEADER.contentType, CONTENT_TYPE],
    ]);
    const outcome = await connection.publisher.publish(this.subject, file.payloadOf(entry), headers);
    if (outcome.kind === 'stored') return outcome.seq;
    throw new Error(outcome.kind === 'conflict' ? 'conflict' : outcome.reason);
  }
}
