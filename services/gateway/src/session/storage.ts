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
import type { AccountLogSizes } from './logSizes.js';
import type { RelayStorage } from './relayStorage.js';

export const DEFAULT_STORAGE_LIMITS: StorageLimits = {
  account: OPTIONS.accountStorage.default,
  session: OPTIONS.sessionStorage.default,
  link: OPTIONS.linkStorage.default,
};

/** What a session of an account stores. */
export interface SessionStorage {
  sessionId: string;
  files: number;
  log: number;
}

/** What accounts, sessions and links store: their files, as they are counted where those are stored, and their logs. */
export class Storage {
  constructor(
    private readonly blobs: BlobStore,
    private readonly logs: AccountLogSizes,
    readonly relay: RelayStorage,
    readonly limits: StorageLimits,
  ) {}

  /** What is used of each limit that holds for these. */
  uses(owners: Pick<StorageOwners, 'userId'> & Partial<StorageOwners>): Promise<StorageUse[]> {
    return this.blobs.usage.read(owners, this.logsOf(owners));
  }

  /** What is in the way of storing so many bytes more, or undefined. What is stored at the same moment does not count. */
  shortage(place: BlobPlace, adding: number): Promise<StorageShortage | undefined> {
    return this.blobs.usage.shortage(place, adding, this.logsOf(place));
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

  /** The sessions of an account that store something, the largest first. */
  async sessionsOf(userId: string, sids: readonly string[]): Promise<SessionStorage[]> {
    const files = await this.blobs.usage.sessionsOf(userId);
    return [...new Set([...sids, ...files.keys()])]
      .map((sid) => ({ sessionId: sid, files: files.get(sid) ?? 0, log: this.logs.ofSession(sid) }))
      .filter(({ files, log }) => files + log > 0)
      .sort((a, b) => b.files + b.log - (a.files + a.log));
  }

  private logsOf({ userId, sid }: { userId: string; sid?: string }): LogBytes {
    const account = this.logs.ofAccount(userId);
    return sid === undefined ? { account } : { account, session: this.logs.ofSession(sid) };
  }
}
