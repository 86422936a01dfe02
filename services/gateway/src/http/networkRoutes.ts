import { NetworkBody, NetworkReply } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { GatewayMetrics } from '../metrics.js';
import type { Network } from '../network/network.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route } from './schemas.js';

const tag = 'network';

/** How other devices reach the page. */
export function networkRoutes(
  app: FastifyInstance,
  { network, metrics }: { network: Network; metrics: GatewayMetrics },
): void {
  const refuse = refuser(metrics);

  app.get(
    '/api/network',
    {
      schema: route({
        summary: 'The addresses at which other devices can open the page, the best first',
        tag,
        answers: { 200: NetworkReply },
      }),
    },
    async (request) => network.describe(principalOf(request)),
  );

  app.put<{ Body: { lan: boolean } }>(
    '/api/network',
    {
      schema: route({
        summary: 'Open or close the gateway to the local network; only for the owner of the installation',
        tag,
        body: NetworkBody,
        answers: { 200: NetworkReply },
      }),
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const problem = await network.switchLan(request.body.lan, principal);
      return problem === undefined ? network.describe(principal) : refuse(reply, { error: problem });
    },
  );
}
