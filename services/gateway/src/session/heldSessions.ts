import { keepWatching, type Bucket, type KvUpdate } from '@pizzapi/backbone';
import { retry, sleep, type Logger } from '@pizzapi/process';
import { BoundedMap, CodedError, type OwnerRow, type SessionInfo } from '@pizzapi/protocol';
import { RecentRevisions } from './recentRevisions.js';

/** Sessions that stay in memory after their last use. */
export const MAX_IDLE_SESSIONS = 10_000;
/** The revision of what was not read, or may have changed unseen. */
const UNREAD = -1;
/** Reads of a row that is older than what the watch has reported, and the pause between them, in ms. */
const STALE_READS = 20;
const STALE_PAUSE_MS = 50;
/** Held sessions that are read again at once. */
const RELOAD_BATCH = 500;

/** What is held of the projection of a session: all but its checkpoints. */
export interface ProjectedSession {
  info: SessionInfo;
  logBytes?: number | undefined;
}

/** A bucket that is too large to hold. */
export type RowSource<T> = Pick<Bucket<T>, 'name' | 'get' | 'getMany' | 'list' | 'updates'>;

/** A write of one key. */
export type RowChange<T> = Extract<KvUpdate<T>, { kind: 'value' | 'gone' }>;

interface StoredRow<T> {
  value: T;
  revision: number;
}

interface HeldSession {
  owner: OwnerRow | undefined;
  ownerRevision: number;
  row: ProjectedSession | undefined;
  rowRevision: number;
  holders: number;
}

/** Receives changes of held sessions, and of sessions that `isFollowed` names. */
export interface HeldSessionsListener {
  /** `wasShown`: the former owner had the session in the list. */
  owned: (sid: string, after: OwnerRow | undefined, before: OwnerRow | undefined, wasShown: boolean) => void;
  projected: (sid: string, isNew: boolean) => void;
  /** The row of a session of this account was deleted. */
  removed: (sid: string, userId: string) => void;
  /** Changes may have been missed. What is held was read again. */
  gap: () => void;
}

export interface HeldSessionsDeps {
  owners: RowSource<OwnerRow>;
  rows: RowSource<ProjectedSession>;
  keyOf: (userId: string, sid: string) => string;
  /** Whether changes of a session count although it is not held. */
  isFollowed: (userId: string | undefined, sid: string) => boolean;
  listener: HeldSessionsListener;
  log: Logger;
  maxIdle?: number;
}

/**
 * The owners and projections of the sessions in use. Nothing is listed: a session is read when it is loaded, and one watch
 * of each bucket then keeps it exact. A held session stays; others stay until younger ones take their place.
 */
export class HeldSessions {
  private readonly held = new Map<string, HeldSession>();
  private readonly idle: BoundedMap<string, HeldSession>;
  private readonly recent = { owners: new RecentRevisions(), rows: new RecentRevisions() };
  private readonly rowListeners = new Set<(userId: string, sid: string, change: RowChange<ProjectedSession>) => void>();
  private readonly stopping = new AbortController();
  private readonly opened = { owners: false, rows: false };
  /** Rises with every gap: what was read before counts no more. */
  private generation = 0;
  private becomeReady: () => void = () => undefined;
  /** Resolves when no later change is missed. */
  readonly ready = new Promise<void>((resolve) => (this.becomeReady = resolve));

  constructor(private readonly deps: HeldSessionsDeps) {
    this.idle = new BoundedMap(deps.maxIdle ?? MAX_IDLE_SESSIONS);
  }

  get isReady(): boolean {
    return this.opened.owners && this.opened.rows;
  }

  /** The latest revision of the rows that the watch has reported. */
  get revision(): number {
    return this.recent.rows.latest;
  }

  /** How many sessions are in memory. */
  get size(): number {
    return this.held.size + this.idle.size;
  }

  start(): void {
    const { owners, rows, log } = this.deps;
    const { signal } = this.stopping;
    const watch = <T>(
      source: RowSource<T>,
      { part, prefix }: { part: 'owners' | 'rows'; prefix: string },
      onChange: (change: RowChange<T>) => void,
    ): void =>
      void keepWatching(
        async () => {
          for await (const update of source.updates({ signal, prefix })) {
            if (update.kind === 'value' || update.kind === 'gone') onChange(update);
            else this.open(part, update.revision);
          }
        },
        { signal, log, what: source.name },
      );
    // The keys of runners have a dot.
    watch(owners, { part: 'owners', prefix: '*' }, (change) => this.ownerChanged(change));
    watch(rows, { part: 'rows', prefix: '' }, (change) => this.rowChanged(change));
  }

  stop(): void {
    this.stopping.abort();
    this.rowListeners.clear();
  }

  /** Calls the listener for every change of a row, also of sessions that are not held. */
  onRow(listener: (userId: string, sid: string, change: RowChange<ProjectedSession>) => void): void {
    this.rowListeners.add(listener);
  }

  owner(sid: string): OwnerRow | undefined {
    return this.peek(sid)?.owner;
  }

  /** The projection of a session under its present owner. */
  row(sid: string): ProjectedSession | undefined {
    return this.peek(sid)?.row;
  }

  /** The revision of the projection that is in memory. */
  revisionOf(sid: string): number {
    return this.peek(sid)?.rowRevision ?? UNREAD;
  }

  isOwnerLoaded(sid: string): boolean {
    return (this.peek(sid)?.ownerRevision ?? UNREAD) !== UNREAD;
  }

  /** Holds a session until the returned function is called. A held session is not loaded by that. */
  hold(sid: string): () => void {
    const session = this.peek(sid) ?? newSession();
    session.holders++;
    this.idle.delete(sid);
    this.held.set(sid, session);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      if (--session.holders > 0) return;
      this.held.delete(sid);
      this.idle.set(sid, session);
    };
  }

  /** Loads the owner of a session. `again` reads it also when it is in memory. */
  async loadOwner(sid: string, again = false): Promise<void> {
    if (!again && this.touch(sid).ownerRevision !== UNREAD) return;
    this.applyOwner(sid, await this.read(this.deps.owners, this.recent.owners, sid));
  }

  /** Loads a session: its owner, and its projection under this owner. */
  async load(sid: string): Promise<void> {
    // The owner may change while the row is read.
    for (let userId: string | undefined; ;) {
      await this.loadOwner(sid);
      const session = this.touch(sid);
      if (session.owner === undefined || session.owner.userId === userId || session.rowRevision !== UNREAD) return;
      userId = session.owner.userId;
      this.applyRow(sid, userId, await this.read(this.deps.rows, this.recent.rows, this.deps.keyOf(userId, sid)));
    }
  }

  /** Loads sessions in few requests. The caller holds them: otherwise those loaded later may take the place of others. */
  async loadAll(sids: readonly string[]): Promise<void> {
    const { owners, rows, keyOf } = this.deps;
    const { generation } = this;
    const unowned = sids.filter((sid) => !this.isOwnerLoaded(sid));
    if (unowned.length > 0) {
      const found = await owners.getMany(unowned);
      for (const sid of unowned) {
        const owner = found.get(sid);
        if (generation !== this.generation) break;
        if (!this.recent.owners.isStale(sid, owner?.revision)) this.applyOwner(sid, owner);
      }
    }
    const unread = sids.flatMap((sid) => {
      const userId = this.owner(sid)?.userId;
      return userId === undefined || this.isLoaded(sid) ? [] : [{ sid, userId, key: keyOf(userId, sid) }];
    });
    if (unread.length > 0) {
      const found = await rows.getMany(unread.map(({ key }) => key));
      for (const { sid, userId, key } of unread) {
        const row = found.get(key);
        if (generation !== this.generation) break;
        if (!this.recent.rows.isStale(key, row?.revision)) this.applyRow(sid, userId, row);
      }
    }
    await Promise.all(sids.filter((sid) => !this.isLoaded(sid)).map((sid) => this.load(sid)));
  }

  /** Whether the owner of a session and the projection under this owner are in memory. */
  isLoaded(sid: string): boolean {
    const session = this.peek(sid);
    if (session === undefined || session.ownerRevision === UNREAD) return false;
    return session.owner === undefined || session.rowRevision !== UNREAD;
  }

  private peek(sid: string): HeldSession | undefined {
    return this.held.get(sid) ?? this.idle.get(sid);
  }

  /** The session, which is then the youngest of those that are not held. */
  private touch(sid: string): HeldSession {
    const held = this.held.get(sid);
    if (held !== undefined) return held;
    const session = this.idle.get(sid) ?? newSession();
    this.idle.set(sid, session);
    return session;
  }

  /** Reads a row, again while it is older than what the watch has reported. */
  private async read<T>(source: RowSource<T>, recent: RecentRevisions, key: string): Promise<StoredRow<T> | undefined> {
    for (let reads = 0; reads < STALE_READS; reads++) {
      const { generation } = this;
      const found = await source.get(key);
      if (generation !== this.generation) continue;
      if (!recent.isStale(key, found?.revision)) return found;
      // A row of another shape reads as missing.
      if (found === undefined && reads === STALE_READS - 1) return undefined;
      await sleep(STALE_PAUSE_MS, this.stopping.signal);
    }
    throw new CodedError('unavailable', `The replicas of ${source.name} are behind`);
  }

  /** What a read has found. What the watch has reported meanwhile is later. */
  private applyOwner(sid: string, found: StoredRow<OwnerRow> | undefined): void {
    const session = this.touch(sid);
    if (found === undefined ? session.ownerRevision === UNREAD : found.revision > session.ownerRevision)
      this.setOwner(sid, session, found?.value, found?.revision ?? 0);
  }

  private setOwner(sid: string, session: HeldSession, after: OwnerRow | undefined, revision: number): void {
    const { owner: before, row } = session;
    session.owner = after;
    session.ownerRevision = revision;
    if (before?.userId !== after?.userId) {
      session.row = undefined;
      session.rowRevision = UNREAD;
    }
    if (before !== after) this.deps.listener.owned(sid, after, before, row !== undefined);
  }

  private applyRow(sid: string, userId: string, found: StoredRow<ProjectedSession> | undefined): void {
    const session = this.touch(sid);
    if (session.owner?.userId !== userId) return;
    if (found === undefined ? session.rowRevision !== UNREAD : found.revision <= session.rowRevision) return;
    session.row = found && slim(found.value);
    session.rowRevision = found?.revision ?? 0;
  }

  private ownerChanged(change: RowChange<OwnerRow>): void {
    const { key: sid, revision } = change;
    const after = change.kind === 'gone' ? undefined : change.read();
    this.recent.owners.record(sid, revision, after === undefined);
    const session = this.peek(sid);
    if (session === undefined) {
      if (this.deps.isFollowed(after?.userId, sid)) this.follow(sid);
      return;
    }
    if (revision < session.ownerRevision) return;
    this.setOwner(sid, session, after, revision);
    if (after !== undefined && session.rowRevision === UNREAD) this.follow(sid);
  }

  private rowChanged(change: RowChange<ProjectedSession>): void {
    const { key, revision } = change;
    const dot = key.indexOf('.');
    if (dot < 0) return;
    const [userId, sid] = [key.slice(0, dot), key.slice(dot + 1)];
    for (const listener of this.rowListeners) listener(userId, sid, change);
    const session = this.peek(sid);
    const isHeld = session !== undefined && session.ownerRevision !== UNREAD;
    const isRelevant = isHeld || this.deps.isFollowed(userId, sid);
    const after = isRelevant && change.kind === 'value' ? change.read() : undefined;
    this.recent.rows.record(key, revision, isRelevant ? after === undefined : change.kind === 'gone');
    if (!isRelevant) return;
    if (!isHeld) return after === undefined ? this.deps.listener.removed(sid, userId) : this.follow(sid);
    if (session.owner?.userId !== userId) {
      // A row of the account that had the session before, or one that arrived before its owner.
      if (after === undefined) this.deps.listener.removed(sid, userId);
      return;
    }
    if (revision < session.rowRevision) return;
    const isNew = session.row === undefined;
    session.row = after && slim(after);
    session.rowRevision = revision;
    if (after !== undefined) this.deps.listener.projected(sid, isNew);
    else if (!isNew) this.deps.listener.removed(sid, userId);
  }

  /** Loads a session of which a change was reported, and reports it. */
  private follow(sid: string): void {
    this.load(sid).then(
      () => this.row(sid) !== undefined && this.deps.listener.projected(sid, true),
      (err: unknown) =>
        this.deps.log.warn({ err, sid }, 'a changed session could not be read; the next change reads it again'),
    );
  }

  private open(part: 'owners' | 'rows', revision: number): void {
    const isReset = this.opened[part];
    this.opened[part] = true;
    this.recent[part].reset(revision);
    if (isReset) void this.reload();
    else if (this.isReady) this.becomeReady();
  }

  /** After a gap everything in memory may be outdated. */
  private async reload(): Promise<void> {
    const { listener, log } = this.deps;
    const generation = ++this.generation;
    this.idle.clear();
    for (const session of this.held.values()) session.ownerRevision = session.rowRevision = UNREAD;
    const readAll = async (): Promise<void> => {
      for (;;) {
        const sids = [...this.held.keys()].filter((sid) => !this.isLoaded(sid)).slice(0, RELOAD_BATCH);
        if (sids.length === 0 || generation !== this.generation) return;
        const before = new Map(sids.map((sid) => [sid, this.row(sid)]));
        await this.loadAll(sids);
        for (const sid of sids) if (this.row(sid) !== undefined) listener.projected(sid, before.get(sid) === undefined);
      }
    };
    await retry(readAll, {
      signal: this.stopping.signal,
      onRetry: (err) => log.warn({ err }, 'the sessions in use could not be read again after a gap; trying again'),
    });
    if (generation === this.generation) listener.gap();
  }
}

const newSession = (): HeldSession => ({
  ...{ owner: undefined, ownerRevision: UNREAD, row: undefined, rowRevision: UNREAD },
  holders: 0,
});

const slim = ({ info, logBytes }: ProjectedSession): ProjectedSession => ({ info, logBytes });
