import { errorInfo, PurgeBody, PurgeReply } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { GatewayMetrics } from '../metrics.js';
import type { Eraser } from '../session/eraser.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route } from './schemas.js';

export interface PurgeRoutesDeps {
  eraser: Eraser;
  metrics: GatewayMetrics;
}

/** Erasure: for the owner of a session, and for admins. */
export function purgeRoutes(app: FastifyInstance, { eraser, metrics }: PurgeRoutesDeps): void {
  const refuse = refuser(metrics);

  app.post<{ Body: PurgeBody }>(
    '/api/purge',
    {
      schema: route({
        summary:
          'Erase a session of yours, so that nothing of it is left and nothing brings it back; admins: any session, or an account',
        tag: 'sessions',
        body: PurgeBody,
        answers: { 200: PurgeReply },
      }),
    },
    async (request, reply) => {
      const principal = principalOf(request);
      const { body } = request;
      if (!('sessionId' in body) && principal.role !== 'admin')
        return refuse(reply, { error: errorInfo('forbidden', 'Only admins can do this') });
      const outcome =
        'sessionId' in body
          ? await eraser.eraseSession(principal, body.sessionId)
          : await eraser.eraseAccount(principal, body.userId);
      return outcome.kind === 'refused' ? refuse(reply, { error: outcome.error }) : outcome.reply;
    },
  );
}
