import { errorInfo, guestCommandProblem, type ErrorInfo, type ViewerMode } from '@pizzapi/protocol';
import { asGuest, type Principal } from '../auth/principal.js';
import type { ShareStore } from '../auth/shareStore.js';
import type { Directory } from './directory.js';
import type { RecentSpawns } from './recentSpawns.js';

/** The answer for a session that does not exist and for a session of another account: identical. */
export const unknownSession = (sid: string): ErrorInfo => errorInfo('session_not_found', `No session "${sid}"`);

/** The same of runners. */
export const unknownRunner = (rid: string): ErrorInfo => errorInfo('runner_not_found', `No runner "${rid}"`);

/**
 * Decides who may do what. Answers from memory, into which `SessionLoader` has brought the session: another account's resource
 * and a missing one look the same, also in timing. Asked for every request and every frame: a revocation counts at once.
 */
export class Access {
  constructor(
    private readonly directory: Pick<Directory, 'userOf' | 'userOfRunner'>,
    private readonly shares: Pick<ShareStore, 'modeNow' | 'grantOf'>,
    private readonly expected: RecentSpawns,
    /** Whether an account is disabled. What such an account has shared gives no access. */
    private readonly isDisabled: (userId: string) => boolean,
  ) {}

  /**
   * The person as what they are in a session: a person that its owner has shared it with is a guest there, with the rights
   * of the share. Anyone else stays as they are.
   */
  principalIn(principal: Principal, sid: string): Principal {
    const owner = this.ownerOf(sid);
    if (owner === undefined || principal.share !== undefined || owner === principal.userId) return principal;
    const grant = this.isDisabled(owner) ? undefined : this.shares.grantOf(principal.userId, sid);
    return grant === undefined || grant.userId !== owner ? principal : asGuest(principal, grant);
  }

  /** What this person may do in a session; undefined: answer as if there were none. */
  modeIn(principal: Principal, sid: string): ViewerMode | undefined {
    const owner = this.ownerOf(sid);
    if (owner === undefined) return undefined;
    if (principal.share === undefined && owner === principal.userId) return 'owner';
    const { share, credential } = this.principalIn(principal, sid);
    if (share === undefined) return undefined;
    return share.sid === sid ? this.shares.modeNow(sid, credential.id, share.mode) : undefined;
  }

  /** Whether the owner of a session shares it with an account. */
  isSharedWith(userId: string, sid: string): boolean {
    return this.shares.grantOf(userId, sid) !== undefined;
  }

  /** Why this person may not ask this of a session, or undefined when they may. */
  commandProblem(principal: Principal, sid: string, name: string): ErrorInfo | undefined {
    const mode = this.modeIn(principal, sid);
    if (mode === undefined) return unknownSession(sid);
    if (mode === 'read') return errorInfo('read_only');
    return mode === 'owner' ? undefined : guestCommandProblem(name);
  }

  /** Whether this person may see a runner and start sessions on it; false: answer as if there were none. */
  mayUseRunner(principal: Principal, rid: string): boolean {
    return principal.share === undefined && this.directory.userOfRunner(rid) === principal.userId;
  }

  /** Whose a session is. One that was asked for here a moment ago is its asker's. */
  ownerOf(sid: string): string | undefined {
    return this.directory.userOf(sid) ?? this.expected.get(sid)?.userId;
  }
}
