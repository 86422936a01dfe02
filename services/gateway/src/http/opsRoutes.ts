import type { FastifyInstance } from 'fastify';
import type { StoreHealth } from '../storeHealth.js';

/** Health, which says no more than that. Metrics are on the port of the health server alone. */
export function opsRoutes(
  app: FastifyInstance,
  { ready, storeHealth }: { ready: () => boolean; storeHealth: StoreHealth },
): void {
  const config = { open: true, anyHost: true };
  const schema = { hide: true } as object;
  // A page under another name of ours asks it whether the browser finds the page's.
  app.get('/livez', { config, schema }, async (_request, reply) =>
    reply.header('cross-origin-resource-policy', 'cross-origin').type('text/plain').send('ok\n'),
  );
  app.get('/readyz', { config, schema }, async (_request, reply) => {
    // Only a real write shows that nats-server has room.
    const writes = ready() ? await storeHealth.check() : 'unreachable';
    if (writes === 'stored') return reply.type('text/plain').send('ready\n');
    const why = writes === 'not_stored' ? 'not ready: disk_full\n' : 'not ready\n';
    return reply.code(503).type('text/plain').send(why);
  });
}
