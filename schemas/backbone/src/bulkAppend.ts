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
} from '@pizzapi/protocol';
import { internals, type Backbone } from './connection.js';
import { writeHeaders } from './message.js';
import { isFull, type PublishOutcome } from './publisher.js';

/** Events that are on their way to the log at once. */
const BATCH_EVENTS = 512;
/** A batch ends before its events take more than this, in bytes. */
const BATCH_BYTES = 8 * 1024 * 1024;

export interface BulkAppendOptions {
  sid: string;
  /** From `claimSession`. */
  epoch: number;
  /** Called after each batch with the number of events in the log. An error ends the append. */
  onProgress?: (done: number) => void;
}

/**
 * Appends the whole log of a session that has no event yet and no other writer: many events at once, in order. Throws
 * `fenced` when the log has an event, `storage_full` or `unavailable` when an event was not stored. A part of the events
 * is in the log then: the caller deletes it.
 */
export async function appendWholeLog(
  b: Backbone,
  events: AsyncIterable<SessionEvent>,
  options: BulkAppendOptions,
): Promise<void> {
  const log = new WholeLog(b, options);
  for await (const event of events) if (log.add(event)) await log.send();
  await log.send();
}

class WholeLog {
  private batch: { type: string; payload: Uint8Array }[] = [];
  private bytes = 0;
  private done = 0;
  private lastSeq = 0;

  constructor(
    private readonly b: Backbone,
    private readonly options: BulkAppendOptions,
  ) {}

  /** Adds an event to the batch. True when the batch is full. */
  add(event: SessionEvent): boolean {
    const payload = encode(event);
    if (payload.byteLength > MAX_EVENT_BYTES) {
      throw new CodedError('body_too_large', `The event ${event.type} has ${payload.byteLength} bytes`);
    }
    this.batch.push({ type: event.type, payload });
    this.bytes += payload.byteLength;
    // The first event alone shows that the log is empty.
    return this.done === 0 || this.batch.length >= BATCH_EVENTS || this.bytes >= BATCH_BYTES;
  }

  /** Sends the batch. A new batch starts only when each event of this one is stored: the order never changes. */
  async send(): Promise<void> {
    if (this.batch.length === 0) return;
    const { publisher } = internals(this.b);
    const { sid, epoch, onProgress } = this.options;
    const subject = subjects.sessionEvents(sid);
    const stored = this.batch.map(({ type, payload }, index) => {
      const n = this.done + index + 1;
      const headers = writeHeaders([
        [HEADER.msgId, eventMessageId(sid, epoch, n)],
        ...(n === 1 ? ([[PubHeaders.ExpectedLastSubjectSequenceHdr, 0]] as const) : []),
        [HEADER.type, type],
        [HEADER.epoch, epoch],
        [HEADER.n, n],
        [HEADER.contentType, CONTENT_TYPE],
      ]);
      return publisher.publish(subject, payload, headers);
    });
    for (const outcome of await Promise.all(stored)) this.check(outcome);
    this.done += this.batch.length;
    this.batch = [];
    this.bytes = 0;
    onProgress?.(this.done);
  }

  private check(outcome: PublishOutcome): void {
    if (outcome.kind === 'unavailable') {
      throw new CodedError(
        isFull(outcome) ? 'storage_full' : 'unavailable',
        `An event was not stored: ${outcome.reason}`,
      );
    }
    const isForeign = outcome.kind === 'stored' && outcome.duplicate && outcome.isResent !== true;
    if (outcome.kind === 'conflict' || isForeign) throw new CodedError('fenced');
    if (outcome.seq <= this.lastSeq) throw new CodedError('unavailable', 'The events were stored in another order');
    this.lastSeq = outcome.seq;
  }
}
