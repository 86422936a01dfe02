import { createHash, randomBytes } from 'node:crypto';
import { shareRows, WatchCache, type Backbone } from '@pizzapi/backbone';
import type { Logger } from '@pizzapi/process';
import { allowsMore, CodedError, newId, type ShareMode, type ShareRow } from '@pizzapi/protocol';

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
  /** ms since epoch. */
  expiresAt: number;
}

export type CreateShareOutcome =
  { kind: 'created'; share: ShareRow; scan: { code: string; until: number } } | { kind: 'too_many' };

const keyOf = (sid: string, shareId: string): string => `${sid}.${shareId}`;
const hashOf = (code: string): string => createHash('sha256').update(code).digest('hex');

/** The share links. Every gateway learns here of what was changed through another, and tells its listeners. */
export class ShareStore {
  private readonly cache: WatchCache<ShareRow>;
  private readonly rows;
  private readonly listeners = new Set<(change: ShareChange) => void>();
  /** Keys of the links by the hashes of their short addresses. */
  private readonly scans = new Map<string, string>();
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
      this.changed(after, before);
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

  /** The link that a short address leads to now. */
  scanned(code: string): ShareRow | undefined {
    const share = this.cache.peek(this.scans.get(hashOf(code)) ?? '');
    return share?.scan !== undefined && share.scan.until > this.now() && this.lives(share) ? share : undefined;
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
  async create({ sid, userId, mode, expiresAt }: NewShare): Promise<CreateShareOutcome> {
    const all = this.all(sid);
    if (all.filter((share) => this.lives(share)).length >= MAX_LIVE_SHARES) return { kind: 'too_many' };
    const over = all.filter((share) => !this.lives(share));
    await Promise.all(over.map(({ shareId }) => this.rows.delete(keyOf(sid, shareId))));
    const createdAt = this.now();
    const code = randomBytes(SCAN_BYTES).toString('base64url');
    const until = Math.min(createdAt + SCAN_MS, expiresAt);
    const scan = { hash: hashOf(code), until };
    const share: ShareRow = { shareId: newId('sh'), sessionId: sid, userId, mode, createdAt, expiresAt, scan };
    await this.cache.settled(await this.rows.put(keyOf(sid, share.shareId), share));
    return { kind: 'created', share, scan: { code, until } };
  }

  /** Ends a link. False when there is none that lives. */
  revoke(sid: string, shareId: string): Promise<boolean> {
    return this.change(sid, shareId, (share) => ({ ...share, revokedAt: this.now() }));
  }

  /** Ends every link of a session, and says which. Also those that were made a moment ago by another gateway. */
  async revokeAll(sid: string): Promise<string[]> {
    const ids = (await this.rows.keys(keyOf(sid, ''))).map((key) => key.slice(keyOf(sid, '').length));
    const ended = ids.map(async (shareId) => ((await this.revoke(sid, shareId)) ? [shareId] : []));
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
    for (const { expiresAt, shareId: id } of this.cache.values())
      if (expiresAt > from && expiresAt <= to) this.tell({ kind: 'share_revoked', id });
  }

  private tell(change: ShareChange): void {
    for (const listener of [...this.listeners]) listener(change);
  }

  private all(sid: string): ShareRow[] {
    return [...this.cache.values()].filter(({ sessionId }) => sessionId === sid);
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
