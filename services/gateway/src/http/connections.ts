import type { IncomingMessage, ServerResponse } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import {
  ConnectionLimiter,
  HTTP_LIMITS,
  networkOf,
  refuseRequest,
  RETRY_AFTER_S,
  type HttpLimits,
} from '@pizzapi/process';
import { errorInfo, type ErrorInfo } from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayMetrics } from '../metrics.js';
import { answerError } from './errors.js';

export interface ConnectionDeps {
  limits: Partial<HttpLimits> | undefined;
  /** Addresses and networks of proxies that say where a request comes from. */
  trustedProxies: readonly string[];
  metrics: GatewayMetrics;
}

/** What the guard tells of a request, once it knows whose it is. */
export interface Connections {
  /** The client has shown credentials, or the connection is counted elsewhere. */
  admit(request: Pick<FastifyRequest, 'raw'>): void;
  /** Nobody has: an error when there are too many such requests of this client at once. */
  take(request: FastifyRequest, reply: FastifyReply): ErrorInfo | undefined;
}

/**
 * Bounds what connections may cost: see `ConnectionLimiter`. Behind a proxy that is trusted a connection says nothing of
 * its client, and the requests of one client are counted instead. To be called before any hook that answers.
 */
export function limitConnections(
  app: FastifyInstance,
  { limits, trustedProxies, metrics }: ConnectionDeps,
): Connections {
  const isProxy = proxyCheck(trustedProxies);
  const replies = new WeakMap<IncomingMessage, FastifyReply>();
  app.addHook('onRequest', async (request, reply) => void replies.set(request.raw, reply));
  const limiter = new ConnectionLimiter(app.server, {
    isProxy,
    ...(limits === undefined ? {} : { limits }),
    answer: (request, response, error) => answerLate(replies.get(request), request, response, error, metrics),
  });
  const { unknownPerClient } = { ...HTTP_LIMITS, ...limits };
  const inHand = new Map<string, number>();
  return {
    admit: ({ raw }) => limiter.admit(raw.socket),
    take: ({ ip, raw }, reply) => {
      if (!isProxy(raw.socket.remoteAddress ?? '')) return undefined;
      const client = networkOf(ip);
      const count = inHand.get(client) ?? 0;
      if (count >= unknownPerClient) {
        reply.header('retry-after', String(RETRY_AFTER_S));
        return errorInfo('too_many_requests', 'There are too many requests from this address');
      }
      inHand.set(client, count + 1);
      reply.raw.once('close', () => {
        const left = (inHand.get(client) ?? 1) - 1;
        if (left > 0) inHand.set(client, left);
        else inHand.delete(client);
      });
      return undefined;
    },
  };
}

/** Through fastify where the request has come that far, so that the answer has what every answer has. */
function answerLate(
  reply: FastifyReply | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  error: ErrorInfo,
  metrics: GatewayMetrics,
): void {
  metrics.error(error.code);
  if (reply === undefined) return refuseRequest(response, error);
  if (reply.sent) return void request.destroy();
  if (error.code === 'too_many_requests') reply.header('retry-after', String(RETRY_AFTER_S));
  void answerError(reply.header('connection', 'close'), error);
}

function proxyCheck(proxies: readonly string[]): (ip: string) => boolean {
  const list = new BlockList();
  for (const proxy of proxies) {
    const [address = '', bits] = proxy.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (ip) => {
    const plain = ip.replace(/^::ffff:(?=[\d.]+$)/i, '');
    return plain !== '' && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
  };
}
