import type { SessionInfo, ShareRow } from '@pizzapi/protocol';
import type { ShareStore } from '../auth/shareStore.js';
import type { Directory } from './directory.js';

export interface SharedSessionsDeps {
  directory: Pick<Directory, 'hold' | 'load' | 'loadAll' | 'session' | 'userOf'>;
  shares: Pick<ShareStore, 'grantOf' | 'grantsOf' | 'granteesOf'>;
  /** The account, as far as it is known. */
  accountOf: (userId: string) => { name: string; disabledAt?: number | undefined } | undefined;
}

/** The sessions that other accounts share with an account. */
export class SharedSessions {
  constructor(private readonly deps: SharedSessionsDeps) {}

  /** All of them, in no order. */
  async listFor(userId: string): Promise<SessionInfo[]> {
    const { directory, shares } = this.deps;
    const sids = shares.grantsOf(userId).map(({ sessionId }) => sessionId);
    const releases = sids.map((sid) => directory.hold(sid));
    try {
      await directory.loadAll(sids);
      return sids.flatMap((sid) => this.sharedWith(userId, sid) ?? []);
    } finally {
      for (const release of releases) release();
    }
  }

  /** Brings a session into memory, for `sharedWith`. */
  load(sid: string): Promise<void> {
    return this.deps.directory.load(sid);
  }

  /** A session in memory as an account sees it that it is shared with; undefined when it is not. */
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
