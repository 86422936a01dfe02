import type { SessionInfo, SessionsQuery } from '@pizzapi/protocol';

export type ListFilter = Pick<SessionsQuery, 'state' | 'runner' | 'q'>;

/** What decides on the position of a session in the list. */
export interface ListedSession {
  sessionId: string;
  lastActivityAt: number;
}

/** The order of the list: the latest active first. */
export function compareSessions(a: ListedSession, b: ListedSession): number {
  if (a.lastActivityAt !== b.lastActivityAt) return b.lastActivityAt - a.lastActivityAt;
  if (a.sessionId === b.sessionId) return 0;
  return a.sessionId < b.sessionId ? -1 : 1;
}

/** Whether a filter leaves all sessions in the list. */
export const isEmptyFilter = ({ state, runner, q }: ListFilter): boolean =>
  state === undefined && runner === undefined && q === undefined;

/** Whether a session is on the first page although its last activity is old: it runs, or waits for a person. */
export const isUrgent = ({ state, host }: SessionInfo): boolean =>
  state === 'waiting' || (state === 'working' && host !== 'lost');
