import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import {
  BEARER_PREFIX,
  errorInfo,
  isId,
  MAX_FRAME_BYTES,
  parseHubUp,
  parseRunnersUp,
  parseViewerUp,
  restartReason,
  SUBPROTOCOL,
  toErrorInfo,
  type ErrorInfo,
  type ParsedFrame,
} from '@pizzapi/protocol';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Addresses } from '../auth/addresses.js';
import type { Credentials } from '../auth/credentials.js';
import type { Principal } from '../auth/principal.js';
import type { SocketKind } from '../metrics.js';
import type { Directory } from '../session/directory.js';
import { SocketWire } from '../wire/wire.js';
import { Feed, hubFrame, HubSocket, runnersFrame, RunnersSocket, type Conversation } from './feeds.js';
import { Inbox } from './inbox.js';
import type { MetaFeeds } from './metaFeed.js';
import { refuseUpgrade } from './refuse.js';
import { ViewerSocket, type ViewerDeps } from './viewerSocket.js';

/** How often every connection is asked for a sign of life, in ms; one that gave none since is cut. */
const HEARTBEAT_MS = 30_000;

export interface SocketsDeps extends ViewerDeps {
  addresses: Addresses;
  credentials: Credentials;
  directory: Directory;
  metas: MetaFeeds;
  isDraining: () => boolean;
}

type Target = { kind: 'viewer'; sid: string } | { kind: 'hub' } | { kind: 'runners' };

type Admission =
  | { kind: 'admitted'; target: Target; principal: Principal; protocol: string | false }
  | { kind: 'refused'; error: ErrorInfo };

interface Client {
  alive: boolean;
  kind: SocketKind;
}

/** The WebSockets: decides at the upgrade who comes in, and hands each connection to what speaks with it. */
export class Sockets {
  private readonly server = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
    // Decided in `admit`; ws only writes it into the answer.
    handleProtocols: (_offered, request) => this.protocols.get(request) ?? false,
  });
  private readonly protocols = new WeakMap<IncomingMessage, string>();
  private readonly clients = new Map<WebSocket, Client>();
  private readonly hub: Feed;
  private readonly runners: Feed;
  private heartbeat: NodeJS.Timeout | undefined;

  constructor(private readonly deps: SocketsDeps) {
    this.hub = new Feed(deps.directory, hubFrame);
    this.runners = new Feed(deps.directory, runnersFrame);
  }

  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const ignore = (): void => undefined;
      socket.on('error', ignore);
      this.admit(request)
        .catch((thrown: unknown): Admission => {
          this.deps.log.error({ err: thrown }, 'upgrade failed');
          return { kind: 'refused', error: toErrorInfo(thrown) };
        })
        .then((admission) => {
          socket.off('error', ignore);
          this.settle(admission, request, socket, head);
        })
        .catch((err: unknown) => this.deps.log.error({ err }, 'upgrade failed'));
    });
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

  private settle(admission: Admission, request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (admission.kind === 'refused') {
      this.deps.metrics.error(admission.error.code);
      return refuseUpgrade(socket, admission.error);
    }
    const { target, principal, protocol } = admission;
    if (protocol !== false) this.protocols.set(request, protocol);
    this.server.handleUpgrade(request, socket, head, (ws) => {
      this.converse(ws, socket, target, principal, protocol === SUBPROTOCOL.json);
    });
  }

  private async admit(request: IncomingMessage): Promise<Admission> {
    const { addresses, credentials, isDraining } = this.deps;
    const { headers } = request;
    const refused = (error: ErrorInfo): Admission => ({ kind: 'refused', error });
    if (isDraining()) return refused(errorInfo('draining'));
    const foreign = addresses.hostProblem(headers) ?? addresses.originProblem(headers);
    if (foreign !== undefined) return refused(foreign);
    const who = credentials.authenticate(headers);
    if (who.kind === 'none') return refused(errorInfo('unauthenticated'));
    if (who.kind === 'invalid') {
      return refused(
        who.by === 'bearer' ? errorInfo('forbidden', 'This token is not valid') : errorInfo('unauthenticated'),
      );
    }
    // A page always says where it comes from; a cookie without that was not sent by one.
    if (who.by === 'cookie' && headers.origin === undefined)
      return refused(errorInfo('unauthenticated', 'A cookie came without an Origin'));
    const protocol = protocolOf(headers['sec-websocket-protocol']);
    if (protocol === undefined)
      return refused(errorInfo('bad_request', `Subprotocols are ${Object.values(SUBPROTOCOL).join(' and ')}`));
    const target = await this.target(request.url ?? '/');
    return 'code' in target ? refused(target) : { kind: 'admitted', target, principal: who.principal, protocol };
  }

  private async target(url: string): Promise<Target | ErrorInfo> {
    const path = url.split('?', 1)[0]!;
    if (path === '/ws/hub') return { kind: 'hub' };
    if (path === '/ws/runners') return { kind: 'runners' };
    const sid = /^\/ws\/sessions\/([^/]+)$/.exec(path)?.[1];
    if (sid === undefined) return errorInfo('not_found', `There is no ${path.slice(0, 100)}`);
    if (!isId(sid)) return errorInfo('invalid_id', `"${sid.slice(0, 80)}" is not an id`);
    if (!(await this.deps.reader.exists(sid))) return errorInfo('session_not_found', `There is no session "${sid}"`);
    return { kind: 'viewer', sid };
  }

  private converse(ws: WebSocket, socket: Socket, target: Target, principal: Principal, json: boolean): void {
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

/** The subprotocol to answer with; false = none was asked for, which means msgpack; undefined = none that we speak. */
function protocolOf(offered: string | undefined): string | false | undefined {
  const names = (offered ?? '').split(',').map((name) => name.trim());
  const ours = names.filter((name) => name !== '' && !name.startsWith(BEARER_PREFIX));
  if (ours.length === 0) return false;
  return ours.find((name) => name === SUBPROTOCOL.msgpack || name === SUBPROTOCOL.json);
}
