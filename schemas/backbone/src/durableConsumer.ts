import type { Consumer, JsMsg } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/nats-core';
import { CodedError } from '@pizzapi/protocol';
import { RetryDelay } from './retryDelay.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import type { StoredRecord } from './consume.js';
import { nextOf } from './direct.js';
import { openAtPosition } from './durableConsumerPosition.js';
import { HandlerFailed } from './handlerFailed.js';
import { storedFromConsumer, type StoredMessage } from './message.js';

/** Messages asked for at once, and how long the server waits for them. */
const FETCH_MESSAGES = 256;
const FETCH_EXPIRES_MS = 10_000;
/** How long the server may take to confirm an acknowledgement, in ms. */
const ACK_TIMEOUT_MS = 5_000;

export interface ConsumeDurablyOptions {
  /** The name of the consumer on the server, which stores its position. */
  name: string;
  /** Types of events to hand over; the others are passed over without their payload having been sent. */
  types: readonly string[];
  signal: AbortSignal;
  /** Called once the server stores the position: from now on no event is missed. */
  onOpen?: () => void;
  /**
   * One event at a time, at least once each: what was handled just before a crash comes again. A `CodedError` is
   * something that passes (the backbone is away): the same event is tried again. Everything else is thrown from here.
   */
  onEvent: (event: StoredRecord) => Promise<void>;
}

/**
 * Reads the events of a stream by a durable consumer, from where the last reader of this name ended, until the signal
 * aborts. A new consumer starts at the end of the stream; earlier events are skipped. Only one reader at a time may use
 * a name: several would share the messages and lose their order.
 */
export async function consumeDurably(b: Backbone, stream: string, options: ConsumeDurablyOptions): Promise<void> {
  const connection = internals(b);
  const { signal, name } = options;
  const retry = new RetryDelay();
  let opened = false;
  while (!signal.aborted && connection.status() !== 'closed') {
    await connection.connected(signal);
    if (signal.aborted) return;
    try {
      const consumer = await connection.whileConnected(openAtPosition(connection, stream, name));
      if (!opened) options.onOpen?.();
      opened = true;
      while (await readOnce(connection, consumer, stream, options)) retry.reset();
    } catch (error) {
      if (error instanceof HandlerFailed) throw error.cause;
      connection.log.warn({ err: error, stream, consumer: name }, 'durable consumer failed; rebuilding it');
      await retry.wait(signal);
    }
  }
}

/** Reads what comes within some seconds. False when some of it was left: its place has to be found again. */
async function readOnce(
  connection: BackboneConnection,
  consumer: Consumer,
  stream: string,
  options: ConsumeDurablyOptions,
): Promise<boolean> {
  const { signal, types } = options;
  const messages = await connection.whileConnected(
    consumer.fetch({ max_messages: FETCH_MESSAGES, expires: FETCH_EXPIRES_MS }),
  );
  let broken = false;
  const stop = (): void => {
    broken = true;
    messages.stop();
  };
  signal.addEventListener('abort', stop);
  const off = connection.onStatus(stop);
  // Asked to stop while the messages were being asked for: they would be waited for to the end.
  if (signal.aborted) stop();
  /** Passed over, and not acknowledged yet: one acknowledgement stands for all before it. */
  let passed: JsMsg | undefined;
  try {
    for await (const incoming of messages) {
      if (broken) break;
      const { message } = storedFromConsumer((incoming as unknown as { msg: Msg }).msg);
      if (!message.genuine) connection.counters.foreignMessages++;
      if (message.genuine && types.includes(message.type)) {
        if (!(await handle(connection, stream, message, incoming, options))) return false;
        passed = undefined;
        await acknowledge(connection, incoming);
      } else passed = incoming;
    }
    if (passed !== undefined) await acknowledge(connection, passed);
  } finally {
    signal.removeEventListener('abort', stop);
    off();
    messages.stop();
  }
  return !broken;
}

/** Resolves once the server knows: only then is this the place where the next reader begins. */
async function acknowledge(connection: BackboneConnection, message: JsMsg): Promise<void> {
  await connection.whileConnected(message.ackAck({ timeout: ACK_TIMEOUT_MS }));
}

/** False when the reading ended before the event was handled: it comes again. */
async function handle(
  connection: BackboneConnection,
  stream: string,
  head: StoredMessage,
  incoming: JsMsg,
  { signal, onEvent }: ConsumeDurablyOptions,
): Promise<boolean> {
  const { seq, subject } = head;
  const retry = new RetryDelay();
  while (!signal.aborted) {
    const found = await nextOf(connection, stream, subject, seq);
    if (found.kind === 'none' || (found.kind === 'found' && found.message.seq !== seq)) return true;
    if (found.kind === 'found') {
      try {
        await onEvent(recordOf(found.message, subject));
        return true;
      } catch (cause) {
        if (!(cause instanceof CodedError)) throw new HandlerFailed(cause);
        connection.log.warn({ err: cause, seq, subject }, 'event handler failed; retrying the event');
      }
    }
    incoming.working();
    await retry.wait(signal);
  }
  return false;
}

function recordOf({ seq, prevSeq, type, epoch, n, msgId, at, payload }: StoredMessage, subject: string): StoredRecord {
  return { seq, prevSeq, type, epoch, n, msgId, at, payload, subject };
}
