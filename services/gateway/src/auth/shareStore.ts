import { createHash, randomBytes } from 'node:crypto';
import { shareRows, WatchCache, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import { allowsMore, CodedError, newId, NO_EXPIRY, type ShareMode, type ShareRow } from '@pizzapi/protocol';
import { KeyIndex } from './keyIndex.js';

/** Links of one session that may live at once. */
export const MAX_LIVE_SHARES = 100;
/** Attempts at a change of a link that others change meanwhile. */
const ATTEMPTS = 5;
/** How long the short address of a link leads there, in ms: as long as it may be on a screen to be scanned. */
export const SCAN_MS = 60 * 60_000;
/** Random bytes of a short address. */
const SCAN_BYTES = 12;
/** How often links that have expired meanwhile are looked for, in ms. */
const EXPIRY_MS = 1_000;

/** A link may do less than before. */
export type ShareChange =
  /** It was revoked, has expired, or went with its session. */
  | { kind: 'share_revoked'; id: string }
  /** It was taken back to writing or to watching. */
  | { kind: 'share_restricted'; id: string };

/** `raised`: it allows less than what was asked for, and a link is never raised. */
export type RestrictOutcome = 'restricted' | 'unchanged' | 'raised' | 'missing';

export interface NewShare {
  sid: string;
  userId: string;
  mode: ShareMode;
  /** Guests may also read the files of the session's folder. */
  files?: boolean;
  /** ms since epoch. */
  expiresAt: number;
}

export type CreateShareOutcome =
  { kind: 'created'; share: ShareRow; scan: { code: string; until: number } } | { kind: 'too_many' };

/** What a session is shared with an account for. */
export interface NewPersonShare {
  sid: string;
  userId: string;
  grantee: string;
  /** How the owner named the account. */
  grantedAs: string;
  mode: ShareMode;
}

export type CreatePersonShareOutcome = { kind: 'created' | 'unchanged'; share: ShareRow } | { kind: 'too_many' };

const keyOf = (sid: string, shareId: string): string => `${sid}.${shareId}`;
const hashOf = (code: string): string => createHash('sha256').update(code).digest('hex');

/** The share links. Every gateway learns here of what was changed through another, and tells its listeners. */
export class ShareStore {
  private readonly cache: WatchCache<ShareRow>;
  private readonly rows;
  private readonly listeners = new Set<(change: ShareChange) => void>();
  /** Keys of the links by the hashes of their short addresses. */
  private readonly scans = new Map<string, string>();
  /** Keys of all shares by session, and of those with an account by that account. */
  private readonly bySession = new KeyIndex();
  private readonly byGrantee = new KeyIndex();
  private readonly granteeListeners = new Set<(sid: string, grantee: string) => void>();
  private expiry: NodeJS.Timeout | undefined;
  /** The time up to which expired links have been reported. */
  private reportedUntil: number;

  constructor(
    b: Backbone,
    log: Logger,
    private readonly now: () => number = Date.now,
  ) {
    this.rows = shareRows(b);
    this.cache = new WatchCache(this.rows, { log });
    this.reportedUntil = now();
    this.cache.onChange((key, after, before) => {
      if (before?.scan !== undefined) this.scans.delete(before.scan.hash);
      if (after?.scan !== undefined) this.scans.set(after.scan.hash, key);
      const sessionId = after?.sessionId ?? before?.sessionId;
      if (sessionId !== undefined) this.bySession.set(sessionId, key, after !== undefined);
      const grantee = after?.grantee ?? before?.grantee;
      if (grantee !== undefined) this.byGrantee.set(grantee, key, after !== undefined);
      this.changed(after, before);
      if (sessionId !== undefined && grantee !== undefined) this.tellGrantee(sessionId, grantee);
    });
  }

  get ready(): Promise<void> {
    return this.cache.ready;
  }

  get isReady(): boolean {
    return this.cache.isReady;
  }

  start(): void {
    this.cache.start();
    this.expiry = setInterval(() => this.expire(), EXPIRY_MS).unref();
  }

  stop(): void {
    clearInterval(this.expiry);
    this.cache.stop();
    this.listeners.clear();
    this.granteeListeners.clear();
  }

  /** Calls the listener when what an account may do in a session of another account may have changed. */
  onGrantee(listener: (sid: string, grantee: string) => void): () => void {
    this.granteeListeners.add(listener);
    return () => void this.granteeListeners.delete(listener);
  }

  on(listener: (change: ShareChange) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** A link that may be used now. */
  async find(sid: string, shareId: string): Promise<ShareRow | undefined> {
    const share = await this.cache.get(keyOf(sid, shareId));
    return share !== undefined && this.lives(share) ? share : undefined;
  }

  /** The link that the short address without a fragment redirects to now. */
  scanned(code: string): ShareRow | undefined {
    const share = this.byCode(code);
    return share?.scan !== undefined && share.scan.until > this.now() ? share : undefined;
  }

  /** The link that the short address with a fragment opens, as long as the link is valid. */
  byCode(code: string): ShareRow | undefined {
    const share = this.cache.peek(this.scans.get(hashOf(code)) ?? '');
    return share !== undefined && this.lives(share) ? share : undefined;
  }

  /** The share that gives an account the most rights in a session of another account, or undefined. */
  grantOf(userId: string, sid: string): ShareRow | undefined {
    return this.strongest(this.of(this.byGrantee, userId).filter(({ sessionId }) => sessionId === sid));
  }

  /** The shares of all sessions that are shared with an account, one for each session. */
  grantsOf(userId: string): ShareRow[] {
    const sids = new Set(this.of(this.byGrantee, userId).map(({ sessionId }) => sessionId));
    return [...sids].flatMap((sid) => this.grantOf(userId, sid) ?? []);
  }

  /** The accounts that a session is shared with. */
  granteesOf(sid: string): string[] {
    const living = this.all(sid).filter((share) => this.lives(share));
    return [...new Set(living.flatMap(({ grantee }) => grantee ?? []))];
  }

  /** The sessions that an account shares with other accounts, each with one of them. */
  sharedBy(userId: string): { sid: string; grantee: string }[] {
    return [...this.cache.values()].flatMap(({ userId: owner, sessionId: sid, grantee }) =>
      owner === userId && grantee !== undefined ? [{ sid, grantee }] : [],
    );
  }

  /**
   * Returns what a link that was found before allows now; undefined = nothing. Reads from memory: a link that the watch
   * has not reported yet is as it was found.
   */
  modeNow(sid: string, shareId: string, found: ShareMode): ShareMode | undefined {
    const share = this.cache.peek(keyOf(sid, shareId));
    if (share === undefined) return found;
    return this.lives(share) ? share.mode : undefined;
  }

  /** The links of a session that have not expired, the newest first; revoked ones say so. */
  list(sid: string): ShareRow[] {
    const unexpired = this.all(sid).filter(({ expiresAt }) => expiresAt > this.now());
    return unexpired.sort((a, b) => b.createdAt - a.createdAt);
  }

  /** Makes a link, and tidies away those of the session that are over. Resolves when the link is known here. */
  async create({ sid, userId, mode, files, expiresAt }: NewShare): Promise<CreateShareOutcome> {
    if (!(await this.makeRoom(sid))) return { kind: 'too_many' };
    const createdAt = this.now();
    const code = randomBytes(SCAN_BYTES).toString('base64url');
    const until = Math.min(createdAt + SCAN_MS, expiresAt);
    const scan = { hash: hashOf(code), until };
    const ids = { shareId: newId('sh'), sessionId: sid, userId };
    const share: ShareRow = { ...ids, mode, createdAt, expiresAt, scan, ...(files === true ? { files } : {}) };
    await this.cache.settled(await this.rows.put(keyOf(sid, share.shareId), share));
    return { kind: 'created', share, scan: { code, until } };
  }

  /**
   * Shares a session with an account until that is revoked. One share of the same account with other rights is replaced.
   * Resolves when the share is known here.
   */
  async createForPerson({ sid, userId, grantee, grantedAs, mode }: NewPersonShare): Promise<CreatePersonShareOutcome> {
    const before = this.grantOf(grantee, sid);
    if (before?.mode === mode) return { kind: 'unchanged', share: before };
    if (!(await this.makeRoom(sid))) return { kind: 'too_many' };
    const ids = { shareId: newId('sh'), sessionId: sid, userId, grantee, grantedAs };
    const share: ShareRow = { ...ids, mode, createdAt: this.now(), expiresAt: NO_EXPIRY };
    await this.cache.settled(await this.rows.put(keyOf(sid, share.shareId), share));
    const others = this.all(sid).filter((other) => other.grantee === grantee && other.shareId !== share.shareId);
    await Promise.all(others.map(({ shareId }) => this.revoke(sid, shareId)));
    return { kind: 'created', share };
  }

  /** Removes the shares of a session that are over. False when as many as there may be are still valid. */
  private async makeRoom(sid: string): Promise<boolean> {
    const all = this.all(sid);
    if (all.filter((share) => this.lives(share)).length >= MAX_LIVE_SHARES) return false;
    const over = all.filter((share) => !this.lives(share));
    await Promise.all(over.map(({ shareId }) => this.rows.delete(keyOf(sid, shareId))));
    return true;
  }

  /** Ends a link. False when there is none that lives. */
  revoke(sid: string, shareId: string): Promise<boolean> {
    return this.change(sid, shareId, (share) => ({ ...share, revokedAt: this.now() }));
  }

  /** Ends every share of a session, and returns them. Also those that were made a moment ago by another gateway. */
  async revokeAll(sid: string): Promise<ShareRow[]> {
    const keys = await this.rows.keys(keyOf(sid, ''));
    const ended = keys.map(async (key) => {
      const found = (await this.rows.get(key))?.value;
      return found !== undefined && (await this.revoke(sid, found.shareId)) ? [found] : [];
    });
    return (await Promise.all(ended)).flat();
  }

  /** Takes a link back to `mode`. `missing` when there is none that lives. */
  async restrict(sid: string, shareId: string, mode: ShareMode): Promise<RestrictOutcome> {
    const lowered = (share: ShareRow) => (allowsMore(share.mode, mode) ? { ...share, mode } : undefined);
    if (await this.change(sid, shareId, lowered)) return 'restricted';
    const now = (await this.rows.get(keyOf(sid, shareId)))?.value;
    if (now === undefined || !this.lives(now)) return 'missing';
    return now.mode === mode ? 'unchanged' : 'raised';
  }

  /** Forgets the links of a session that is no more. */
  async forget(sid: string): Promise<void> {
    await Promise.all((await this.rows.keys(keyOf(sid, ''))).map((key) => this.rows.delete(key)));
  }

  private changed(after: ShareRow | undefined, before: ShareRow | undefined): void {
    if (before === undefined || before.revokedAt !== undefined) return;
    const { shareId: id } = before;
    if (after === undefined || after.revokedAt !== undefined) this.tell({ kind: 'share_revoked', id });
    else if (after.mode !== before.mode) this.tell({ kind: 'share_restricted', id });
  }

  private expire(): void {
    const [from, to] = [this.reportedUntil, this.now()];
    this.reportedUntil = to;
    for (const { expiresAt, shareId: id, sessionId, grantee } of this.cache.values()) {
      if (expiresAt <= from || expiresAt > to) continue;
      this.tell({ kind: 'share_revoked', id });
      if (grantee !== undefined) this.tellGrantee(sessionId, grantee);
    }
  }

  private tell(change: ShareChange): void {
    for (const listener of [...this.listeners]) listener(change);
  }

  private tellGrantee(sid: string, grantee: string): void {
    for (const listener of [...this.granteeListeners]) listener(sid, grantee);
  }

  private all(sid: string): ShareRow[] {
    return this.of(this.bySession, sid);
  }

  private of(index: KeyIndex, name: string): ShareRow[] {
    return index.keys(name).flatMap((key) => this.cache.peek(key) ?? []);
  }

  private strongest(shares: readonly ShareRow[]): ShareRow | undefined {
    const living = shares.filter((share) => this.lives(share));
    return living.sort((a, b) =>
      a.mode === b.mode ? a.createdAt - b.createdAt : allowsMore(a.mode, b.mode) ? -1 : 1,
    )[0];
  }

  private lives({ revokedAt, expiresAt }: ShareRow): boolean {
    return revokedAt === undefined && expiresAt > this.now();
  }

  /**
   * Resolves when the change counts here; on other gateways it does as soon as their watch tells. False when there is no
   * link that lives, or nothing of it to change.
   */
  private async change(
    sid: string,
    shareId: string,
    evolve: (share: ShareRow) => ShareRow | undefined,
  ): Promise<boolean> {
    const key = keyOf(sid, shareId);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.rows.get(key);
      const next = found !== undefined && this.lives(found.value) ? evolve(found.value) : undefined;
      if (found === undefined || next === undefined) return false;
      const written = await this.rows.update(key, next, found.revision);
      if (written.kind === 'conflict') continue;
      await this.cache.settled(written.revision);
      return true;
    }
    throw new CodedError('unavailable', 'The link was changed concurrently; try again');
  }
}
