import type { FastifyInstance } from 'fastify';
import type { GatewayMetrics } from '../metrics.js';

/** Health, which says no more than that, and metrics, for admins. */
export function opsRoutes(
  app: FastifyInstance,
  { ready, metrics }: { ready: () => boolean; metrics: GatewayMetrics },
): void {
  const config = { open: true, anyHost: true };
  const schema = { hide: true } as object;
  // A page under another name of ours asks it whether the browser finds the page's.
  app.get('/livez', { config, schema }, async (_request, reply) =>
    reply.header('cross-origin-resource-policy', 'cross-origin').type('text/plain').send('ok\n'),
  );
  app.get('/readyz', { config, schema }, async (_request, reply) =>
    reply
      .code(ready() ? 200 : 503)
      .type('text/plain')
      .send(ready() ? 'ready\n' : 'not ready\n'),
  );
  app.get('/metrics', { config: { admin: true, anyHost: true }, schema }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.render()),
  );
}
