import { wsconnect, type ConnectionOptions, type NatsConnection, type WsSocketFactory } from '@nats-io/nats-core';
import type { NatsConnectionImpl, Parser } from '@nats-io/nats-core/internal';
import { connect } from '@nats-io/transport-node';
import { CodedError } from '@pizzapi/protocol';
import { OutboundWebSocket, outboundOptions, trustOf } from '@pizzapi/process/outbound';
import { dialAddresses } from './dialAddresses.js';
import { WireParser } from './wireParser.js';

/**
 * How long a WebSocket that is closed waits for the other side, in ms. A dead connection has no
 * other side, and the client connects again only afterwards.
 */
const CLOSE_MS = 1_000;
/** How long the opening of a WebSocket may take, in ms: TCP, a proxy, TLS and the upgrade. */
const OPEN_MS = 5_000;

/** What the last attempts of a connection over WebSocket failed with: the client keeps the text of an error alone. */
export interface DialErrors {
  last?: unknown;
}

/**
 * Connects over TCP or over WebSocket, as the addresses say. All connections of a process that are open at once have to be of
 * one kind: the client has one way of transport for a whole process.
 */
export async function dialNats(
  urls: readonly string[],
  options: ConnectionOptions,
  errors: DialErrors,
): Promise<NatsConnection> {
  const nc = await connectTo(urls, options, errors);
  parseMessagesOurselves(nc);
  return nc;
}

/** The client makes itself a new parser for each connection to a server. Each gets one of ours before it. */
function parseMessagesOurselves(nc: NatsConnection): void {
  const { protocol } = nc as NatsConnectionImpl;
  let parser = new WireParser(protocol, protocol.parser);
  Object.defineProperty(protocol, 'parser', {
    get: () => parser,
    set: (client: Parser) => (parser = new WireParser(protocol, client)),
  });
}

function connectTo(urls: readonly string[], options: ConnectionOptions, errors: DialErrors): Promise<NatsConnection> {
  const { servers, overWebSocket } = dialAddresses(urls);
  if (!overWebSocket) {
    const trust = trustOf();
    const isTls = servers.some((server) => server.startsWith('tls:'));
    return connect({
      ...options,
      servers,
      ...(isTls && trust !== undefined ? { tls: { ca: trust.ca.join('\n') } } : {}),
    });
  }
  // Throws here for bad options: the client would wait forever for an attempt whose factory throws.
  for (const server of servers) outboundOptions(server);
  const wsFactory: WsSocketFactory = (url) => {
    const socket: unknown = open(url, errors);
    return isSocket(socket)
      ? Promise.resolve({ socket, encrypted: url.startsWith('wss:') })
      : Promise.reject(new CodedError('internal', 'No WebSocket'));
  };
  // Servers name their addresses inside of a cluster, which nothing outside can reach.
  const behindProxy = { servers, wsFactory, ignoreClusterUpdates: true };
  return wsconnect({ ...options, ...behindProxy });
}

class NatsSocket extends OutboundWebSocket {
  constructor(url: string) {
    super(url, [], { perMessageDeflate: false, handshakeTimeout: OPEN_MS, maxPayload: 0 });
    // The client waits before a close until this is 0, which it never is on a dead connection. What was sent goes out before
    // the close all the same.
    Object.defineProperty(this, 'bufferedAmount', { value: 0 });
  }

  override close(code?: number, reason?: string): void {
    super.close(code, reason);
    const timer = setTimeout(() => this.terminate(), CLOSE_MS).unref();
    this.once('close', () => clearTimeout(timer));
  }
}

function open(url: string, errors: DialErrors): NatsSocket {
  const socket = new NatsSocket(url);
  socket.on('error', (error) => (errors.last = error));
  socket.on('open', () => delete errors.last);
  return socket;
}

/** `ws` has what a browser's WebSocket has, as far as the client uses it. */
function isSocket(socket: unknown): socket is WebSocket {
  return typeof socket === 'object' && socket !== null && 'binaryType' in socket && 'onmessage' in socket;
}
