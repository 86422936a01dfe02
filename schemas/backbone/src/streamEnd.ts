import { nuid } from '@nats-io/nats-core';
import type { Connection } from './connection.js';

/** After how long without us the server forgets a consumer, in ms. */
const FORGET_MS = 10_000;

/**
 * The last offset of a stream, as the server tells it to who makes a new consumer there: a runner may make one on its
 * own subject, and may not read the stream's state.
 */
export async function streamEnd({ jsm }: Connection, stream: string, filter: string): Promise<number> {
  const { name, delivered } = await jsm.consumers.add(stream, {
    name: `e_${nuid.next()}`,
    ack_policy: 'none',
    deliver_policy: 'new',
    filter_subject: filter,
    inactive_threshold: FORGET_MS * 1e6,
    mem_storage: true,
    num_replicas: 1,
  });
  void jsm.consumers.delete(stream, name).catch(() => undefined);
  return delivered.stream_seq;
}
