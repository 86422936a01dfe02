import type { SessionInfo, ShareRow } from '@pizzapi/protocol';
import type { ShareStore } from '../auth/shareStore.js';
import type { Directory } from './directory.js';

export interface SharedSessionsDeps {
  directory: Pick<Directory, 'listSessions' | 'session' | 'userOf'>;
  shares: Pick<ShareStore, 'grantOf' | 'grantsOf' | 'granteesOf'>;
  /** The account, as far as it is known. */
  accountOf: (userId: string) => { name: string; disabledAt?: number | undefined } | undefined;
}

/** The sessions that an account has in its list: its own, and those that other accounts share with it. */
export class SharedSessions {
  constructor(private readonly deps: SharedSessionsDeps) {}

  /** All of them, the latest active first. */
  listFor(userId: string): SessionInfo[] {
    const { directory, shares } = this.deps;
    const own = directory.listSessions(userId);
    const shared = shares.grantsOf(userId).flatMap((grant) => this.view(userId, grant) ?? []);
    return shared.length === 0 ? own : [...own, ...shared].sort((a, b) => b.lastActivityAt - a.lastActivityAt);
  }

  /** A session as an account sees it that it is shared with; undefined when it is not. */
  sharedWith(userId: string, sid: string): SessionInfo | undefined {
    const grant = this.deps.shares.grantOf(userId, sid);
    return grant === undefined ? undefined : this.view(userId, grant);
  }

  /** The accounts that a session is shared with. */
  granteesOf(sid: string): string[] {
    return this.deps.shares.granteesOf(sid);
  }

  /** Without the ids of other sessions of the owner. */
  private view(userId: string, { sessionId, shareId, mode, userId: sharer }: ShareRow): SessionInfo | undefined {
    const { directory, accountOf } = this.deps;
    const owner = directory.userOf(sessionId);
    const session = directory.session(sessionId);
    if (session === undefined || owner === undefined || owner !== sharer || owner === userId) return undefined;
    const account = accountOf(owner);
    if (account?.disabledAt !== undefined) return undefined;
    const { parentSessionId: _parent, forkedFrom: _fork, startedBy: _by, guestsAtWork: _work, ...shown } = session;
    return { ...shown, shared: { shareId, mode, by: account?.name ?? 'Owner' } };
  }
}
