import {
  isImported,
  OWNER_ID,
  withListFields,
  type AccountRow,
  type RetentionOverride,
  type SessionInfo,
} from '@pizzapi/protocol';
import type { ShareStore } from '../auth/shareStore.js';
import { accountIdOf, type Principal } from '../auth/principal.js';
import type { Directory } from './directory.js';

const DAY_MS = 24 * 60 * 60_000;

/** Whom an entry is for. */
export interface EntryReader {
  /** Their account. Undefined for a guest without one. */
  accountId: string | undefined;
  /** They are in the session through a share: its runner is not theirs to know, also when they have an account. */
  isGuest: boolean;
}

/** The reader of what is sent to all connections of an account. */
export const accountReader = (accountId: string): EntryReader => ({ accountId, isGuest: false });
export const readerOf = (principal: Principal): EntryReader => ({
  accountId: accountIdOf(principal),
  isGuest: principal.share !== undefined,
});

export interface SessionEntriesDeps {
  /** The address people open, without a slash at its end. */
  publicUrl: () => string;
  directory: Pick<Directory, 'runner' | 'userOf' | 'userOfRunner'>;
  shares: Pick<ShareStore, 'grantOf'>;
  accountOf: (userId: string) => Pick<AccountRow, 'name' | 'retention'> | undefined;
  /** The viewers of a session at all gateways. */
  countViewers: (sid: string) => number;
  /** The days after its end that a session is kept, where its account has no rule of its own; 0 = for good. */
  retentionDays: number;
}

/** Makes the entries of sessions for answers and frames: what lists and logs know, and what the gateway adds for a reader. */
export class SessionEntries {
  constructor(private readonly deps: SessionEntriesDeps) {}

  for(reader: EntryReader, session: SessionInfo): SessionInfo {
    const { publicUrl, countViewers } = this.deps;
    const { sessionId } = session;
    const owner = this.deps.directory.userOf(sessionId);
    return withListFields(session, {
      shareUrl: `${publicUrl()}/s/${sessionId}`,
      runnerName: this.runnerName(reader, session.runnerId),
      userName: owner === undefined ? undefined : this.ownerName(reader, owner, sessionId),
      viewerCount: countViewers(sessionId),
      expiresAt: owner === undefined ? undefined : this.expiresAt(session, owner),
    });
  }

  private runnerName({ accountId, isGuest }: EntryReader, rid: string): string | undefined {
    const { directory } = this.deps;
    if (isGuest || accountId === undefined || directory.userOfRunner(rid) !== accountId) return undefined;
    return directory.runner(rid)?.name;
  }

  /** The owner, and an account that the owner shares the session with, may know who the owner is. A link says nothing of it. */
  private ownerName({ accountId }: EntryReader, owner: string, sid: string): string | undefined {
    if (accountId === undefined) return undefined;
    if (accountId !== owner && this.deps.shares.grantOf(accountId, sid)?.userId !== owner) return undefined;
    return this.deps.accountOf(owner)?.name ?? (owner === OWNER_ID ? 'Owner' : undefined);
  }

  private expiresAt(session: SessionInfo, owner: string): number | undefined {
    const days = retentionDaysOf(this.deps.accountOf(owner)?.retention, this.deps.retentionDays);
    // As where the rules are carried out: the end of an imported session is not its age.
    if (session.state !== 'ended' || session.endedAt === undefined || isImported(session) || days === 0)
      return undefined;
    return session.endedAt + days * DAY_MS;
  }
}

/** The days that an account keeps what has ended; 0 = for good. A rule of its own can say that there is no limit. */
function retentionDaysOf(own: RetentionOverride | undefined, otherwise: number): number {
  return own?.days === undefined ? otherwise : (own.days ?? 0);
}
