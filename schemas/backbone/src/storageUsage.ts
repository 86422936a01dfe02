import {
  CodedError,
  describeUse,
  errorInfo,
  formatBytes,
  type BlobRow,
  type ErrorInfo,
  type UsageRow,
} from '@pizzapi/protocol';
import { KeyedSerialQueue, sleep } from '@pizzapi/process';
import type { Backbone } from './connection.js';
import type { Bucket } from './bucket.js';
import { KV_PATIENCE_MS } from './retryDelay.js';
import { usageRows } from './tables.js';

/** Bytes that may be stored for one account, one session and one link; 0 = without limit. */
export interface StorageLimits {
  account: number;
  session: number;
  link: number;
}

export const NO_STORAGE_LIMITS: StorageLimits = { account: 0, session: 0, link: 0 };

/** For whom bytes are stored: each has a row that says how many there are. */
export interface StorageOwners {
  userId: string;
  sid: string;
  link?: string | undefined;
}

type Party = keyof StorageLimits;

/** What is used of a limit; 0 = without limit. */
export interface StorageUse {
  of: Party;
  used: number;
  limit: number;
}

/** Bytes of logs that count for the same limits as files. */
export type LogBytes = Partial<Record<Party, number>>;

/** Which limit is reached. `relay`: that of the log, or of the store of all blobs. */
export type StorageShortage = { of: 'relay' } | (StorageUse & { adding: number });

export type ChargeOutcome = { kind: 'charged' } | { kind: 'full'; shortage: StorageShortage };

/** The longest pause between two attempts that conflict with another writer of the row, in ms. */
const CONFLICT_PAUSE_MS = 25;
/**
 * After this time without a change of a row, in ms, no upload is between its charge and the row of its blob: these are
 * two writes of a bucket, each tried for ten seconds at most.
 */
export const QUIET_MS = 10 * 60_000;

/**
 * Counts the bytes that are stored for accounts, sessions and links, in rows that are written by compare-and-set: exact
 * with any number of gateways and authenticators. Bytes are charged before they are stored, and given back after they
 * were removed: a crash in between leaves a count that is too high, until `recount` mends it.
 */
export class StorageUsage {
  private readonly rows: Bucket<UsageRow>;
  /** Changes of a row by this process wait for each other here, so that they do not conflict at the server. */
  private readonly changes = new KeyedSerialQueue();

  constructor(
    b: Backbone,
    private readonly limits: StorageLimits,
  ) {
    this.rows = usageRows(b);
  }

  /** Adds bytes for all of the owners, or for none when one of them has no room. Throws `unavailable`. */
  async charge(owners: StorageOwners, bytes: number): Promise<ChargeOutcome> {
    const charged: string[] = [];
    for (const [of, key] of keysOf(owners)) {
      const limit = this.limits[of];
      const outcome = await this.change(key, bytes, limit);
      if (outcome === undefined) {
        charged.push(key);
        continue;
      }
      for (const done of charged) await this.change(done, -bytes);
      return { kind: 'full', shortage: { of, used: outcome.used, limit, adding: bytes } };
    }
    return { kind: 'charged' };
  }

  /** Takes bytes off for all of the owners. Throws `unavailable`. */
  async giveBack(owners: StorageOwners, bytes: number): Promise<void> {
    for (const [, key] of keysOf(owners)) await this.change(key, -bytes);
  }

  /** Returns what is used of each limit of these owners. `logs`: sizes of their logs, which are counted elsewhere. */
  async read(
    owners: Pick<StorageOwners, 'userId'> & Partial<StorageOwners>,
    logs: LogBytes = {},
  ): Promise<StorageUse[]> {
    return Promise.all(
      keysOf(owners).map(async ([of, key]) => ({
        of,
        used: ((await this.rows.get(key))?.value.bytes ?? 0) + (logs[of] ?? 0),
        limit: this.limits[of],
      })),
    );
  }

  /** Whether there is a limit of what one of these may use. */
  isLimited(of: keyof StorageLimits): boolean {
    return this.limits[of] > 0;
  }

  /** What is in the way of storing so many bytes more, or undefined. What is stored at the same moment does not count. */
  async shortage(owners: StorageOwners, adding: number, logs: LogBytes = {}): Promise<StorageShortage | undefined> {
    const full = (await this.read(owners, logs)).find(({ used, limit }) => limit > 0 && used + adding > limit);
    return full && { ...full, adding };
  }

  /** The bytes of each session of an account that has any. */
  async sessionsOf(userId: string): Promise<Map<string, number>> {
    const prefix = `session.${userId}.`;
    const rows = await this.rows.all(prefix);
    return new Map([...rows].map(([key, { bytes }]) => [key.slice(prefix.length), bytes]));
  }

  /** The rows there are, for `recount`. */
  async snapshot(): Promise<Map<string, UsageRow>> {
    const parties = await Promise.all(['account.', 'session.', 'link.'].map((prefix) => this.rows.all(prefix)));
    return new Map(parties.flatMap((rows) => [...rows]));
  }

  /**
   * Sets the rows that differ from what the rows of all blobs add up to. `before` was read before those were. Rows that
   * have changed lately are left for the next time, because an upload may be between two writes. Returns how many were
   * corrected.
   */
  async recount(
    before: ReadonlyMap<string, UsageRow>,
    sums: ReadonlyMap<string, number>,
    quietMs = QUIET_MS,
  ): Promise<number> {
    let mended = 0;
    for (const key of new Set([...before.keys(), ...sums.keys()])) {
      const known = before.get(key);
      const sum = sums.get(key) ?? 0;
      if (known?.bytes === sum || (known?.at ?? 0) > Date.now() - quietMs) continue;
      if (await this.mend(key, known, sum)) mended++;
    }
    return mended;
  }

  private async mend(key: string, known: UsageRow | undefined, sum: number): Promise<boolean> {
    const value = { bytes: sum, at: Date.now() };
    const found = await this.rows.get(key);
    if (found?.value.at !== known?.at) return false;
    const written =
      found === undefined ? await this.rows.create(key, value) : await this.rows.update(key, value, found.revision);
    return written.kind === 'stored';
  }

  /** Undefined when it is done, else what is used: there is no room. */
  private change(key: string, delta: number, limit = 0): Promise<{ used: number } | undefined> {
    return this.changes.run(key, () => this.changeNow(key, delta, limit));
  }

  private async changeNow(key: string, delta: number, limit: number): Promise<{ used: number } | undefined> {
    const deadline = Date.now() + KV_PATIENCE_MS;
    for (;;) {
      const found = await this.rows.get(key);
      const used = found?.value.bytes ?? 0;
      if (delta > 0 && limit > 0 && used + delta > limit) return { used };
      const value = { bytes: Math.max(0, used + delta), at: Date.now() };
      if (found === undefined && value.bytes === 0) return undefined;
      const written =
        found === undefined
          ? await this.rows.create(key, value)
          : value.bytes === 0
            ? await this.rows.delete(key, { revision: found.revision })
            : await this.rows.update(key, value, found.revision);
      if (written.kind === 'stored') return undefined;
      if (Date.now() > deadline)
        throw new CodedError('unavailable', 'The storage counter of the account was changed concurrently');
      await sleep(Math.random() * CONFLICT_PAUSE_MS);
    }
  }
}

/** The rows of these owners, the one with the least room first. */
export function keysOf({ userId, sid, link }: Partial<StorageOwners> & { userId: string }): [of: Party, key: string][] {
  return [
    ...(link === undefined ? [] : [['link', `link.${userId}.${link}`] as [Party, string]]),
    ...(sid === undefined ? [] : [['session', `session.${userId}.${sid}`] as [Party, string]]),
    ['account', `account.${userId}`],
  ];
}

/** What the rows of blobs add up to, by the rows that count them. */
export function storageSums(rows: ReadonlyMap<string, BlobRow>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [key, { size, link }] of rows) {
    const [userId, sid] = key.split('.');
    if (userId === undefined) continue;
    for (const [, of] of keysOf({ userId, ...(sid === undefined ? {} : { sid }), link }))
      sums.set(of, (sums.get(of) ?? 0) + size);
  }
  return sums;
}

/**
 * Which limit is reached, how much of it is used, and how much was to be added. A guest is not told what the account
 * behind the session stores.
 */
export function storageFull(shortage: StorageShortage, forGuest = false): ErrorInfo {
  if (shortage.of === 'relay') return errorInfo('storage_full', 'This gateway has no storage left');
  if (shortage.of === 'account' && forGuest)
    return errorInfo('storage_full', 'The account of this session has no storage left');
  return errorInfo('storage_full', `${describeUse(shortage)}; ${formatBytes(shortage.adding)} more were requested`);
}
