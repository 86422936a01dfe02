import {
  AckPolicy,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type Consumer,
  type ConsumerInfo,
} from '@nats-io/jetstream';
import type { BackboneConnection } from './connection.js';
import { dropConsumer } from './dropConsumer.js';

/** Messages a reader may have in hand. */
const MAX_IN_HAND = 512;
/** A message that was not acknowledged for so long, in ms, comes again by itself. Nobody waits for that: see below. */
const ACK_WAIT_MS = 30_000;
const NANO = 1e6;

/**
 * Opens the durable consumer of a name at the place where its last reader ended; makes it, at the end of the stream, when
 * there is none. What a reader took and did not acknowledge would come again after half a minute, behind what is newer:
 * so a consumer that was left like that is made anew at its place, which another one keeps meanwhile.
 */
export async function openAtPosition(connection: BackboneConnection, stream: string, name: string): Promise<Consumer> {
  const { jsm } = connection;
  const keeper = `${name}-place`;
  const there = await infoOf(connection, stream, name);
  const left = there !== undefined && there.num_ack_pending > 0;
  if (left) {
    await dropConsumer(connection, stream, keeper);
    await addDurable(connection, stream, keeper, there.ack_floor.stream_seq + 1);
    await dropConsumer(connection, stream, name);
  }
  if (left || there === undefined) {
    const kept = await infoOf(connection, stream, keeper);
    await addDurable(connection, stream, name, kept?.config.opt_start_seq);
    await dropConsumer(connection, stream, keeper);
  }
  return jsm.jetstream().consumers.get(stream, name);
}

/** Makes a durable consumer that reads from an offset, at the end of the stream without one. */
export async function addDurable(
  { jsm }: BackboneConnection,
  stream: string,
  name: string,
  from: number | undefined,
): Promise<void> {
  await jsm.consumers.add(stream, {
    durable_name: name,
    ack_policy: AckPolicy.All,
    ...(from === undefined
      ? { deliver_policy: DeliverPolicy.New }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from }),
    ack_wait: ACK_WAIT_MS * NANO,
    max_ack_pending: MAX_IN_HAND,
    // What most messages are is told by a header: only the payloads that are wanted are read.
    headers_only: true,
  });
}

async function infoOf({ jsm }: BackboneConnection, stream: string, name: string): Promise<ConsumerInfo | undefined> {
  try {
    return await jsm.consumers.info(stream, name);
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound) return undefined;
    throw error;
  }
}
