import { isMap, type UnknownMap } from '@pizzapi/protocol';
import { api } from './client.js';

/** Events that are read of the end of a log: more than a last message and what comes with it. */
const TAIL = 40;
/** Beyond every offset there is: what comes before it is the end of the log. */
const END = 10 ** 12;

/** The last events of a session's log; none when they cannot be had. */
export async function fetchLastEvents(sid: string): Promise<UnknownMap[]> {
  const page = await api.events(sid, { before: END, limit: TAIL });
  return page.kind === 'ok' ? page.value.map(({ event }) => event).filter(isMap) : [];
}
