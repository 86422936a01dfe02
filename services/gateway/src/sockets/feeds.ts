import type { Logger } from '@pizzapi/process';
import {
  errorInfo,
  isId,
  toErrorInfo,
  withRunnerListFields,
  type ErrorInfo,
  type HubUpFrame,
  type RunnersUpFrame,
  type SessionInfo,
} from '@pizzapi/protocol';
import type { Principal } from '../auth/principal.js';
import type { GatewayMetrics } from '../metrics.js';
import { unknownSession, type Access } from '../session/access.js';
import type { Directory, DirectoryChange } from '../session/directory.js';
import { accountReader, type SessionEntries } from '../session/sessionEntries.js';
import type { SessionLoader } from '../session/sessionLoader.js';
import type { SessionPages } from '../session/sessionPages.js';
import type { SharedSessions } from '../session/sharedSessions.js';
import { controlFrame } from '../wire/frame.js';
import { Packet } from '../wire/packet.js';
import type { ClientConnection } from '../wire/clientConnection.js';
import type { MetaFeeds, MetaListener } from './metaFeed.js';

/** Sessions whose meta state one hub connection may follow. */
const MAX_META_SUBSCRIPTIONS = 256;
/** A list connection with more unsent than this is closed; it gets the whole list when it is back. */
const MAX_UNSENT = 1024 * 1024;
/** Changes that may wait for the list of a connection. */
const MAX_DEFERRED = 1_000;

/** What of the directory a feed tells, and to whom. */
export interface FeedUpdate {
  owner: string | undefined;
  frame: object;
}

/** Publishes what changes in the directory to connections of one kind. A frame is built once for all of an account. */
export class ListFeed {
  private readonly wires = new Map<string, Set<ClientConnection>>();
  private readonly deferred = new Map<ClientConnection, Packet[]>();

  /** `newsOf`: what to publish of a change, and to which accounts. */
  constructor(directory: Directory, newsOf: (change: DirectoryChange) => readonly FeedUpdate[]) {
    directory.on((change) => {
      if (this.wires.size > 0) newsOf(change).forEach((news) => this.publish(news));
    });
  }

  /** Sends a frame to all connections of an account. */
  publish({ owner, frame }: FeedUpdate): void {
    const wires = owner === undefined ? undefined : this.wires.get(owner);
    if (wires === undefined) return;
    const packet = new Packet([controlFrame(frame)]);
    for (const wire of wires) {
      const deferred = this.deferred.get(wire);
      if (wire.buffered > MAX_UNSENT || (deferred?.length ?? 0) > MAX_DEFERRED) wire.close('too_slow');
      else if (deferred !== undefined) deferred.push(packet);
      else wire.write(packet);
    }
  }

  /** Adds a connection whose list is still read: what is published meanwhile follows the list, when `release` is called. */
  defer(userId: string, wire: ClientConnection): { release: () => void } {
    const deferred: Packet[] = [];
    this.deferred.set(wire, deferred);
    this.add(userId, wire);
    return {
      release: () => {
        if (this.deferred.get(wire) !== deferred) return;
        this.deferred.delete(wire);
        for (const packet of deferred) wire.write(packet);
      },
    };
  }

  /** Whether a connection of this account receives what is published. */
  has(userId: string): boolean {
    return this.wires.has(userId);
  }

  get isEmpty(): boolean {
    return this.wires.size === 0;
  }

  /** Tells this connection what is `userId`'s. */
  add(userId: string, wire: ClientConnection): void {
    const wires = this.wires.get(userId) ?? new Set();
    this.wires.set(userId, wires.add(wire));
  }

  remove(userId: string, wire: ClientConnection): void {
    this.deferred.delete(wire);
    const wires = this.wires.get(userId);
    if (wires?.delete(wire) === true && wires.size === 0) this.wires.delete(userId);
  }
}

export interface HubNewsDeps {
  shared: SharedSessions;
  entries: SessionEntries;
}

/** What `/ws/hub` publishes: to the owner of a session, and to the accounts that it is shared with. */
export function hubNews(change: DirectoryChange, { shared, entries }: HubNewsDeps): FeedUpdate[] {
  switch (change.kind) {
    case 'session': {
      const { owner, added, session } = change;
      const type = added ? 'session_added' : 'session_status';
      const { sessionId } = session;
      const updateFor = (userId: string, view: SessionInfo | undefined): FeedUpdate[] =>
        view === undefined
          ? []
          : [{ owner: userId, frame: { type, session: entries.for(accountReader(userId), view) } }];
      return [
        ...(owner === undefined ? [] : updateFor(owner, session)),
        ...shared.granteesOf(sessionId).flatMap((userId) => updateFor(userId, shared.sharedWith(userId, sessionId))),
      ];
    }
    case 'session_gone': {
      const frame = { type: 'session_removed', sessionId: change.sid };
      return [change.owner, ...shared.granteesOf(change.sid)].map((owner) => ({ owner, frame }));
    }
    default:
      return [];
  }
}

/** What `/ws/hub` publishes to an account when a share of a session with it has changed. */
export async function grantNews(sid: string, grantee: string, { shared, entries }: HubNewsDeps): Promise<FeedUpdate> {
  await shared.load(sid);
  const view = shared.sharedWith(grantee, sid);
  const frame =
    view === undefined
      ? { type: 'session_removed', sessionId: sid }
      : { type: 'session_added', session: entries.for(accountReader(grantee), view) };
  return { owner: grantee, frame };
}

/** What `/ws/runners` tells. */
export function runnersNews(change: DirectoryChange): FeedUpdate[] {
  switch (change.kind) {
    case 'runner': {
      const { owner, added } = change;
      const runner = withRunnerListFields(change.runner);
      return [{ owner, frame: { type: added ? 'runner_added' : 'runner_updated', runner } }];
    }
    case 'runner_gone':
      return [{ owner: change.owner, frame: { type: 'runner_removed', runnerId: change.rid } }];
    default:
      return [];
  }
}

/** What every kind of connection does with what comes in. */
export interface SocketHandler<F> {
  onFrame(frame: F): Promise<void> | void;
  problem(error: ErrorInfo, ref?: string): void;
  closed(): void;
}

export interface FeedDeps {
  directory: Directory;
  pages: SessionPages;
  shared: SharedSessions;
  entries: SessionEntries;
  access: Access;
  loader: SessionLoader;
  metas: MetaFeeds;
  metrics: GatewayMetrics;
  log: Logger;
}

/** One connection to a list: the list first, then its changes. */
class FeedSocket {
  constructor(
    protected readonly deps: FeedDeps,
    protected readonly principal: Principal,
    protected readonly wire: ClientConnection,
    private readonly feed: ListFeed,
  ) {}

  problem(error: ErrorInfo, ref?: string): void {
    this.deps.metrics.error(error.code);
    this.wire.send({ type: 'error', ...(ref === undefined ? {} : { ref }), ...error });
  }

  closed(): void {
    this.feed.remove(this.principal.userId, this.wire);
  }
}

export class RunnersSocket extends FeedSocket implements SocketHandler<RunnersUpFrame> {
  constructor(deps: FeedDeps, principal: Principal, wire: ClientConnection, feed: ListFeed) {
    super(deps, principal, wire, feed);
    wire.send({ type: 'runners', runners: deps.directory.listRunners(principal.userId).map(withRunnerListFields) });
    feed.add(principal.userId, wire);
  }

  onFrame(_frame: RunnersUpFrame): void {
    this.wire.send({ type: 'pong' });
  }
}

export class HubSocket extends FeedSocket implements SocketHandler<HubUpFrame>, MetaListener {
  /** Releases the sessions that the connection follows. */
  private readonly subscribed = new Map<string, () => void>();
  private over = false;

  constructor(
    deps: FeedDeps,
    principal: Principal,
    wire: ClientConnection,
    private readonly hub: ListFeed,
  ) {
    super(deps, principal, wire, hub);
    void this.sendList();
  }

  /** Sends the first page, and the changes from the moment when it was asked for. */
  async sendList(): Promise<void> {
    const { deps, hub, wire } = this;
    const { userId } = this.principal;
    const changes = hub.defer(userId, wire);
    try {
      const { sessions: views, cursor } = await deps.pages.firstOf(userId);
      if (this.over) return;
      const sessions = views.map((view) => deps.entries.for(accountReader(userId), view));
      wire.send({ type: 'sessions', sessions, ...(cursor === undefined ? {} : { cursor }) });
      changes.release();
    } catch (err) {
      deps.log.warn({ err, userId }, 'a list could not be read; its connection is closed');
      if (!this.over) wire.close('internal', toErrorInfo(err).code);
    }
  }

  onFrame(frame: HubUpFrame): Promise<void> | void {
    switch (frame.type) {
      case 'ping':
        return this.wire.send({ type: 'pong' });
      case 'subscribe_session_meta':
        return this.subscribe(frame.sessionId);
      case 'unsubscribe_session_meta':
        return this.unsubscribe(frame.sessionId);
    }
  }

  snapshot(sessionId: string, state: object): void {
    if (this.mayKnow(sessionId)) this.wire.send({ type: 'state_snapshot', sessionId, state });
  }

  event(sessionId: string, version: number, event: unknown): void {
    if (this.mayKnow(sessionId)) this.wire.send({ type: 'meta_event', sessionId, version, event });
  }

  override closed(): void {
    this.over = true;
    super.closed();
    for (const sid of [...this.subscribed.keys()]) this.unsubscribe(sid);
  }

  private async subscribe(sid: string): Promise<void> {
    if (!isId(sid)) return this.problem(unknownSession(sid));
    const release = this.deps.loader.hold(sid);
    try {
      await this.deps.loader.load(this.principal, sid);
      const error = this.subscriptionProblem(sid);
      if (error !== undefined) return this.problem(error);
      if (this.over) return;
      if (!this.subscribed.has(sid)) this.subscribed.set(sid, this.deps.loader.hold(sid));
      this.deps.metas.subscribe(sid, this);
    } finally {
      release();
    }
  }

  private subscriptionProblem(sid: string): ErrorInfo | undefined {
    if (!this.mayKnow(sid)) return unknownSession(sid);
    // Once more is how a client that has missed something asks for the state as it is.
    return this.subscribed.has(sid) || this.subscribed.size < MAX_META_SUBSCRIPTIONS
      ? undefined
      : errorInfo('too_many_requests', `A connection can subscribe to at most ${MAX_META_SUBSCRIPTIONS} sessions`);
  }

  private unsubscribe(sid: string): void {
    const release = this.subscribed.get(sid);
    if (release === undefined) return;
    this.subscribed.delete(sid);
    this.deps.metas.unsubscribe(sid, this);
    release();
  }

  /** Asked anew for everything that is told: a session that was deleted may be somebody else's later. */
  private mayKnow(sid: string): boolean {
    return this.deps.access.modeIn(this.principal, sid) !== undefined;
  }
}
