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

/** A session of another account that this person may only watch waits for its owner: here it is at work. */
export function liveState(session: Pick<SessionInfo, 'state' | 'host' | 'shared'>): LiveState {
  if (session.state === 'waiting' && session.host !== 'lost' && session.shared?.mode === 'read') return 'working';
  return session.state !== 'ended' && session.host === 'lost' ? 'lost' : session.state;
}
