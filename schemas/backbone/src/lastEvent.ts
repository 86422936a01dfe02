import { subjects, type LastEvent } from '@pizzapi/protocol';
import { askOnce, callerFor } from './askOnce.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { lastOf } from './direct.js';
import { getWithRetry, replay } from './replay.js';
import { streamOf } from './streams.js';

export type LastEventOutcome = { kind: 'found'; message: LastEvent } | { kind: 'none' } | { kind: 'unavailable' };

/** The last message on the subject of a session: from the log, or for a host from the authenticator. */
export async function lastOnSubject(connection: BackboneConnection, sid: string): Promise<LastEventOutcome> {
  const caller = callerFor(connection, sid);
  if (caller === undefined) return lastOf(connection, streamOf(connection, sid), subjects.sessionEvents(sid));
  const answer = await askOnce(connection, caller, 'last_event', {});
  if (answer === undefined) return { kind: 'unavailable' };
  return answer.last === undefined ? { kind: 'none' } : { kind: 'found', message: answer.last };
}

/** The last event of a session, or undefined when there is none. Throws when the signal aborts first. */
export async function lastEvent(b: Backbone, sid: string, signal?: AbortSignal): Promise<LastEvent | undefined> {
  const connection = internals(b);
  const last = await getWithRetry(connection, () => lastOnSubject(connection, sid), signal);
  signal?.throwIfAborted();
  if (last === undefined || last.msgId !== '' || connection.host !== undefined) return last;
  // A message that is no event lies behind it.
  let found: LastEvent | undefined;
  for await (const events of replay(b, sid, signal === undefined ? {} : { signal })) found = events.at(-1);
  signal?.throwIfAborted();
  return found;
}

/** The last message on the subject of a session, for the authenticator, which answers hosts with it. */
export async function lastStored(b: Backbone, sid: string): Promise<LastEvent | undefined> {
  const connection = internals(b);
  const last = await getWithRetry(connection, () => lastOnSubject(connection, sid));
  return last && { seq: last.seq, epoch: last.epoch, n: last.n, msgId: last.msgId, type: last.type };
}
