import { claimGrant, type Backbone, type SessionCaller, type GrantOutcome } from '@pizzapi/backbone';
import type { SuspendedSessionsConnection } from './suspendedSessionsConnection.js';

/** What a daemon asks the authenticator with. */
export interface GrantAccess {
  backbone: Backbone;
  suspendedConnection: SuspendedSessionsConnection;
  runnerId: string;
  /** A session was erased: it is refused for good. */
  onErased?: (sid: string, message: string) => void;
}

/** How a daemon's questions about a session are addressed. */
export const callerFor = ({ runnerId }: Pick<GrantAccess, 'runnerId'>, sid: string): SessionCaller => ({
  kind: 'runner',
  rid: runnerId,
  sid,
});

/**
 * Has a session granted to this runner, under a new epoch. Waits for the authenticator for as long as `signal` allows,
 * then throws `unavailable`.
 */
export async function claim(access: GrantAccess, sid: string, signal: AbortSignal): Promise<GrantOutcome> {
  const outcome = await claimGrant(access.backbone, callerFor(access, sid), { signal });
  if (outcome.kind === 'granted') access.suspendedConnection.add(sid);
  else if (outcome.erased === true) access.onErased?.(sid, outcome.message);
  return outcome;
}

/** How long a session that somebody waits for may take to be granted, in ms. */
const SOON_MS = 10_000;

/** `claim` for who does not wait for long. */
export function claimSoon(access: GrantAccess, sid: string, signal: AbortSignal): Promise<GrantOutcome> {
  return claim(access, sid, AbortSignal.any([signal, AbortSignal.timeout(SOON_MS)]));
}

/** Whether a refusal says that the session is somebody else's, rather than that nobody may ask just now. */
export const isGone = (code: string): boolean => code === 'fenced' || code === 'session_not_found';
