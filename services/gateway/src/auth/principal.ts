import type { Author, ViewerMode } from '@pizzapi/protocol';

/** On whose behalf a request is made. Every request and every socket has one, or is refused. */
export interface Principal {
  userId: string;
  name: string;
  role: 'admin' | 'member' | 'guest';
  /** How they came in: what commands and the audit trail say of them. */
  via: Author['via'];
}

/** The one person of a local run. */
export const owner = (via: 'owner' | 'api'): Principal => ({ userId: 'owner', name: 'Owner', role: 'admin', via });

/** What this person may do in a session. */
export function modeOf(principal: Principal): ViewerMode {
  return principal.role === 'admin' ? 'owner' : principal.role === 'member' ? 'collab' : 'read';
}

export const authorOf = ({ userId, via }: Principal): Author => ({ userId, via });
