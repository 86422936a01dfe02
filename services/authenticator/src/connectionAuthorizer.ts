import { bucket, type Backbone } from '@pizzapi/backbone';
import {
  isAccountRow,
  isKeyRow,
  isOwnerRow,
  isRunnerOwnerRow,
  type AccountRow,
  type KeyRow,
  type RunnerOwnerRow,
} from '@pizzapi/protocol';
import { MAX_KEPT_SESSIONS } from './permissions.js';
import { accountKey, faultOf } from './tables.js';
import { parseConnectionName } from './connectionName.js';

/** How long a look-up waits for a watch to catch up with what was just written, in ms. */
const CATCH_UP_MS = 500;
const CATCH_UP_POLL_MS = 10;

interface SessionOwner {
  userId: string;
  runnerId: string;
  epoch: number;
}

/**
 * Keys, accounts and owners as they are now, watched into memory: what a connection that was let in once still may,
 * can only be asked of all of them, again and again.
 */
export class ConnectionAuthorizer {
  private readonly keys = new Map<string, KeyRow>();
  private readonly keysById = new Map<string, KeyRow>();
  private readonly accounts = new Map<string, AccountRow>();
  private readonly runners = new Map<string, RunnerOwnerRow>();
  private readonly sessions = new Map<string, SessionOwner>();
  private readonly kept = new Map<string, Set<string>>();
  private readonly listeners: (() => void)[] = [];
  private ownersSeen = 0;
  /** Resolves when the watch has ended, and rejects when it cannot go on: then nothing that is revoked is seen. */
  watching: Promise<void> = Promise.resolve();

  constructor(private readonly b: Backbone) {}

  /** Resolves when all there was has been read. Watches on until the signal aborts; see `watching`. */
  async start(signal: AbortSignal): Promise<void> {
    const watches = [
      this.watch('api-keys', '', signal, (key, value) => this.setKey(key, isKeyRow(value) ? value : undefined)),
      this.watch('accounts', 'user.', signal, (key, value) => this.setAccount(key, value)),
      this.watch('owners', '', signal, (key, value, revision) => this.setOwner(key, value, revision)),
    ];
    this.watching = Promise.all(watches.map(({ over }) => over)).then(() => undefined);
    await Promise.race([Promise.all(watches.map(({ ready }) => ready)), this.watching]);
  }

  /** Calls `fn` after a change that may have taken something from somebody. */
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
      return this.isGood(key, now) && (runner === undefined || runner.userId === key?.userId);
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

  /** Waits, briefly, until the watch has seen the grant of this epoch. */
  async seen(epoch: number): Promise<void> {
    const deadline = Date.now() + CATCH_UP_MS;
    while (this.ownersSeen < epoch && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, CATCH_UP_POLL_MS));
  }

  private isRunnerGood({ keyHash }: RunnerOwnerRow, now: number): boolean {
    return keyHash !== undefined && this.isGood(this.keys.get(keyHash), now);
  }

  private isGood(key: KeyRow | undefined, now: number): boolean {
    return faultOf(key, key && this.accounts.get(accountKey(key.userId)), now) === undefined;
  }

  private watch(
    name: string,
    prefix: string,
    signal: AbortSignal,
    set: (key: string, value: unknown, revision: number) => void,
  ): { ready: Promise<void>; over: Promise<void> } {
    let told: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => (told = resolve));
    const follow = async (): Promise<void> => {
      for await (const change of bucket<unknown>(this.b, name).watch({ signal, prefix })) {
        if (change.kind === 'ready') told();
        else set(change.key, change.kind === 'value' ? change.value : undefined, change.revision);
      }
    };
    return { ready, over: follow() };
  }

  private setKey(hash: string, row: KeyRow | undefined): void {
    const before = this.keys.get(hash);
    if (before !== undefined && before.id !== row?.id) this.keysById.delete(before.id);
    if (row === undefined) this.keys.delete(hash);
    else {
      this.keys.set(hash, row);
      this.keysById.set(row.id, row);
    }
    if (before !== undefined && row === undefined) this.tell();
  }

  private setAccount(key: string, value: unknown): void {
    const before = this.accounts.get(key);
    if (isAccountRow(value)) this.accounts.set(key, value);
    else this.accounts.delete(key);
    const after = this.accounts.get(key);
    if (before !== undefined && (after === undefined || after.disabledAt !== before.disabledAt)) this.tell();
  }

  private setOwner(key: string, value: unknown, revision: number): void {
    this.ownersSeen = Math.max(this.ownersSeen, revision);
    if (key.startsWith('runner.')) return this.setRunner(key.slice('runner.'.length), value);
    const before = this.sessions.get(key);
    if (before !== undefined) this.kept.get(before.runnerId)?.delete(key);
    if (!isOwnerRow(value)) this.sessions.delete(key);
    else {
      this.sessions.set(key, { userId: value.userId, runnerId: value.runnerId, epoch: revision });
      const kept = this.kept.get(value.runnerId) ?? new Set();
      this.kept.set(value.runnerId, kept.add(key));
    }
    const after = this.sessions.get(key);
    if (before !== undefined && (after?.runnerId !== before.runnerId || after.userId !== before.userId)) this.tell();
  }

  private setRunner(rid: string, value: unknown): void {
    const before = this.runners.get(rid);
    if (isRunnerOwnerRow(value)) this.runners.set(rid, value);
    else this.runners.delete(rid);
    const after = this.runners.get(rid);
    if (before !== undefined && (after?.userId !== before.userId || after.keyHash !== before.keyHash)) this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
