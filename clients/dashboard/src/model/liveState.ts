import type { SessionInfo } from '@pizzapi/protocol';

/** What a list shows of a session: its own state, unless its host is out of reach. */
export type LiveState = 'working' | 'waiting' | 'idle' | 'lost' | 'ended';

export const STATE_LABELS: Readonly<Record<LiveState, string>> = {
  working: 'Working',
  waiting: 'Waiting for you',
  idle: 'Idle',
  lost: 'Host lost',
  ended: 'Ended',
};

export function liveState(session: Pick<SessionInfo, 'state' | 'host'>): LiveState {
  return session.state !== 'ended' && session.host === 'lost' ? 'lost' : session.state;
}
