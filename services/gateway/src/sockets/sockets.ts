import type { Socket } from 'node:net';
import {
  parseHubUp,
  parseRunnersUp,
  parseViewerUp,
  restartReason,
  toErrorInfo,
  type ParsedFrame,
} from '@pizzapi/protocol';
import type { WebSocket } from 'ws';
import type { Principal } from '../auth/principal.js';
import type { SocketKind } from '../metrics.js';
import type { Directory } from '../session/directory.js';
import { SocketWire } from '../wire/wire.js';
import { Feed, hubFrame, HubSocket, runnersFrame, RunnersSocket, type Conversation } from './feeds.js';
import { Inbox } from './inbox.js';
import type { MetaFeeds } from './metaFeed.js';
import { ViewerSocket, type ViewerDeps } from './viewerSocket.js';

/** How often every connection is asked for a sign of life, in ms; one that gave none since is cut. */
const HEARTBEAT_MS = 30_000;

export interface SocketsDeps extends ViewerDeps {
  directory: Directory;
  metas: MetaFeeds;
}

/** What a connection speaks with. */
export type Target = { kind: 'viewer'; sid: string } | { kind: 'hub' } | { kind: 'runners' };

interface Client {
  alive: boolean;
  kind: SocketKind;
}

/** The WebSockets that are open: each is handed to what speaks with it, and asked for signs of life. */
export class Sockets {
  private readonly clients = new Map<WebSocket, Client>();
  private readonly hub: Feed;
  private readonly runners: Feed;
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(private readonly deps: SocketsDeps) {
    this.hub = new Feed(deps.directory, hubFrame);
    this.runners = new Feed(deps.directory, runnersFrame);
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
    for (const ws of this.clients.keys()) ws.close(1012, restartReason(Math.random() * jitterMs));
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

  /** Hands a new connection to what speaks with it. */
  converse(ws: WebSocket, socket: Socket, target: Target, principal: Principal, json: boolean): void {
    const { metrics, log, directory, metas } = this.deps;
    const { kind } = target;
    const wire = new SocketWire(ws, socket, json, (bytes) => metrics.bytes(bytes));
    this.clients.set(ws, { alive: true, kind });
    metrics.socketOpened(kind);
    ws.on('pong', () => {
      const client = this.clients.get(ws);
      if (client !== undefined) client.alive = true;
    });
    // An oversized or malformed message: ws closes with the right code by itself.
    ws.on('error', (error) => {
      const { code } = error as NodeJS.ErrnoException;
      metrics.error(code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'frame_too_large' : 'bad_frame');
    });
    const speak = <F>(conversation: Conversation<F>, parse: (value: unknown) => ParsedFrame<F>): void => {
      ws.on('close', () => {
        this.clients.delete(ws);
        metrics.socketClosed(kind);
        conversation.closed();
      });
      new Inbox({
        ws,
        json,
        parse,
        onFrame: (frame: F) => conversation.onFrame(frame),
        onProblem: (error, ref) => conversation.problem(error, ref),
        onBroken: () => wire.close('bad_frame'),
        onFailure: (thrown) => {
          log.error({ err: thrown }, 'a frame could not be handled');
          conversation.problem(toErrorInfo(thrown));
        },
      });
    };
    if (target.kind === 'hub') speak(new HubSocket(wire, this.hub, metrics, directory, metas), parseHubUp);
    else if (target.kind === 'runners')
      speak(new RunnersSocket(wire, this.runners, metrics, directory), parseRunnersUp);
    else {
      const viewer = new ViewerSocket(this.deps, target.sid, principal, wire);
      speak(viewer, parseViewerUp);
      void viewer.greet();
    }
  }

  private beat(): void {
    for (const [ws, client] of this.clients) {
      if (!client.alive) ws.terminate();
      client.alive = false;
      if (ws.readyState === ws.OPEN) ws.ping();
    }
  }
}
