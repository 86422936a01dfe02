import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CodedError } from '@pizzapi/protocol';
import { ConnectionLimiter, serverOptions } from './http/connectionLimiter.js';
import { HTTP_LIMITS, type HttpLimits } from './http/limits.js';
import { answerClientError } from './http/refusal.js';
import type { Metrics } from './metrics.js';

export interface HealthOptions {
  /** 0 takes a free one. */
  port: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Whether work should be sent here. Asked at every request. */
  ready: () => boolean;
  metrics: Pick<Metrics, 'contentType' | 'render'>;
  limits?: Partial<HttpLimits>;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * `/livez` (the process answers), `/readyz` (200 or 503), `/metrics`, on a port of their own, without credentials.
 * Throws `port_in_use`.
 */
export async function createHealthServer(options: HealthOptions): Promise<HealthServer> {
  const { metrics, ready, host = '127.0.0.1' } = options;
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const server = createServer(serverOptions(limits), (request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    if (request.url === '/livez') return answer(200, 'ok\n');
    if (request.url === '/readyz') return ready() ? answer(200, 'ready\n') : answer(503, 'not ready\n');
    if (request.url !== '/metrics') return answer(404, 'not found\n');
    metrics.render().then(
      (text) => answer(200, text, metrics.contentType),
      () => answer(500, 'internal\n'),
    );
  });
  new ConnectionLimiter(server, { limits });
  server.on('clientError', answerClientError);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      reject(taken ? new CodedError('port_in_use', `${host}:${options.port} is taken`, { cause }) : cause);
    });
    server.listen(options.port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
