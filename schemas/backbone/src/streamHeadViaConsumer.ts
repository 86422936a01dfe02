import { nuid } from '@nats-io/nats-core';
import type { BackboneConnection } from './connection.js';
import { dropConsumer } from './dropConsumer.js';

/** After how long without us the server forgets a consumer, in ms. */
const FORGET_MS = 10_000;

/**
 * The last offset of a stream, as the server tells it to who makes a new consumer there: a runner may make one on its
 * own subject, under the one `name` that is its own, and may not read the stream's state.
 */
export async function streamHeadViaConsumer(
  connection: BackboneConnection,
  stream: string,
  filter: string,
  name = `e_${nuid.next()}`,
): Promise<number> {
  await dropConsumer(connection, stream, name);
  const { delivered } = await connection.jsm.consumers.add(stream, {
    name,
    ack_policy: 'none',
    deliver_policy: 'new',
    filter_subject: filter,
    inactive_threshold: FORGET_MS * 1e6,
    mem_storage: true,
    num_replicas: 1,
  });
  await dropConsumer(connection, stream, name);
  return delivered.stream_seq;
}
