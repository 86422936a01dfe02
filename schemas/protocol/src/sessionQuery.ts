import type { SessionsQuery } from './http.js';
import type { SessionInfo } from './info.js';
import { modelText } from './modelInfo.js';
import { titleOf } from './text.js';

/** Whether a session fits a query for the list of sessions. */
export function matchesQuery(
  session: SessionInfo,
  { state, runner, q }: Pick<SessionsQuery, 'state' | 'runner' | 'q'>,
): boolean {
  if (state === 'live' ? session.state === 'ended' : state !== undefined && session.state !== state) return false;
  if (runner !== undefined && session.runnerId !== runner) return false;
  return q === undefined || searchedText(session).includes(q.trim().toLowerCase());
}

const texts = new WeakMap<SessionInfo, string>();

/** What a search looks in, in small letters: the name, the first prompt, the title, the folder, the model and the id. */
export function searchedText(session: SessionInfo): string {
  const known = texts.get(session);
  if (known !== undefined) return known;
  const { name, firstPrompt = '', cwd, model, sessionId } = session;
  const text = [name, firstPrompt, titleOf(session, ''), cwd, modelText(model), sessionId].join(' ').toLowerCase();
  texts.set(session, text);
  return text;
}
