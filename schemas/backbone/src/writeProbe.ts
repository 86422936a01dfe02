import { withTimeout } from '@pizzapi/process';
import { internals, type Backbone } from './connection.js';
import { writeHeaders } from './message.js';
import { COMMANDS_STREAM } from './streams.js';

/** The subject of probes: no runner has this id, because an id has no `$`. The stream drops a probe after a day. */
const PROBE_SUBJECT = 'runner.$probe.cmd';
/** How long nats-server may take to store a probe, and to answer a question, in ms. */
const STORE_MS = 2_500;
const ANSWER_MS = 1_500;

/**
 * The outcome of a real write. `not_stored`: nats-server answers and stores nothing, as with a full disk; it keeps that
 * state until it is restarted. `unreachable`: it does not answer.
 */
export type WriteProbeOutcome = 'stored' | 'not_stored' | 'unreachable';

/** Stores a message to find out whether nats-server stores messages. */
export async function probeWrites(b: Backbone): Promise<WriteProbeOutcome> {
  const connection = internals(b);
  if (connection.status() !== 'connected') return 'unreachable';
  const stored = connection.publisher.publish(PROBE_SUBJECT, new Uint8Array(), writeHeaders([]));
  const outcome = await withTimeout(stored, STORE_MS);
  if (outcome?.kind === 'stored') return 'stored';
  // The server refused it: for its own limits, or because the stream is full.
  if (outcome?.kind === 'unavailable' && outcome.isUncertain !== true && connection.status() === 'connected')
    return 'not_stored';
  const answer = connection.whileConnected(connection.jsm.streams.info(COMMANDS_STREAM)).then(
    () => true,
    () => false,
  );
  return (await withTimeout(answer, ANSWER_MS)) === true ? 'not_stored' : 'unreachable';
}
