import { PubHeaders } from '@nats-io/jetstream';
import { CONTENT_TYPE, encode, eventMessageId, HEADER, subjects, type UnknownEvent } from '@pizzapi/protocol';
import { internals, type Backbone } from '../connection.js';
import { writeHeaders } from '../message.js';

/**
 * Appends to a session with the messages of a writer, but without a spool, fencing and retries: what a bench compares a
 * writer with. Throws when an event is not stored. One event at a time.
 */
export class BareAppender {
  private last = 0;
  private n = 0;

  constructor(
    private readonly b: Backbone,
    private readonly sid: string,
  ) {}

  async append(event: UnknownEvent): Promise<void> {
    const n = ++this.n;
    const headers = writeHeaders([
      [HEADER.msgId, eventMessageId(this.sid, 1, n)],
      [PubHeaders.ExpectedLastSubjectSequenceHdr, this.last],
      [HEADER.type, event.type],
      [HEADER.epoch, 1],
      [HEADER.n, n],
      [HEADER.contentType, CONTENT_TYPE],
    ]);
    const subject = subjects.sessionEvents(this.sid);
    const outcome = await internals(this.b).publisher.publish(subject, encode(event), headers);
    if (outcome.kind !== 'stored') throw new Error(`the event was not stored: ${outcome.kind}`);
    this.last = outcome.seq;
  }
}
