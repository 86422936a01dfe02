import {
  bucket,
  ownerRows,
  RUNNER_OWNER_PREFIX,
  runnerOwnerRows,
  sessionRowKey,
  WatchCache,
  type Backbone,
} from '@pizzapi/backbone';
import { retry, type Logger } from '@pizzapi/process';
import {
  commonRights,
  isMap,
  type OwnerRow,
  type RunnerInfo,
  type RunnerOwnerRow,
  type RunnerRight,
  type SessionInfo,
} from '@pizzapi/protocol';
import { KeyIndex } from '../auth/keyIndex.js';
import { idInLease, isLeaseOf, type LeaseKind } from '../leaseKinds.js';
import { HeldLeases } from './heldLeases.js';
import { HeldSessions, type ProjectedSession, type RowChange, type RowSource } from './heldSessions.js';

/** The owner of what changed; undefined while it is unknown. */
interface Owned {
  owner: string | undefined;
}

/** What changed in the directory. */
export type DirectoryChange =
  | ({ kind: 'session'; session: SessionInfo; added: boolean } & Owned)
  | ({ kind: 'session_gone'; sid: string } & Owned)
  | { kind: 'host'; sid: string; state: 'connected' | 'lost' }
  | ({ kind: 'runner'; runner: RunnerInfo; added: boolean } & Owned)
  | ({ kind: 'runner_gone'; rid: string } & Owned)
  /** A session was granted to a host, for the first time since it is in memory. */
  | { kind: 'granted'; sid: string }
  /** A lease came or went, of something known or not. */
  | { kind: 'lease'; key: string; change: 'held' | 'released' | 'expired' }
  /** Changes of sessions may have been missed. */
  | { kind: 'gap' };

/** Live sessions that are read at once. */
const LOAD_BATCH = 500;

type Listener = (change: DirectoryChange) => void;
/** Whether the changes of a session are to be reported although nothing holds it. */
export type FollowRule = (userId: string | undefined, sid: string) => boolean;

const hasInfo = <I>(value: unknown): value is { info: I } => isMap(value) && isMap(value['info']);

/** Returns the owner in a row. A runner that was forgotten has none. */
const ownerIn = (row: RunnerOwnerRow | undefined): string | undefined =>
  row?.forgottenAt === undefined ? row?.userId : undefined;

/**
 * Runners, leases, and the sessions in use. A check answers from memory, after `load` has read the session that it names; a
 * session with a lease is always in memory. `host` and `online` come from the leases; whose a session is and which runner has
 * it, from the owners, which the authenticator alone writes: what an event says of that is not believed.
 */
export class Directory {
  readonly rows: RowSource<ProjectedSession>;
  private readonly sessions: HeldSessions;
  private readonly runners: WatchCache<{ info: RunnerInfo }>;
  private readonly runnerOwners: WatchCache<RunnerOwnerRow>;
  private readonly runnersByOwner = new KeyIndex();
  private readonly leases: HeldLeases;
  /** Releases the sessions that are held for their lease, by session. */
  private readonly live = new Map<string, () => void>();
  /** Sessions with a lease by their owner. */
  private readonly liveByOwner = new KeyIndex();
  private readonly listeners = new Set<Listener>();
  private readonly followRules: FollowRule[] = [];
  private readonly stopping = new AbortController();
  private leasesKnown = false;
  private leasesReady: () => void = () => undefined;
  private readonly leasesListed = new Promise<void>((resolve) => (this.leasesReady = resolve));

  constructor(
    b: Backbone,
    private readonly log: Logger,
    options: { maxIdle?: number } = {},
    /** The rights of the token with this SHA-256. Undefined: all. */
    private readonly rightsOfKey: (keyHash: string) => readonly RunnerRight[] | undefined = () => undefined,
  ) {
    this.rows = bucket<ProjectedSession>(b, 'sessions', { check: hasInfo<SessionInfo> });
    this.sessions = new HeldSessions({
      ...options,
      owners: ownerRows(b),
      rows: this.rows,
      keyOf: sessionRowKey,
      isFollowed: (userId, sid) => this.followRules.some((isFollowed) => isFollowed(userId, sid)),
      listener: {
        owned: (sid, after, before, wasShown) => this.sessionOwned(sid, after, before, wasShown),
        projected: (sid, isNew) => this.sessionChanged(sid, isNew),
        removed: (sid, owner) => this.tell({ kind: 'session_gone', sid, owner }),
        gap: () => this.tell({ kind: 'gap' }),
      },
      log,
    });
    this.leases = new HeldLeases(b, log, {
      changed: (key, change) => this.tell({ kind: 'lease', key, change }),
      settled: (key) => this.leaseChanged(key),
      listed: () => void this.listed(),
    });
    this.runnerOwners = new WatchCache(runnerOwnerRows(b), { prefix: RUNNER_OWNER_PREFIX, log });
    this.runnerOwners.onChange((rid, after, before) => this.runnerOwned(rid, ownerIn(after), ownerIn(before)));
    this.runners = new WatchCache(bucket(b, 'runners', { check: hasInfo<RunnerInfo> }), { log });
    this.runners.onChange((rid, after, before) => {
      if (after !== undefined) this.runnerChanged(rid, before === undefined);
      else if (before !== undefined) this.tell({ kind: 'runner_gone', rid, owner: this.userOfRunner(rid) });
    });
  }

  /** Resolves when all leases, the sessions that have one, and all runners are in memory. */
  get ready(): Promise<unknown> {
    return Promise.all([this.leasesListed, this.sessions.ready, ...this.caches.map(({ ready }) => ready)]);
  }

  get isReady(): boolean {
    return this.leasesKnown && this.sessions.isReady && this.caches.every(({ isReady }) => isReady);
  }

  private get caches() {
    return [this.runnerOwners, this.runners];
  }

  /** How many sessions are in memory. */
  get size(): number {
    return this.sessions.size;
  }

  /** The revision of the rows of sessions up to which all changes were reported. */
  get revision(): number {
    return this.sessions.revision;
  }

  start(): void {
    this.sessions.start();
    for (const cache of this.caches) cache.start();
    this.leases.start(this.stopping.signal);
  }

  stop(): void {
    this.stopping.abort();
    this.sessions.stop();
    for (const cache of this.caches) cache.stop();
    this.listeners.clear();
  }

  on(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Calls the listener for every write of a row of a session, in memory or not. */
  onRow(listener: (userId: string, sid: string, change: RowChange<ProjectedSession>) => void): void {
    this.sessions.onRow(listener);
  }

  /** Reports changes of the sessions that the rule names, too. */
  follow(rule: FollowRule): void {
    this.followRules.push(rule);
  }

  /** Keeps a session exact until the returned function is called, once it is loaded. */
  hold(sid: string): () => void {
    return this.sessions.hold(sid);
  }

  /** Brings a session into memory: the checks and lists below name it from then on. Throws `unavailable`. */
  load(sid: string): Promise<void> {
    return this.sessions.load(sid);
  }

  /** Brings the owner of a session into memory. `again` reads it also when it is there. */
  loadOwner(sid: string, again?: boolean): Promise<void> {
    return this.sessions.loadOwner(sid, again);
  }

  /** Brings many sessions into memory, in few requests. The caller holds them. */
  loadAll(sids: readonly string[]): Promise<void> {
    return this.sessions.loadAll(sids);
  }

  isOwnerLoaded(sid: string): boolean {
    return this.sessions.isOwnerLoaded(sid);
  }

  /** The owner of a session, or undefined without such a session in memory. */
  userOf(sid: string): string | undefined {
    return this.sessions.owner(sid)?.userId;
  }

  /** The runner that hosts a session, or hosted it last. */
  runnerOf(sid: string): string | undefined {
    return this.sessions.owner(sid)?.runnerId;
  }

  /** The owner of a runner, or undefined when it has none or was forgotten. */
  userOfRunner(rid: string): string | undefined {
    return ownerIn(this.runnerOwners.peek(rid));
  }

  /** The rights of the token with which a runner connected last. */
  private rightsOfToken(rid: string): readonly RunnerRight[] | undefined {
    const keyHash = this.runnerOwners.peek(rid)?.keyHash;
    return keyHash === undefined ? undefined : this.rightsOfKey(keyHash);
  }

  /** The runners that connected last with this key, without those that were forgotten. */
  runnersWithKey(keyHash: string): string[] {
    return [...this.runnerOwners.values()].flatMap((row) =>
      row.keyHash === keyHash && ownerIn(row) !== undefined ? [row.runnerId] : [],
    );
  }

  /** The session as a list shows it, or undefined while it is not in memory or the projection has not seen it. */
  session(sid: string): SessionInfo | undefined {
    const info = this.sessions.row(sid)?.info;
    return info === undefined ? undefined : this.shown(sid, info);
  }

  /** The revision of the row of a session in memory. */
  revisionOf(sid: string): number {
    return this.sessions.revisionOf(sid);
  }

  /** The bytes of the log of a session in memory. */
  logBytesOf(sid: string): number {
    return this.sessions.row(sid)?.logBytes ?? 0;
  }

  /** The sessions of an account whose host holds the lease. */
  liveOf(userId: string): string[] {
    return this.liveByOwner.keys(userId);
  }

  runner(rid: string): RunnerInfo | undefined {
    const info = this.runners.peek(rid)?.info;
    if (info === undefined) return undefined;
    const allow = commonRights(info.allow, this.rightsOfToken(rid));
    return { ...info, ...(allow === undefined ? {} : { allow }), online: this.isOnline(rid) };
  }

  /** All runners of a person, by name. */
  listRunners(userId: string): RunnerInfo[] {
    return this.runnersByOwner
      .keys(userId)
      .flatMap((rid) => this.runner(rid) ?? [])
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  /** How many leases of a kind are held. */
  countLeases(kind: LeaseKind): number {
    return this.leases.count(kind);
  }

  /** All runners that are online, of every person, by name. */
  onlineRunners(): RunnerInfo[] {
    return this.leases
      .ids('runner')
      .flatMap((rid) => this.runner(rid) ?? [])
      .sort((a, b) => a.name.localeCompare(b.name));
  }

  isOnline(rid: string): boolean {
    return this.leases.has('runner', rid);
  }

  /** Whether the host of a session holds its lease. */
  isHosted(sid: string): boolean {
    return this.leases.has('session', sid);
  }

  /** Waits until `condition` holds, asked again at every change; false when `ms` pass before. */
  async until(condition: () => boolean, ms: number): Promise<boolean> {
    if (condition()) return true;
    return new Promise((resolve) => {
      const settle = (value: boolean) => {
        off();
        clearTimeout(timer);
        resolve(value);
      };
      const off = this.on(() => condition() && settle(true));
      // After a standstill timers run before the sockets are read: what has come meanwhile counts.
      const timer = setTimeout(() => setImmediate(() => settle(condition())), ms);
    });
  }

  private shown(sid: string, info: SessionInfo): SessionInfo {
    const { userId = '', runnerId = info.runnerId } = this.sessions.owner(sid) ?? {};
    const known = { ...info, sessionId: sid, userId, runnerId };
    return info.state === 'ended' ? known : { ...known, host: this.isHosted(sid) ? 'connected' : 'lost' };
  }

  private sessionOwned(
    sid: string,
    after: OwnerRow | undefined,
    before: OwnerRow | undefined,
    wasShown: boolean,
  ): void {
    if (this.live.has(sid)) {
      if (before !== undefined) this.liveByOwner.set(before.userId, sid, false);
      if (after !== undefined) this.liveByOwner.set(after.userId, sid, true);
    }
    if (before?.userId === after?.userId) return;
    if (before !== undefined && wasShown) this.tell({ kind: 'session_gone', sid, owner: before.userId });
    if (before === undefined) this.tell({ kind: 'granted', sid });
  }

  private sessionChanged(sid: string, added: boolean): void {
    const session = this.session(sid);
    if (session !== undefined) this.tell({ kind: 'session', session, added, owner: this.userOf(sid) });
  }

  /** The row of a runner and its owner arrive independently: a runner that came before its owner is reported now. */
  private runnerOwned(rid: string, owner: string | undefined, former: string | undefined): void {
    if (owner === former) return;
    if (former !== undefined) this.runnersByOwner.set(former, rid, false);
    if (owner !== undefined) this.runnersByOwner.set(owner, rid, true);
    const runner = this.runner(rid);
    if (runner === undefined) return;
    if (former !== undefined) this.tell({ kind: 'runner_gone', rid, owner: former });
    if (owner !== undefined) this.tell({ kind: 'runner', runner, added: true, owner });
  }

  /** Loads the live sessions there were at the start. */
  private async listed(): Promise<void> {
    if (this.leasesKnown) return;
    const { signal } = this.stopping;
    const load = async () => {
      // What is read before the watches have begun could change unseen.
      await this.sessions.ready;
      for (;;) {
        const sids = [...this.live.keys()].filter((sid) => !this.sessions.isLoaded(sid)).slice(0, LOAD_BATCH);
        if (sids.length === 0) return;
        await this.sessions.loadAll(sids);
      }
    };
    await retry(load, {
      signal,
      onRetry: (err) => this.log.warn({ err }, 'the live sessions could not be read; reading them again'),
    });
    this.leasesKnown = true;
    this.leasesReady();
  }

  private leaseChanged(key: string): void {
    const id = idInLease(key);
    if (!isLeaseOf(key, 'session')) return this.runnerChanged(id, false);
    const isHosted = this.isHosted(id);
    const wasLive = this.live.has(id);
    if (isHosted && !wasLive) this.setLive(id);
    // Those of the start are loaded together.
    if (this.leasesKnown && isHosted && !this.sessions.isLoaded(id)) {
      void retry(() => this.sessions.load(id), {
        signal: this.stopping.signal,
        onRetry: (err) => this.log.warn({ err, sid: id }, 'a live session could not be read; reading it again'),
      }).then(() => this.stopping.signal.aborted || this.hostChanged(id));
    } else if (this.leasesKnown) this.hostChanged(id);
    if (!isHosted && wasLive) this.setNotLive(id);
  }

  private hostChanged(sid: string): void {
    // An ended session releases its lease: its host is not lost.
    if (this.sessions.row(sid)?.info.state !== 'ended')
      this.tell({ kind: 'host', sid, state: this.isHosted(sid) ? 'connected' : 'lost' });
    this.sessionChanged(sid, false);
  }

  private setLive(sid: string): void {
    this.live.set(sid, this.sessions.hold(sid));
    const owner = this.userOf(sid);
    if (owner !== undefined) this.liveByOwner.set(owner, sid, true);
  }

  private setNotLive(sid: string): void {
    this.live.get(sid)?.();
    this.live.delete(sid);
    const owner = this.userOf(sid);
    if (owner !== undefined) this.liveByOwner.set(owner, sid, false);
  }

  private runnerChanged(rid: string, added: boolean): void {
    const runner = this.runner(rid);
    if (runner !== undefined) this.tell({ kind: 'runner', runner, added, owner: this.userOfRunner(rid) });
  }

  private tell(change: DirectoryChange): void {
    for (const listener of [...this.listeners]) listener(change);
  }
}
