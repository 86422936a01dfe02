import { TopReply } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import { LiveFigures, type LiveFiguresDeps } from '../liveFigures.js';
import { route } from './schemas.js';

/** What the relay does now, for admins. */
export function topRoutes(app: FastifyInstance, deps: LiveFiguresDeps): void {
  const figures = new LiveFigures(deps);
  app.get(
    '/api/top',
    {
      config: { admin: true },
      schema: route({
        summary: 'What the relay does now: viewers, events, hosts with their spools, lag of the projections',
        tag: 'operation',
        answers: { 200: TopReply },
      }),
    },
    async (_request, reply) => reply.header('cache-control', 'no-store').send(await figures.read()),
  );
}
