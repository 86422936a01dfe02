import type { SessionInfo } from '@pizzapi/protocol';

/**
 * What a list shows of a session: its own state, unless its host is out of reach. `interrupted`: the host was stopped while
 * the agent wrote, and a person can have it continue.
 */
export type LiveState = 'working' | 'waiting' | 'interrupted' | 'idle' | 'lost' | 'ended';

export const STATE_LABELS: Readonly<Record<LiveState, string>> = {
  working: 'Working',
  waiting: 'Waiting for you',
  interrupted: 'Interrupted',
  idle: 'Idle',
  lost: 'Host lost',
  ended: 'Ended',
};

/** A session of another account that this person may only watch waits for its owner: here it is at work. */
export function liveState({
  state,
  host,
  interrupted,
  shared,
}: Pick<SessionInfo, 'state' | 'host' | 'interrupted' | 'shared'>): LiveState {
  if (state === 'waiting' && host !== 'lost' && shared?.mode === 'read') return 'working';
  if (state !== 'ended' && host === 'lost') return 'lost';
  return state === 'idle' && interrupted === true ? 'interrupted' : state;
}
