import { bucket, watchLeases, type Backbone } from '@pizzapi/backbone';
import { sleep, type Logger } from '@pizzapi/process';
import { isMap, type RunnerInfo, type SessionInfo } from '@pizzapi/protocol';

/** What changed in the directory. */
export type DirectoryChange =
  | { kind: 'session'; session: SessionInfo; added: boolean }
  | { kind: 'session_gone'; sid: string }
  | { kind: 'host'; sid: string; state: 'connected' | 'lost' }
  | { kind: 'runner'; runner: RunnerInfo; added: boolean }
  | { kind: 'runner_gone'; rid: string }
  /** A lease came or went, of something known or not. */
  | { kind: 'lease'; key: string };

/** A host that lets go of a session has often just ended it: so long, in ms, the projection may take to say so. */
const RELEASE_MS = 500;

type Listener = (change: DirectoryChange) => void;

interface Projected<I> {
  info: I;
}

const hasInfo = <I>(value: unknown): value is Projected<I> => isMap(value) && isMap(value['info']);

/**
 * Sessions, runners and leases as the projections have them, kept by watching their buckets: lists and checks answer
 * from memory. `host` and `online` come from the leases.
 */
export class Directory {
  private readonly sessions = new Map<string, SessionInfo>();
  private readonly runners = new Map<string, RunnerInfo>();
  private readonly leases = new Set<string>();
  private readonly listeners = new Set<Listener>();
  private readonly stopping = new AbortController();
  private missing = 3;
  private readyNow: () => void = () => undefined;
  /** Resolves when all there was at the start is known. */
  readonly ready = new Promise<void>((resolve) => (this.readyNow = resolve));

  constructor(
    private readonly b: Backbone,
    private readonly log: Logger,
  ) {}

  get isReady(): boolean {
    return this.missing === 0;
  }

  start(): void {
    void this.keep('leases', () => this.watchLeases());
    void this.keep('sessions', () => this.watchSessions());
    void this.keep('runners', () => this.watchRunners());
  }

  stop(): void {
    this.stopping.abort();
    this.listeners.clear();
  }

  on(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** The session as a list shows it, or undefined while the projection has not seen it. */
  session(sid: string): SessionInfo | undefined {
    const info = this.sessions.get(sid);
    return info === undefined ? undefined : this.withHost(info);
  }

  /** All sessions, the latest active first. */
  listSessions(): SessionInfo[] {
    return [...this.sessions.values()]
      .sort((a, b) => b.lastActivityAt - a.lastActivityAt)
      .map((info) => this.withHost(info));
  }

  runner(rid: string): RunnerInfo | undefined {
    const info = this.runners.get(rid);
    return info === undefined ? undefined : { ...info, online: this.isOnline(rid) };
  }

  listRunners(): RunnerInfo[] {
    const names = [...this.runners.values()].sort((a, b) => a.name.localeCompare(b.name));
    return names.map((info) => ({ ...info, online: this.isOnline(info.runnerId) }));
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
      const timer = setTimeout(() => settle(condition()), ms);
    });
  }

  private withHost(info: SessionInfo): SessionInfo {
    return info.state === 'ended' ? info : { ...info, host: this.isHosted(info.sessionId) ? 'connected' : 'lost' };
  }

  private async keep(what: string, watch: () => Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await watch().catch((err: unknown) => this.log.error({ err, what }, 'watching failed; watching again'));
      await sleep(1_000, signal);
    }
  }

  private async watchSessions(): Promise<void> {
    const sessions = bucket<Projected<SessionInfo>>(this.b, 'sessions', { check: hasInfo<SessionInfo> });
    for await (const change of sessions.watch({ signal: this.stopping.signal })) {
      if (change.kind === 'ready') this.oneReady();
      else if (change.kind === 'value') {
        const added = !this.sessions.has(change.key);
        this.sessions.set(change.key, change.value.info);
        this.tell({ kind: 'session', session: this.withHost(change.value.info), added });
      } else if (this.sessions.delete(change.key)) this.tell({ kind: 'session_gone', sid: change.key });
    }
  }

  private async watchRunners(): Promise<void> {
    const runners = bucket<Projected<RunnerInfo>>(this.b, 'runners', { check: hasInfo<RunnerInfo> });
    for await (const change of runners.watch({ signal: this.stopping.signal })) {
      if (change.kind === 'ready') this.oneReady();
      else if (change.kind === 'value') {
        const added = !this.runners.has(change.key);
        this.runners.set(change.key, change.value.info);
        this.tell({ kind: 'runner', runner: { ...change.value.info, online: this.isOnline(change.key) }, added });
      } else if (this.runners.delete(change.key)) this.tell({ kind: 'runner_gone', rid: change.key });
    }
  }

  private async watchLeases(): Promise<void> {
    for await (const change of watchLeases(this.b, '', this.stopping.signal)) {
      if (change.kind === 'ready') this.oneReady();
      else if (change.kind === 'held' ? !this.leases.has(change.key) : this.leases.has(change.key)) {
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
    if (key.startsWith('session.')) {
      const session = this.session(id);
      // A session that is over lets go of its lease: that is no loss.
      if (session?.state !== 'ended')
        this.tell({ kind: 'host', sid: id, state: this.isHosted(id) ? 'connected' : 'lost' });
      if (session !== undefined) this.tell({ kind: 'session', session, added: false });
      return;
    }
    const runner = this.runner(id);
    if (runner !== undefined) this.tell({ kind: 'runner', runner, added: false });
  }

  private oneReady(): void {
    if (this.missing > 0 && --this.missing === 0) this.readyNow();
  }

  private tell(change: DirectoryChange): void {
    for (const listener of [...this.listeners]) listener(change);
  }
}
