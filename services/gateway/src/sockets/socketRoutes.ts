import fastifyWebsocket, { type WebSocket } from '@fastify/websocket';
import type { ServerResponse } from 'node:http';
import { errorInfo, MAX_FRAME_BYTES, SUBPROTOCOL } from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { answerError } from '../http/errors.js';
import { principalOf } from '../http/guard.js';
import type { GatewayMetrics } from '../metrics.js';
import { protocolOf, socketProblem, type SocketAdmissionDeps } from './admission.js';
import type { Sockets, SocketTarget } from './sockets.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What node would have answered an upgrade with. */
    unused: ServerResponse | null;
  }
  interface FastifyContextConfig {
    /** Speaks WebSocket. */
    socket?: boolean;
  }
}

/** Takes upgrades into fastify's ordinary run of hooks. To be registered before any route. */
export async function registerUpgrades(app: FastifyInstance, sockets: Sockets): Promise<void> {
  await app.register(fastifyWebsocket, {
    options: {
      maxPayload: MAX_FRAME_BYTES,
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: (_offered, request) => protocolOf(request.headers['sec-websocket-protocol']) ?? false,
    },
    errorHandler: (_error, socket: WebSocket) => sockets.failed(socket),
    // Draining has sent everyone away before.
    preClose: (done: () => void) => done(),
  });
  app.decorateRequest('unused', null);
  app.addHook('onRequest', async (request, reply) => {
    if (request.ws) request.unused = reply.raw;
    if (request.ws && request.routeOptions.config.socket !== true)
      return answerError(reply, errorInfo('not_found', `No WebSocket at ${request.url.slice(0, 100)}`));
  });
}

/** `/ws/sessions/:sid`, `/ws/terminals/:tid`, `/ws/hub` and `/ws/runners`: refused at the upgrade, in the shape of the HTTP API, or spoken with. */
export function socketRoutes(
  app: FastifyInstance,
  deps: SocketAdmissionDeps & { sockets: Sockets; metrics: GatewayMetrics },
): void {
  const route = (url: string, targetOf: (request: FastifyRequest) => SocketTarget, guests = false) =>
    app.route({
      method: 'GET',
      url,
      config: { socket: true, guests },
      schema: { hide: true },
      preValidation: async (request: FastifyRequest, reply: FastifyReply) => {
        const error = request.ws
          ? await socketProblem(request, deps)
          : errorInfo('bad_request', 'This address accepts only WebSockets');
        if (error === undefined) return;
        deps.metrics.error(error.code);
        return answerError(reply, error);
      },
      // Never reached: what is no upgrade was refused above.
      handler: (_request, reply) => answerError(reply, errorInfo('bad_request')),
      wsHandler: (socket, request) => {
        const json = socket.protocol === SUBPROTOCOL.json;
        // The plugin's listener holds request and reply for as long as the socket lives; `converse` has its own.
        socket.removeAllListeners('error');
        // So does the connection itself, by a response that is never sent.
        request.unused?.detachSocket(request.raw.socket);
        deps.sockets.converse(socket, request.raw.socket, targetOf(request), principalOf(request), json);
      },
    });
  route('/ws/sessions/:sid', (request) => ({ kind: 'viewer', sid: (request.params as { sid: string }).sid }), true);
  route('/ws/terminals/:tid', (request) => ({
    kind: 'terminal',
    terminalId: (request.params as { tid: string }).tid,
  }));
  route('/ws/hub', () => ({ kind: 'hub' }));
  route('/ws/runners', () => ({ kind: 'runners' }));
}
