import type {
  BlobPlace,
  BlobStore,
  LogBytes,
  StorageLimits,
  StorageOwners,
  StorageShortage,
  StorageUse,
} from '@pizzapi/backbone';
import { OPTIONS } from '@pizzapi/process';
import { titleOf } from '@pizzapi/protocol';
import type { ProjectedSession } from './heldSessions.js';
import type { AccountLogSizes } from './logSizes.js';
import type { RelayStorage } from './relayStorage.js';

export const DEFAULT_STORAGE_LIMITS: StorageLimits = {
  account: OPTIONS.accountStorage.default,
  session: OPTIONS.sessionStorage.default,
  link: OPTIONS.linkStorage.default,
};

/** The bytes of logs. */
export interface StoredLogs {
  accounts: Pick<AccountLogSizes, 'ofAccount'>;
  /** Of a session in memory. */
  ofSession: (sid: string) => number;
  /** The rows of all sessions of an account. */
  list: (userId: string) => AsyncIterable<{ sessionId: string; row: ProjectedSession }>;
}

/** What a session of an account stores. */
export interface SessionStorage {
  sessionId: string;
  name: string;
  files: number;
  log: number;
}

/** What accounts, sessions and links store: their files, as they are counted where those are stored, and their logs. */
export class Storage {
  constructor(
    private readonly blobs: BlobStore,
    private readonly logs: StoredLogs,
    readonly relay: RelayStorage,
    readonly limits: StorageLimits,
  ) {}

  /** What is used of each limit that holds for these. A session that is named is in memory. */
  async uses(owners: Pick<StorageOwners, 'userId'> & Partial<StorageOwners>): Promise<StorageUse[]> {
    return this.blobs.usage.read(owners, await this.logsOf(owners));
  }

  /** What is in the way of storing so many bytes more, or undefined. What is stored at the same moment does not count. */
  async shortage(place: BlobPlace, adding: number): Promise<StorageShortage | undefined> {
    // Without a limit for accounts their logs need not be added up.
    const logs = this.limits.account === 0 ? { session: this.logs.ofSession(place.sid) } : await this.logsOf(place);
    return this.blobs.usage.shortage(place, adding, logs);
  }

  /** The same of what an agent is told: the log has to have room for what it says. */
  async inputShortage(place: BlobPlace, text: string): Promise<StorageShortage | undefined> {
    // Who sends it is told so sooner by the sending itself.
    if (!this.relay.isReachable) return undefined;
    const [own, isLogFull] = await Promise.all([
      this.shortage(place, Math.max(1, Buffer.byteLength(text))),
      this.relay.isLogFull(),
    ]);
    return own ?? (isLogFull ? { of: 'relay' } : undefined);
  }

  /** The sessions of an account that store the most, the largest first. Holds few more than `count`. */
  async largestSessions(userId: string, count: number): Promise<SessionStorage[]> {
    const files = await this.blobs.usage.sessionsOf(userId);
    let largest: SessionStorage[] = [];
    const add = (session: SessionStorage): void => {
      if (session.files + session.log > 0) largest.push(session);
      if (largest.length >= 2 * count) largest = first(largest, count);
    };
    for await (const { sessionId, row } of this.logs.list(userId)) {
      add({ sessionId, name: titleOf(row.info, ''), files: files.get(sessionId) ?? 0, log: row.logBytes ?? 0 });
      files.delete(sessionId);
    }
    // Sessions without a projection.
    for (const [sessionId, bytes] of files) add({ sessionId, name: titleOf(undefined, ''), files: bytes, log: 0 });
    return first(largest, count);
  }

  private async logsOf({ userId, sid }: { userId: string; sid?: string }): Promise<LogBytes> {
    const account = await this.logs.accounts.ofAccount(userId);
    return sid === undefined ? { account } : { account, session: this.logs.ofSession(sid) };
  }
}

function first(sessions: readonly SessionStorage[], count: number): SessionStorage[] {
  // A row that was written while the list was read came twice.
  const last = new Map(sessions.map((session) => [session.sessionId, session]));
  return [...last.values()].sort((a, b) => b.files + b.log - (a.files + a.log)).slice(0, count);
}
