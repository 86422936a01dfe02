import type { Socket } from 'node:net';
import {
  parseHubUp,
  parseRunnersUp,
  parseTerminalUp,
  restartReason,
  toErrorInfo,
  type CloseName,
  type ParsedFrame,
} from '@pizzapi/protocol';
import type { WebSocket } from 'ws';
import type { Principal } from '../auth/principal.js';
import type { Directory } from '../session/directory.js';
import type { SessionLoader } from '../session/sessionLoader.js';
import type { SessionPages } from '../session/sessionPages.js';
import type { SharedSessions } from '../session/sharedSessions.js';
import { SocketConnection } from '../wire/clientConnection.js';
import { grantNews, ListFeed, hubNews, HubSocket, runnersNews, RunnersSocket, type SocketHandler } from './feeds.js';
import { Inbox } from './inbox.js';
import type { MetaFeeds } from './metaFeed.js';
import { concerns, type Revocation } from './revocation.js';
import { SocketLimits } from './socketLimits.js';
import { TerminalSocket } from '../terminals/terminalSocket.js';
import type { TerminalRooms } from '../terminals/terminalRooms.js';
import { ViewerSocket, type ViewerDeps } from './viewerSocket.js';

/** How often every connection is asked for a sign of life, in ms; one that gave none since is cut. */
const HEARTBEAT_MS = 30_000;
/** How long somebody who was sent away may take to go, in ms. */
const LEAVE_MS = 3_000;

interface Connection {
  ws: WebSocket;
  wire: SocketConnection;
  json: boolean;
  principal: Principal;
}

export interface SocketsDeps extends ViewerDeps {
  directory: Directory;
  loader: SessionLoader;
  pages: SessionPages;
  shared: SharedSessions;
  metas: MetaFeeds;
  terminals: TerminalRooms;
}

/** What a connection speaks with. */
export type SocketTarget =
  { kind: 'viewer'; sid: string } | { kind: 'terminal'; terminalId: string } | { kind: 'hub' } | { kind: 'runners' };

function pathOf(target: SocketTarget): string {
  if (target.kind === 'viewer') return `/ws/sessions/${target.sid}`;
  return target.kind === 'terminal' ? `/ws/terminals/${target.terminalId}` : `/ws/${target.kind}`;
}

/** Frames that wait for no other one: a ping is answered while a command is on its way to the log. */
const URGENT: readonly string[] = ['ping', 'terminal_taken'];

interface Client {
  alive: boolean;
  principal: Principal;
  /** Sends them away: from now on nothing reaches them, and nothing they send has an effect. */
  end: (name: CloseName, reason?: string) => void;
}

/** The WebSockets that are open: each is handed to what speaks with it, and asked for signs of life. */
export class Sockets {
  private readonly clients = new Map<WebSocket, Client>();
  private readonly limits = new SocketLimits();
  private readonly hub: ListFeed;
  private readonly runners: ListFeed;
  private readonly hubSockets = new Set<HubSocket>();
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(private readonly deps: SocketsDeps) {
    const { directory, shared } = deps;
    this.hub = new ListFeed(directory, (change) => hubNews(change, deps));
    this.runners = new ListFeed(directory, runnersNews);
    directory.follow((userId, sid) => {
      if (this.hub.isEmpty) return false;
      return [userId, ...shared.granteesOf(sid)].some((id) => id !== undefined && this.hub.has(id));
    });
    directory.on((change) => {
      if (change.kind === 'gap') for (const socket of this.hubSockets) void socket.sendList();
    });
  }

  /** Begins to ask every connection for signs of life. */
  start(): void {
    this.heartbeat = setInterval(() => this.beat(), HEARTBEAT_MS).unref();
  }

  get open(): number {
    return this.clients.size;
  }

  /** Tells everyone to come back within `jitterMs`, each after a moment of its own. */
  drain(jitterMs: number): void {
    for (const ws of this.clients.keys()) {
      this.deps.metrics.closed('restarting');
      ws.close(1012, restartReason(Math.random() * jitterMs));
    }
  }

  /** Ends what is left. */
  stop(): void {
    clearInterval(this.heartbeat);
    for (const ws of this.clients.keys()) ws.terminate();
  }

  /** Something of ours failed while a connection was being set up. */
  failed(ws: WebSocket): void {
    if (!this.clients.has(ws)) ws.terminate();
  }

  /**
   * Carries a revocation out on the connections it is about: with 4401 for good. Who may only watch from now on is sent
   * away to come back at once, and is greeted with the new mode.
   */
  revoke(revocation: Revocation): void {
    const { access } = this.deps;
    for (const { principal, end } of [...this.clients.values()]) {
      if (!concerns(revocation, principal, (sid) => access.ownerOf(sid))) continue;
      const { account, share } = principal;
      // A share with the same account and other rights has replaced it.
      const isReplaced =
        revocation.kind === 'share_revoked' && account && share && access.isSharedWith(account.userId, share.sid);
      if (revocation.kind === 'share_restricted' || isReplaced === true) end('restarting', restartReason(0));
      else end('revoked');
    }
  }

  /** Publishes to an account what it has in its list of a session that another account shares with it, or no longer. */
  grantChanged(sid: string, grantee: string): void {
    if (!this.hub.has(grantee)) return;
    grantNews(sid, grantee, this.deps).then(
      (news) => this.hub.publish(news),
      (err: unknown) => this.deps.log.warn({ err, sid }, 'a changed share could not be published'),
    );
  }

  /** Hands a new connection to what speaks with it. */
  converse(ws: WebSocket, socket: Socket, target: SocketTarget, principal: Principal, json: boolean): void {
    const { metrics } = this.deps;
    const { kind } = target;
    const wire = new SocketConnection(
      ...([ws, socket, json] as const),
      (bytes) => metrics.bytes(bytes),
      (reason) => metrics.closed(reason),
    );
    metrics.socketOpened(kind);
    ws.on('close', () => metrics.socketClosed(kind));
    const release = this.limits.take(principal);
    if (release === undefined) return this.turnAway(ws, wire, target, principal);
    ws.on('close', release);
    ws.on('pong', () => {
      const client = this.clients.get(ws);
      if (client !== undefined) client.alive = true;
    });
    // An oversized or malformed message: ws closes with the right code by itself.
    ws.on('error', (error) => {
      const { code } = error as NodeJS.ErrnoException;
      metrics.error(code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'frame_too_large' : 'bad_frame');
    });
    const connection = { ws, wire, json, principal };
    const { deps, hub, runners } = this;
    if (target.kind === 'hub') {
      const socket = new HubSocket(deps, principal, wire, hub);
      this.hubSockets.add(socket);
      ws.on('close', () => this.hubSockets.delete(socket));
      this.speak(connection, socket, parseHubUp);
    } else if (target.kind === 'runners')
      this.speak(connection, new RunnersSocket(deps, principal, wire, runners), parseRunnersUp);
    else if (target.kind === 'terminal') this.showTerminal(connection, target.terminalId);
    else this.view(connection, target.sid);
  }

  /** A browser learns from the close why it may not come in; it would not from the answer to its upgrade. */
  private turnAway(ws: WebSocket, wire: SocketConnection, target: SocketTarget, { userId, ip = '' }: Principal): void {
    const { metrics, denials } = this.deps;
    ws.on('error', () => undefined);
    metrics.error('too_many_connections');
    denials.record({ code: 'too_many_connections', userId, ip, method: 'GET', path: pathOf(target) });
    wire.close('too_many');
    setTimeout(() => ws.terminate(), LEAVE_MS).unref();
  }

  private view(connection: Connection, sid: string): void {
    const { wire } = connection;
    const principal = this.deps.access.principalIn(connection.principal, sid);
    const mode = this.deps.access.modeIn(principal, sid);
    // Revoked in the moment between the answer to the upgrade and now.
    if (mode === undefined) return wire.close('revoked');
    const viewer = new ViewerSocket(this.deps, sid, principal, mode, wire);
    this.speak({ ...connection, principal }, viewer, (value) => viewer.parse(value), sid);
    void viewer.greet();
  }

  private showTerminal(connection: Connection, terminalId: string): void {
    const { terminals: rooms, metrics, log, resumeMs } = this.deps;
    const terminal = new TerminalSocket(
      { rooms, metrics, log, resumeMs },
      terminalId,
      connection.principal,
      connection.wire,
    );
    this.speak(connection, terminal, parseTerminalUp);
    void terminal.greet();
  }

  private speak<F extends { type: string }>(
    { ws, wire, json, principal }: Connection,
    conversation: SocketHandler<F>,
    parse: (value: unknown) => ParsedFrame<F>,
    sid?: string,
  ): void {
    const inbox = new Inbox({
      ...{ ws, json, parse },
      onFrame: (frame: F) => conversation.onFrame(frame),
      isUrgent: ({ type }) => URGENT.includes(type),
      onProblem: (error, ref) => conversation.problem(error, ref),
      onBroken: () => wire.close('bad_frame'),
      onFailure: (thrown) => {
        this.deps.log.error({ err: thrown, sid, userId: principal.userId }, 'a frame could not be handled');
        conversation.problem(toErrorInfo(thrown));
      },
    });
    const left = (): void => {
      if (this.clients.delete(ws)) conversation.closed();
    };
    const end = (name: CloseName, reason?: string): void => {
      inbox.stop();
      wire.close(name, reason);
      left();
      setTimeout(() => ws.terminate(), LEAVE_MS).unref();
    };
    this.clients.set(ws, { alive: true, principal, end });
    ws.on('close', left);
  }

  private beat(): void {
    for (const [ws, client] of this.clients) {
      if (!client.alive) ws.terminate();
      client.alive = false;
      if (ws.readyState === ws.OPEN) ws.ping();
    }
  }
}
