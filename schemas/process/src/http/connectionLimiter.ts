import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import { BURST_MS, HTTP_LIMITS, type HttpLimits } from './limits.js';
import { networkOf } from './network.js';
import { refuseRequest, refuseSocket } from './refusal.js';

/** How often connections are looked at, in ms. */
const SWEEP_MS = 1_000;

const TOO_MANY = errorInfo('too_many_requests', 'There are too many connections from this address');

export interface LimiterOptions {
  limits?: Partial<HttpLimits>;
  /** Whether a connection from this address is a proxy's: it speaks for many clients, and is not counted. */
  isProxy?: (ip: string) => boolean;
  /** Answers a request that came too slowly. */
  answer?: (request: IncomingMessage, response: ServerResponse, error: ErrorInfo) => void;
}

/** Options for `http.createServer`: node looks by itself how long the head of a request takes. */
export const serverOptions = ({ headMs }: Pick<HttpLimits, 'headMs'>) => ({
  headersTimeout: headMs,
  connectionsCheckingInterval: Math.min(1_000, headMs),
});

/** A connection, and how far the request on it has come. */
interface Connection {
  readonly socket: Socket;
  /** Whose it is; undefined for one that is not counted. */
  client: string | undefined;
  /** The client has shown credentials on it. */
  known: boolean;
  /** It speaks something else than HTTP by now. */
  upgraded: boolean;
  readonly openedAt: number;
  exchange: Exchange | undefined;
  /** Bytes that the network has taken, and when it last took some. */
  sent: Progress;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly since: number;
  readonly from: number;
  received: Progress;
  answeredAt: number | undefined;
}

interface Progress {
  bytes: number;
  at: number;
}

/**
 * Keeps the connections of an HTTP server from standing open for nothing, and one client that has shown no credentials
 * from having them all: bodies and answers have to go on, and above a number a client's oldest connections that wait for
 * it are closed. Whoever sends and reads is not disturbed by who does not, from the same address neither.
 */
export class ConnectionLimiter {
  private readonly limits: HttpLimits;
  private readonly connections = new Map<Socket, Connection>();
  private readonly clients = new Map<string, Set<Connection>>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    server: Server,
    private readonly options: LimiterOptions = {},
  ) {
    this.limits = { ...HTTP_LIMITS, ...options.limits };
    server.keepAliveTimeout = this.limits.idleMs;
    // In front of node's own listener: what is refused is not read.
    const accept = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      if (this.open(socket)) for (const listener of accept) listener.call(server, socket);
    });
    server.prependListener('request', (request, response) => this.begin(request, response));
    server.prependListener('upgrade', ({ socket }) => {
      const connection = this.connections.get(socket);
      if (connection !== undefined) connection.upgraded = true;
    });
    this.timer = setInterval(() => this.sweep(Date.now()), SWEEP_MS).unref();
    server.once('close', () => clearInterval(this.timer));
  }

  /** Connections of clients that have shown no credentials on them. */
  get unknown(): number {
    return [...this.clients.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** The client has shown credentials on this connection: from now on it does not count. */
  admit(socket: Socket): void {
    const connection = this.connections.get(socket);
    if (connection === undefined || connection.known) return;
    connection.known = true;
    this.uncount(connection);
  }

  /** False for a connection that is refused. */
  private open(socket: Socket): boolean {
    const { remoteAddress: ip } = socket;
    const isCounted = ip !== undefined && this.options.isProxy?.(ip) !== true;
    const now = Date.now();
    const connection: Connection = {
      ...{ socket, known: false, upgraded: false, openedAt: now, exchange: undefined },
      client: isCounted ? networkOf(ip) : undefined,
      sent: { bytes: 0, at: now },
    };
    const mates = connection.client === undefined ? undefined : this.clients.get(connection.client);
    if (mates !== undefined && mates.size >= this.limits.burstPerClient && !this.makeRoom(mates)) {
      refuseSocket(socket, TOO_MANY);
      return false;
    }
    this.connections.set(socket, connection);
    if (connection.client !== undefined) this.clients.set(connection.client, (mates ?? new Set()).add(connection));
    socket.once('close', () => {
      this.connections.delete(socket);
      this.uncount(connection);
    });
    return true;
  }

  /** Closes the connection of a client that has waited longest, so that a new one is served. False when all are at work. */
  private makeRoom(mates: Set<Connection>): boolean {
    for (const connection of mates) {
      if (isAtWork(connection)) continue;
      this.close(connection, TOO_MANY);
      return true;
    }
    return false;
  }

  private uncount(connection: Connection): void {
    const { client } = connection;
    const mates = client === undefined ? undefined : this.clients.get(client);
    if (client !== undefined && mates?.delete(connection) === true && mates.size === 0) this.clients.delete(client);
    connection.client = undefined;
  }

  private begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.connections.get(socket);
    if (connection === undefined) return;
    const now = Date.now();
    const from = socket.bytesRead;
    const exchange: Exchange = {
      ...{ request, response, since: now, from, received: { bytes: from, at: now }, answeredAt: undefined },
    };
    connection.exchange = exchange;
    response.once('close', () => (exchange.answeredAt = Date.now()));
    // The oldest stand first: one that is used is not one of them.
    const mates = connection.client === undefined ? undefined : this.clients.get(connection.client);
    if (mates?.delete(connection) === true) mates.add(connection);
  }

  /** Closes what stands still, and what is too much of one client. */
  private sweep(now: number): void {
    for (const connection of this.connections.values()) if (!connection.upgraded) this.look(connection, now);
    const { unknownPerClient } = this.limits;
    for (const mates of this.clients.values()) {
      let tooMany = mates.size - unknownPerClient;
      for (const connection of mates) {
        if (tooMany <= 0) break;
        if (now - connection.openedAt < BURST_MS || isAtWork(connection)) continue;
        this.close(connection, TOO_MANY);
        tooMany--;
      }
    }
  }

  private look(connection: Connection, now: number): void {
    const { socket, sent, exchange } = connection;
    const { sendMs, lingerMs } = this.limits;
    const taken = socket.bytesWritten - socket.writableLength;
    if (taken > sent.bytes || socket.writableLength === 0) connection.sent = { bytes: taken, at: now };
    else if (now - sent.at > sendMs) return void socket.destroy();
    if (exchange === undefined || exchange.request.complete) return;
    if (exchange.answeredAt !== undefined) {
      if (now - exchange.answeredAt > lingerMs) socket.destroy();
    } else if (this.isLate(connection, exchange, now)) {
      this.close(connection, errorInfo('request_timeout', 'The request body was not received in time'));
    }
  }

  private isLate({ socket, known }: Connection, exchange: Exchange, now: number): boolean {
    const { stallMs, bodyBytesPerSecond } = this.limits;
    const { request, received, since, from } = exchange;
    // It may be us who do not read on.
    const isWaiting = request.readableLength >= request.readableHighWaterMark;
    if (socket.bytesRead > received.bytes || isWaiting) exchange.received = { bytes: socket.bytesRead, at: now };
    const patience = known ? stallMs.known : stallMs.unknown;
    const due = since + patience + ((socket.bytesRead - from) / bodyBytesPerSecond) * 1_000;
    return now > due || now - exchange.received.at > patience;
  }

  /** With an answer, where there is none yet. From now on it does not count: it is on its way out. */
  private close(connection: Connection, error: ErrorInfo): void {
    const { socket, exchange } = connection;
    this.uncount(connection);
    if (exchange === undefined) return refuseSocket(socket, error);
    const { request, response, answeredAt } = exchange;
    if (answeredAt !== undefined || response.headersSent) return void socket.destroy();
    // Whatever becomes of the answer, the connection ends with it.
    exchange.answeredAt = Date.now();
    (this.options.answer ?? ((_request, of, why) => refuseRequest(of, why)))(request, response, error);
  }
}

/** A whole request is being answered: we are at work for it, and it waits for us. */
function isAtWork({ exchange, upgraded }: Connection): boolean {
  if (upgraded) return true;
  return exchange !== undefined && exchange.request.complete && exchange.answeredAt === undefined;
}
