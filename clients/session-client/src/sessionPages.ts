import {
  matchesQuery,
  MAX_QUERY_CHARS,
  type SessionInfo,
  type SessionsQuery,
  type SessionsReply,
} from '@pizzapi/protocol';
import type { Api } from './api.js';
import type { ApiResult } from './http.js';

/** What lists sessions: the API, or a part of it. */
export type SessionLister = Pick<Api, 'sessions'>;

/**
 * Lists sessions page by page, the latest active first. Ends after the last page or after a failure, which is its last
 * value. A session that becomes active meanwhile can come twice.
 */
export async function* sessionPages(
  api: SessionLister,
  query: SessionsQuery = {},
): AsyncGenerator<ApiResult<SessionsReply>, void, undefined> {
  let cursor = query.cursor;
  for (;;) {
    const page = await api.sessions({ ...query, ...(cursor === undefined ? {} : { cursor }) });
    yield page;
    if (page.kind === 'failed') return;
    const next = page.value.cursor;
    // A gateway that sends the same cursor again would send the same page for ever.
    if (next === undefined || next === cursor) return;
    cursor = next;
  }
}

/** Lists all sessions that a query fits, at most `most`, each once. */
export async function listSessions(
  api: SessionLister,
  query: SessionsQuery = {},
  most = Infinity,
): Promise<ApiResult<SessionInfo[]>> {
  const found = new Map<string, SessionInfo>();
  let status = 200;
  for await (const page of sessionPages(api, query)) {
    if (page.kind === 'failed') return page;
    status = page.status;
    for (const session of page.value.sessions) if (matchesQuery(session, query)) found.set(session.sessionId, session);
    if (found.size >= most) break;
  }
  return { kind: 'ok', status, value: [...found.values()].slice(0, most) };
}

/**
 * The `q` that finds every session in which all words of a search are: its longest word. The gateway looks for one text;
 * the caller looks for the other words in what it sends. Undefined for a search without a word.
 */
export function queryText(search: string): string | undefined {
  const [longest = ''] = search.split(/\s+/).toSorted((a, b) => b.length - a.length);
  return longest === '' ? undefined : longest.slice(0, MAX_QUERY_CHARS);
}
