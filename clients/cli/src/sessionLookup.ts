import { titleOf, type SessionInfo } from '@pizzapi/protocol';

/** The word for the session that was active last. */
export const LAST = 'last';
/** The minimum number of characters of an id that name a session. */
const MIN_PREFIX = 4;
/** The minimum number of characters of a short id: `s_` and six more. */
const MIN_SHORT = 8;

type Named = Pick<SessionInfo, 'sessionId' | 'name' | 'firstPrompt' | 'lastActivityAt'>;

export type SessionLookup<S> =
  { kind: 'found'; session: S } | { kind: 'ambiguous'; sessions: readonly S[] } | { kind: 'unknown' };

/**
 * Finds a session by its id, the word `last`, the beginning of its id, or its name, in this order. An id always wins over
 * a name, because guests and agents can rename sessions.
 */
export function lookUpSession<S extends Named>(named: string, sessions: readonly S[]): SessionLookup<S> {
  const byId = sessions.find(({ sessionId }) => sessionId === named);
  if (byId !== undefined) return { kind: 'found', session: byId };
  if (named === LAST) {
    const [latest] = sessions.toSorted((a, b) => b.lastActivityAt - a.lastActivityAt);
    return latest === undefined ? { kind: 'unknown' } : { kind: 'found', session: latest };
  }
  const wanted = named.trim();
  const begin = wanted.length < MIN_PREFIX ? [] : sessions.filter(({ sessionId }) => sessionId.startsWith(wanted));
  const title = (session: S) => titleOf(session, '');
  const exact = wanted === '' ? [] : sessions.filter((session) => title(session) === wanted);
  const alike = wanted === '' ? [] : sessions.filter((session) => fold(title(session)) === fold(wanted));
  const found = [begin, exact, alike].find(({ length }) => length > 0) ?? [];
  const [only] = found;
  if (only === undefined) return { kind: 'unknown' };
  return found.length === 1 ? { kind: 'found', session: only } : { kind: 'ambiguous', sessions: found };
}

const fold = (text: string): string => text.toLowerCase();

/** Returns the short id of each session: the beginnings of the ids, of one length, that are all different. */
export function shortIds(sids: readonly string[]): (sid: string) => string {
  const longest = Math.max(0, ...sids.map(({ length }) => length));
  const distinct = new Set(sids).size;
  let length = MIN_SHORT;
  while (length < longest && new Set(sids.map((sid) => sid.slice(0, length))).size < distinct) length += 1;
  return (sid) => sid.slice(0, length);
}
