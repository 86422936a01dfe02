import { accountRows, keyRows, ownerRows, RUNNER_OWNER_PREFIX, WatchCache, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import { isRunnerOwnerRow, type AccountRow, type KeyRow, type OwnerRow, type RunnerOwnerRow } from '@pizzapi/protocol';
import { parseConnectionName } from './connectionName.js';
import { faultOf } from './keyFault.js';
import { MAX_KEPT_SESSIONS } from './permissions.js';

/** How long a look-up waits for a cache to show what was just written, in ms. */
const CATCH_UP_MS = 500;

interface SessionOwner {
  userId: string;
  runnerId: string;
  epoch: number;
}

/**
 * Decides whether connections may stay, from keys, accounts and owners in memory: after every revocation, all open
 * connections are examined again.
 */
export class ConnectionAuthorizer {
  private readonly keys: WatchCache<KeyRow>;
  private readonly accounts: WatchCache<AccountRow>;
  private readonly owners: WatchCache<OwnerRow>;
  private readonly keysById = new Map<string, KeyRow>();
  private readonly runners = new Map<string, RunnerOwnerRow>();
  private readonly sessions = new Map<string, SessionOwner>();
  private readonly kept = new Map<string, Set<string>>();
  private readonly listeners: (() => void)[] = [];
  /** Resolves when the watches have ended. Rejects when one fails: without it, revocations would have no effect. */
  watching: Promise<void> = Promise.resolve();

  constructor(b: Backbone, log: Logger) {
    this.keys = new WatchCache(keyRows(b), { log });
    this.keys.onChange((_, after, before) => this.keyChanged(after, before));
    this.accounts = new WatchCache(accountRows(b), { prefix: 'user.', log });
    this.accounts.onChange((_, after, before) => {
      if (before !== undefined && (after === undefined || after.disabledAt !== before.disabledAt)) this.reportLoss();
    });
    this.owners = new WatchCache(ownerRows(b), { log });
    this.owners.onChange((key, after, _, revision) => {
      if (key.startsWith(RUNNER_OWNER_PREFIX)) this.runnerChanged(key.slice(RUNNER_OWNER_PREFIX.length), after);
      else this.sessionChanged(key, after, revision);
    });
  }

  /** Resolves when all existing rows are in memory. The watches continue until the signal aborts; see `watching`. */
  async start(signal: AbortSignal): Promise<void> {
    const caches = [this.keys, this.accounts, this.owners];
    this.watching = Promise.all(caches.map((cache) => cache.run(signal))).then(() => undefined);
    await Promise.race([Promise.all(caches.map(({ ready }) => ready)), this.watching]);
  }

  /** Calls `fn` after a change that may have revoked access. */
  onLoss(fn: () => void): void {
    this.listeners.push(fn);
  }

  /** Whether a connection that was let in under this name may stay. */
  mayStay(name: string, now: number): boolean {
    const parsed = parseConnectionName(name);
    if (parsed === undefined) return false;
    if (parsed.kind !== 'session') {
      const key = this.keysById.get(parsed.keyId);
      const runner = this.runners.get(parsed.rid);
      const isItsOwn = runner === undefined || (runner.userId === key?.userId && runner.forgottenAt === undefined);
      return this.isGood(key, now) && isItsOwn;
    }
    const owner = this.sessions.get(parsed.sid);
    const runner = this.runners.get(parsed.rid);
    if (owner === undefined || runner === undefined) return false;
    return owner.runnerId === parsed.rid && owner.userId === runner.userId && this.isRunnerGood(runner, now);
  }

  /** Whose a session is. */
  userOf(sid: string): string | undefined {
    return this.sessions.get(sid)?.userId;
  }

  /** The sessions that belong to a runner, the latest grant first, as far as one connection can keep them. */
  sessionsOf(rid: string): string[] {
    const sids = [...(this.kept.get(rid) ?? [])];
    const epoch = (sid: string): number => this.sessions.get(sid)?.epoch ?? 0;
    return sids.sort((a, b) => epoch(b) - epoch(a)).slice(0, MAX_KEPT_SESSIONS);
  }

  /** Waits, briefly, until the grant of this epoch is in memory. */
  async seen(epoch: number): Promise<void> {
    await this.owners.settled(epoch, CATCH_UP_MS);
  }

  private isRunnerGood({ keyHash }: RunnerOwnerRow, now: number): boolean {
    return keyHash !== undefined && this.isGood(this.keys.peek(keyHash), now);
  }

  private isGood(key: KeyRow | undefined, now: number): boolean {
    return faultOf(key, key && this.accounts.peek(key.userId), now) === undefined;
  }

  private keyChanged(after: KeyRow | undefined, before: KeyRow | undefined): void {
    if (before !== undefined && before.id !== after?.id) this.keysById.delete(before.id);
    if (after !== undefined) this.keysById.set(after.id, after);
    if (before !== undefined && after === undefined) this.reportLoss();
  }

  private sessionChanged(sid: string, row: OwnerRow | undefined, epoch: number): void {
    const before = this.sessions.get(sid);
    if (before !== undefined) this.kept.get(before.runnerId)?.delete(sid);
    // The tombstone of an erased session: no host has it.
    if (row === undefined || row.erasedAt !== undefined) this.sessions.delete(sid);
    else {
      this.sessions.set(sid, { userId: row.userId, runnerId: row.runnerId, epoch });
      const kept = this.kept.get(row.runnerId) ?? new Set();
      this.kept.set(row.runnerId, kept.add(sid));
    }
    if (before !== undefined && (row?.runnerId !== before.runnerId || row.userId !== before.userId)) this.reportLoss();
  }

  private runnerChanged(rid: string, row: OwnerRow | undefined): void {
    const before = this.runners.get(rid);
    const after = isRunnerOwnerRow(row) ? row : undefined;
    if (after === undefined) this.runners.delete(rid);
    else this.runners.set(rid, after);
    if (
      before !== undefined &&
      (after?.userId !== before.userId || after.keyHash !== before.keyHash || after.forgottenAt !== before.forgottenAt)
    )
      this.reportLoss();
  }

  private reportLoss(): void {
    for (const listener of this.listeners) listener();
  }
}
