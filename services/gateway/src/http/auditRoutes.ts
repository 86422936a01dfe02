import { readAudit, type Backbone } from '@pizzapi/backbone';
import { AuditQuery, AuditReply } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import { route } from './schemas.js';

/** Rows of one answer when the request names no number. */
const DEFAULT_LIMIT = 100;

/** The audit log, a page at a time, for admins. */
export function auditRoutes(app: FastifyInstance, { b }: { b: Backbone }): void {
  app.get<{ Querystring: AuditQuery }>(
    '/api/audit',
    {
      config: { admin: true },
      schema: route({
        summary: 'The audit log: the last `limit` entries before `before`, newest first',
        tag: 'audit',
        querystring: AuditQuery,
        answers: { 200: AuditReply },
      }),
    },
    async (request, reply) => {
      const { limit = DEFAULT_LIMIT, before, kind } = request.query;
      return reply.header('cache-control', 'no-store').send(await readAudit(b, { limit, before, kind }));
    },
  );
}
