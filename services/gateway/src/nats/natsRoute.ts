import type { IncomingMessage } from 'node:http';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Connections } from '../http/connections.js';
import { answerError } from '../http/errors.js';
import type { GatewayMetrics } from '../metrics.js';
import type { NatsTunnels } from './tunnels.js';
import { upgradeProblem } from './upgrade.js';

export interface NatsRouteDeps {
  /** Undefined where this gateway passes nothing on. */
  tunnels: NatsTunnels | undefined;
  connections: Pick<Connections, 'admit'>;
  isDraining: () => boolean;
  metrics: GatewayMetrics;
}

const NOTHING = Buffer.alloc(0);

/** `/nats`: the way of a runner to nats-server that needs nothing but the address of the gateway. */
export function natsRoute(app: FastifyInstance, { tunnels, connections, isDraining, metrics }: NatsRouteDeps): void {
  const heads = new WeakMap<IncomingMessage, Buffer>();
  app.server.prependListener('upgrade', (request: IncomingMessage, _socket, head: Buffer) => {
    if (head.length > 0) heads.set(request, head);
  });

  const pass = async (request: FastifyRequest, reply: FastifyReply): Promise<ErrorInfo | undefined> => {
    if (isDraining()) return errorInfo('draining');
    if (tunnels === undefined) return errorInfo('nats_not_served', 'There is no nats-server behind this gateway');
    const wrong = upgradeProblem(request.headers);
    if (wrong !== undefined) return wrong;
    if (!request.ws) return errorInfo('bad_request', 'This address accepts only WebSockets');
    const { socket } = request.raw;
    const outcome = await tunnels.connect(request.headers['sec-websocket-key'] ?? '', request.ip);
    if (outcome.kind === 'too_many') return errorInfo('too_many_connections');
    if (outcome.kind === 'unreachable') return errorInfo('unavailable', 'nats-server does not answer the gateway');
    const { tunnel } = outcome;
    if (isDraining() || socket.destroyed) {
      tunnel.cancel();
      return errorInfo('draining');
    }
    connections.admit(request);
    reply.hijack();
    request.unused?.detachSocket(socket);
    tunnel.start(socket, heads.get(request.raw) ?? NOTHING);
    return undefined;
  };

  app.route({
    method: 'GET',
    url: '/nats',
    config: { socket: true, countsItself: true },
    schema: { hide: true },
    preValidation: async (request, reply) => {
      const error = await pass(request, reply);
      if (error === undefined) return reply;
      metrics.error(error.code);
      return answerError(reply, error);
    },
    // Never reached: the request was answered or passed on above.
    handler: (_request, reply) => answerError(reply, errorInfo('bad_request')),
  });
}
