import {
  applyMetaEvent,
  errorInfo,
  isErrorCode,
  isMap,
  type ErrorInfo,
  type HubDownFrame,
  type RunnerInfo,
  type RunnersDownFrame,
  type SessionInfo,
  type SessionMetaState,
} from '@pizzapi/protocol';
import type { ConnectionState } from './connectionMachine.js';
import { Connection, probeWith, type ConnectOptions } from './connection.js';
import { viewOf, type ConnectionView } from './connectionView.js';

/** A list that the gateway keeps up to date. Listeners are told once for every WebSocket message. */
abstract class List<Change> {
  problem: ErrorInfo | undefined;
  protected readonly socket: Connection;
  readonly #listeners = new Set<(change: Change) => void>();

  constructor(options: ConnectOptions, path: string) {
    this.socket = new Connection(options, {
      path,
      onFrames: (frames) => {
        for (const frame of frames) if (isMap(frame)) this.frame(frame);
        this.notify();
      },
      onState: (state) => {
        this.connectionChanged(state);
        this.notify();
      },
      probe: probeWith(options, (api) => api.me()),
    });
  }

  protected abstract frame(frame: unknown): void;
  protected abstract connectionChanged(state: ConnectionState): void;
  /** What changed since this was last asked, or undefined. */
  protected abstract take(): Change | undefined;

  get connection(): ConnectionView {
    return viewOf(this.socket.state);
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  wake(): void {
    this.socket.dispatch({ kind: 'wake' });
  }
  networkGone(): void {
    this.socket.dispatch({ kind: 'network_gone' });
  }
  start(): void {
    this.socket.dispatch({ kind: 'start' });
  }
  close(): void {
    this.socket.dispatch({ kind: 'stop' });
  }

  /** The first list is the greeting, and all there is to catch up with. */
  protected listed(): void {
    this.socket.dispatch({ kind: 'greeted' });
    this.socket.dispatch({ kind: 'caught_up' });
  }

  protected failed({ code, message }: { code: string; message: string }): void {
    this.problem = isErrorCode(code) ? { code, message } : errorInfo('internal', message);
  }

  protected notify(): void {
    const change = this.take();
    if (change !== undefined) for (const listener of this.#listeners) listener(change);
  }
}

export interface HubChange {
  sessions: boolean;
  /** Sessions whose meta state is new. */
  meta: Set<string>;
  connection: boolean;
}

/** The sessions a person may see, and the meta state of those that are asked for. */
export class Hub extends List<HubChange> {
  /** By id. Replaced entry by entry, never changed in place. */
  readonly sessions = new Map<string, SessionInfo>();
  /** Leads to the sessions after the first page of the list; undefined when the hub sent all of them. */
  cursor: string | undefined;
  /** Counts the lists that the hub has sent: one for each connection. */
  lists = 0;
  /** Sessions of an earlier list that this one has not confirmed: they may have changed or be gone. */
  readonly #unconfirmed = new Set<string>();
  /** Sessions that were removed since the list came: a page that was asked for before may still name them. */
  readonly #removed = new Set<string>();
  readonly #meta = new Map<string, SessionMetaState | undefined>();
  #change: HubChange = { sessions: false, meta: new Set(), connection: false };

  constructor(options: ConnectOptions) {
    super(options, '/ws/hub');
  }

  /** The meta state of a session that was asked for, once it is there. */
  meta(sessionId: string): SessionMetaState | undefined {
    return this.#meta.get(sessionId);
  }

  /**
   * Adds sessions of a page that was fetched while list number `list` was the current one. What the hub has sent about a
   * session is newer and stays. Returns whether the page was still of use.
   */
  add(sessions: readonly SessionInfo[], list: number): boolean {
    if (list !== this.lists) return false;
    for (const session of sessions) {
      const { sessionId } = session;
      if (this.#removed.has(sessionId)) continue;
      if (!this.#unconfirmed.delete(sessionId) && this.sessions.has(sessionId)) continue;
      this.sessions.set(sessionId, session);
      this.#change.sessions = true;
    }
    this.notify();
    return true;
  }

  /** Whether a session is here, as the hub or a page of this list has sent it. */
  isCurrent(sessionId: string): boolean {
    return this.sessions.has(sessionId) && !this.#unconfirmed.has(sessionId);
  }

  /** Drops the sessions of earlier lists that neither this list nor a page has confirmed. */
  dropUnconfirmed(): void {
    for (const sessionId of this.#unconfirmed) {
      this.sessions.delete(sessionId);
      this.#change.sessions = true;
    }
    this.#unconfirmed.clear();
    this.notify();
  }

  /** Asks for the meta state of a session, over every connection to come. Returns how to stop. */
  watchMeta(sessionId: string): () => void {
    if (!this.#meta.has(sessionId)) {
      this.#meta.set(sessionId, undefined);
      this.socket.send({ type: 'subscribe_session_meta', sessionId });
    }
    return () => {
      if (this.#meta.delete(sessionId)) this.socket.send({ type: 'unsubscribe_session_meta', sessionId });
    };
  }

  protected override frame(value: unknown): void {
    const frame = value as HubDownFrame;
    switch (frame.type) {
      case 'sessions':
        this.#list(frame.sessions, frame.cursor);
        return this.listed();
      case 'session_added':
      case 'session_status':
        this.#confirm(frame.session);
        this.#removed.delete(frame.session.sessionId);
        return;
      case 'session_removed':
        this.#unconfirmed.delete(frame.sessionId);
        this.#removed.add(frame.sessionId);
        this.#change.sessions = this.sessions.delete(frame.sessionId) || this.#change.sessions;
        return;
      case 'state_snapshot':
        return this.#setMeta(frame.sessionId, frame.state);
      case 'meta_event':
        return this.#metaEvent(frame.sessionId, frame.version, frame.event);
      case 'error':
        return this.failed(frame);
      default:
        return;
    }
  }

  protected override connectionChanged(state: ConnectionState): void {
    this.#change.connection = true;
    if (state.kind !== 'live') return;
    for (const sessionId of this.#meta.keys()) this.socket.send({ type: 'subscribe_session_meta', sessionId });
  }

  protected override take(): HubChange | undefined {
    const change = this.#change;
    if (!change.sessions && !change.connection && change.meta.size === 0) return undefined;
    this.#change = { sessions: false, meta: new Set(), connection: false };
    return change;
  }

  /** The first page. What earlier pages held stays unconfirmed until it is fetched again: the list does not shrink. */
  #list(sessions: readonly SessionInfo[], cursor: string | undefined): void {
    this.cursor = cursor;
    this.lists += 1;
    this.#removed.clear();
    this.#unconfirmed.clear();
    if (cursor === undefined) this.sessions.clear();
    for (const sessionId of this.sessions.keys()) this.#unconfirmed.add(sessionId);
    for (const session of sessions) this.#confirm(session);
    this.#change.sessions = true;
  }

  #confirm(session: SessionInfo): void {
    this.sessions.set(session.sessionId, session);
    this.#unconfirmed.delete(session.sessionId);
    this.#change.sessions = true;
  }

  /** A version that does not follow ours means that something was missed: ask for the whole state again. */
  #metaEvent(sessionId: string, version: number, event: unknown): void {
    const state = this.#meta.get(sessionId);
    if (state === undefined || version <= state.version) return;
    const next = applyMetaEvent(state, event);
    if (next.version === version) this.#setMeta(sessionId, next);
    else this.socket.send({ type: 'subscribe_session_meta', sessionId });
  }

  #setMeta(sessionId: string, state: SessionMetaState): void {
    if (!this.#meta.has(sessionId)) return;
    this.#meta.set(sessionId, state);
    this.#change.meta.add(sessionId);
  }
}

export interface RunnersChange {
  runners: boolean;
  connection: boolean;
}

/** The runners a person may use. */
export class Runners extends List<RunnersChange> {
  readonly runners = new Map<string, RunnerInfo>();
  #change: RunnersChange = { runners: false, connection: false };

  constructor(options: ConnectOptions) {
    super(options, '/ws/runners');
  }

  protected override frame(value: unknown): void {
    const frame = value as RunnersDownFrame;
    switch (frame.type) {
      case 'runners':
        this.runners.clear();
        for (const runner of frame.runners) this.runners.set(runner.runnerId, runner);
        this.#change.runners = true;
        return this.listed();
      case 'runner_added':
      case 'runner_updated':
        this.runners.set(frame.runner.runnerId, frame.runner);
        this.#change.runners = true;
        return;
      case 'runner_removed':
        this.#change.runners = this.runners.delete(frame.runnerId) || this.#change.runners;
        return;
      case 'error':
        return this.failed(frame);
      default:
        return;
    }
  }

  protected override connectionChanged(): void {
    this.#change.connection = true;
  }

  protected override take(): RunnersChange | undefined {
    const change = this.#change;
    if (!change.runners && !change.connection) return undefined;
    this.#change = { runners: false, connection: false };
    return change;
  }
}

/** Opens the list of sessions and keeps it open until `close`. */
export function openHub(options: ConnectOptions): Hub {
  const hub = new Hub(options);
  hub.start();
  return hub;
}

/** Opens the list of runners and keeps it open until `close`. */
export function openRunners(options: ConnectOptions): Runners {
  const runners = new Runners(options);
  runners.start();
  return runners;
}
