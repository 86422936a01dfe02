import {
  bucket,
  keepWatching,
  ownerRows,
  parseSessionRowKey,
  sessionRowKey,
  sessionRowPrefix,
  watchLeases,
  WatchCache,
  type Backbone,
} from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import { isMap, isRunnerOwnerRow, type OwnerRow, type RunnerInfo, type SessionInfo } from '@pizzapi/protocol';
import { AccountLogSizes } from './logSizes.js';

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
  /** A session was granted to a host, for the first time. */
  | { kind: 'granted'; sid: string }
  /** A lease came or went, of something known or not. */
  | { kind: 'lease'; key: string };

/** A host that releases a lease has often just ended the session: the time for the projection to show it, in ms. */
const RELEASE_MS = 500;

type Listener = (change: DirectoryChange) => void;

interface Projected<I> {
  info: I;
  /** Of a session. */
  logBytes?: unknown;
}

const hasInfo = <I>(value: unknown): value is Projected<I> => isMap(value) && isMap(value['info']);

/** Returns the owner in a row. A runner that was forgotten has none. */
function ownerIn(row: OwnerRow | undefined): string | undefined {
  return isRunnerOwnerRow(row) && row.forgottenAt !== undefined ? undefined : row?.userId;
}

/** In the bucket of owners: a session's key is its id, which holds no dot. */
const RUNNER_KEY = 'runner.';

/**
 * Sessions, runners and leases as the projections have them, kept by watching their buckets: lists and checks answer
 * from memory. `host` and `online` come from the leases; whose a session is and which runner has it, from the owners,
 * which the authenticator alone writes: what an event says of that is not believed.
 */
export class Directory {
  readonly logSizes = new AccountLogSizes();
  private readonly sessions: WatchCache<Projected<SessionInfo>>;
  private readonly runners: WatchCache<Projected<RunnerInfo>>;
  private readonly leases = new Set<string>();
  private readonly owners: WatchCache<OwnerRow>;
  private readonly listeners = new Set<Listener>();
  private readonly stopping = new AbortController();
  private leasesKnown = false;
  private leasesReady: () => void = () => undefined;
  private readonly leasesListed = new Promise<void>((resolve) => (this.leasesReady = resolve));

  constructor(
    private readonly b: Backbone,
    private readonly log: Logger,
  ) {
    this.owners = new WatchCache(ownerRows(b), { log });
    this.owners.onChange((key, after, before) => this.ownerChanged(key, after, before));
    this.sessions = new WatchCache(bucket(b, 'sessions', { check: hasInfo<SessionInfo> }), { log });
    this.sessions.onChange((key, after, before) => this.sessionRowChanged(key, after, before));
    this.runners = new WatchCache(bucket(b, 'runners', { check: hasInfo<RunnerInfo> }), { log });
    this.runners.onChange((rid, after, before) => {
      if (after !== undefined) this.runnerChanged(rid, before === undefined);
      else if (before !== undefined) this.tell({ kind: 'runner_gone', rid, owner: this.userOfRunner(rid) });
    });
  }

  /** Resolves when all there was at the start is known. */
  get ready(): Promise<unknown> {
    return Promise.all([this.leasesListed, ...this.caches.map(({ ready }) => ready)]);
  }

  get isReady(): boolean {
    return this.leasesKnown && this.caches.every(({ isReady }) => isReady);
  }

  private get caches() {
    return [this.owners, this.sessions, this.runners];
  }

  start(): void {
    for (const cache of this.caches) cache.start();
    const { signal } = this.stopping;
    void keepWatching(() => this.watchLeases(), { signal, log: this.log, what: 'leases' });
  }

  stop(): void {
    this.stopping.abort();
    for (const cache of this.caches) cache.stop();
    this.listeners.clear();
  }

  on(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The owner of a session, or undefined without such a session. */
  userOf(sid: string): string | undefined {
    return this.owners.peek(sid)?.userId;
  }

  /** The runner that hosts a session, or hosted it last. */
  runnerOf(sid: string): string | undefined {
    return this.owners.peek(sid)?.runnerId;
  }

  /** The owner of a runner, or undefined when it has none or was forgotten. */
  userOfRunner(rid: string): string | undefined {
    return ownerIn(this.owners.peek(RUNNER_KEY + rid));
  }

  /** The runners that connected last with this key, without those that were forgotten. */
  runnersWithKey(keyHash: string): string[] {
    return [...this.owners.entries()].flatMap(([key, row]) =>
      key.startsWith(RUNNER_KEY) && isRunnerOwnerRow(row) && row.keyHash === keyHash && ownerIn(row) !== undefined
        ? [row.runnerId]
        : [],
    );
  }

  /** The session as a list shows it, or undefined while the projection has not seen it. */
  session(sid: string): SessionInfo | undefined {
    const info = this.infoOf(sid);
    return info === undefined ? undefined : this.shown(sid, info);
  }

  /** The row below the owner; one below another account is of a session that was deleted. */
  private infoOf(sid: string): SessionInfo | undefined {
    return this.sessions.peek(sessionRowKey(this.userOf(sid), sid))?.info;
  }

  /** All sessions of a person, the latest active first. */
  listSessions(userId: string): SessionInfo[] {
    const prefix = sessionRowPrefix(userId);
    return [...this.sessions.entries()]
      .flatMap(([key, row]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), row] as const] : []))
      .filter(([sid]) => this.userOf(sid) === userId)
      .sort(([, { info: a }], [, { info: b }]) => b.lastActivityAt - a.lastActivityAt)
      .map(([sid, { info }]) => this.shown(sid, info));
  }

  runner(rid: string): RunnerInfo | undefined {
    const info = this.runners.peek(rid)?.info;
    return info === undefined ? undefined : { ...info, online: this.isOnline(rid) };
  }

  /** All runners of a person, by name. */
  listRunners(userId: string): RunnerInfo[] {
    return [...this.runners.entries()]
      .filter(([rid]) => this.userOfRunner(rid) === userId)
      .sort(([, { info: a }], [, { info: b }]) => a.name.localeCompare(b.name))
      .map(([rid, { info }]) => ({ ...info, online: this.isOnline(rid) }));
  }

  isOnline(rid: string): boolean {
    return this.leases.has(`runner.${rid}`);
  }

  /** Whether the host of a session holds its lease. */
  isHosted(sid: string): boolean {
    return this.leases.has(`session.${sid}`);
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
    const { userId = '', runnerId = info.runnerId } = this.owners.peek(sid) ?? {};
    const known = { ...info, sessionId: sid, userId, runnerId };
    return info.state === 'ended' ? known : { ...known, host: this.isHosted(sid) ? 'connected' : 'lost' };
  }

  /** Projections and owners arrive independently: a projection that came before its owner is reported now. */
  private ownerChanged(key: string, after: OwnerRow | undefined, before: OwnerRow | undefined): void {
    const [owner, formerOwner] = [ownerIn(after), ownerIn(before)];
    if (owner === formerOwner) return;
    if (!key.startsWith(RUNNER_KEY)) this.logSizes.setOwner(key, after?.userId);
    if (key.startsWith(RUNNER_KEY)) {
      const rid = key.slice(RUNNER_KEY.length);
      const runner = this.runner(rid);
      if (runner === undefined) return;
      if (formerOwner !== undefined) this.tell({ kind: 'runner_gone', rid, owner: formerOwner });
      if (owner !== undefined) this.tell({ kind: 'runner', runner, added: true, owner });
      return;
    }
    const session = this.session(key);
    if (before !== undefined && this.sessions.peek(sessionRowKey(before.userId, key)) !== undefined)
      this.tell({ kind: 'session_gone', sid: key, owner: before.userId });
    if (after === undefined) return;
    if (before === undefined) this.tell({ kind: 'granted', sid: key });
    if (session !== undefined) this.tell({ kind: 'session', session, added: true, owner: after.userId });
  }

  private sessionRowChanged(
    key: string,
    after: Projected<SessionInfo> | undefined,
    before: Projected<SessionInfo> | undefined,
  ): void {
    const { sid, userId } = parseSessionRowKey(key) ?? {};
    const owner = sid === undefined ? undefined : this.userOf(sid);
    // A key of an older form, or of an account that the session does not belong to.
    if (sid === undefined || (owner !== undefined && owner !== userId)) return;
    if (after !== undefined) {
      this.measure(sid, after.logBytes);
      this.sessionChanged(sid, before === undefined);
    } else if (before !== undefined) {
      this.logSizes.delete(sid);
      this.tell({ kind: 'session_gone', sid, owner: userId });
    }
  }

  private measure(sid: string, bytes: unknown): void {
    this.logSizes.set(sid, typeof bytes === 'number' ? bytes : 0, this.userOf(sid));
  }

  private async watchLeases(): Promise<void> {
    for await (const change of watchLeases(this.b, '', this.stopping.signal)) {
      if (change.kind === 'ready') {
        this.leasesKnown = true;
        this.leasesReady();
      } else if (change.kind === 'held' ? !this.leases.has(change.key) : this.leases.has(change.key)) {
        if (change.kind === 'held') this.leases.add(change.key);
        else this.leases.delete(change.key);
        this.tell({ kind: 'lease', key: change.key });
        const { key } = change;
        if (change.kind === 'held' || change.reason === 'expired') this.leaseChanged(key);
        else void sleep(RELEASE_MS, this.stopping.signal).then(() => this.leases.has(key) || this.leaseChanged(key));
      }
    }
  }

  private leaseChanged(key: string): void {
    const dot = key.indexOf('.');
    const id = key.slice(dot + 1);
    if (!key.startsWith('session.')) return this.runnerChanged(id, false);
    // An ended session releases its lease: its host is not lost.
    if (this.infoOf(id)?.state !== 'ended')
      this.tell({ kind: 'host', sid: id, state: this.isHosted(id) ? 'connected' : 'lost' });
    this.sessionChanged(id, false);
  }

  private sessionChanged(sid: string, added: boolean): void {
    const session = this.session(sid);
    if (session !== undefined) this.tell({ kind: 'session', session, added, owner: this.userOf(sid) });
  }

  private runnerChanged(rid: string, added: boolean): void {
    const runner = this.runner(rid);
    if (runner !== undefined) this.tell({ kind: 'runner', runner, added, owner: this.userOfRunner(rid) });
  }

  private tell(change: DirectoryChange): void {
    for (const listener of [...this.listeners]) listener(change);
  }
}
