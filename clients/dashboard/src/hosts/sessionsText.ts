import type { RunnerInfo } from '@pizzapi/protocol';

/** Says how many sessions a host has. The suspended ones count too, so that there may be more than are awake at once. */
export const sessionsText = ({ sessions, maxSessions }: Pick<RunnerInfo, 'sessions' | 'maxSessions'>): string =>
  `${sessions.length}, at most ${maxSessions} awake at once`;
