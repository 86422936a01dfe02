import { SessionUsageReply, UsageReply } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import { unknownSession, type Access } from '../session/access.js';
import type { Storage } from '../session/storage.js';
import { answerError } from './errors.js';
import { principalOf } from './guard.js';
import { route, SessionParams } from './schemas.js';

export interface UsageDeps {
  access: Access;
  storage: Storage;
}

/** Sessions that one answer names. */
const MOST_SESSIONS = 50;

const tag = 'usage';

/** What is stored, and what may be. */
export function usageRoutes(app: FastifyInstance, { access, storage }: UsageDeps): void {
  app.get(
    '/api/usage',
    { schema: route({ summary: 'Your storage use and limits', tag, answers: { 200: UsageReply } }) },
    async (request): Promise<UsageReply> => {
      const { userId, role } = principalOf(request);
      const [uses, sessions, relay] = await Promise.all([
        storage.uses({ userId }),
        storage.largestSessions(userId, MOST_SESSIONS),
        role === 'admin' ? storage.relay.uses() : [],
      ]);
      return {
        uses: [...uses, ...relay],
        sessions: sessions.map((each) => ({ ...each, limit: storage.limits.session })),
      };
    },
  );

  app.get<{ Params: { sid: string } }>(
    '/api/sessions/:sid/usage',
    {
      config: { guests: true },
      schema: route({
        summary: 'Storage use and limits of a session',
        tag,
        params: SessionParams,
        answers: { 200: SessionUsageReply },
      }),
    },
    async (request, reply) => {
      const { sid } = request.params;
      const { share, credential, role } = principalOf(request);
      const userId = access.ownerOf(sid);
      if (userId === undefined) return answerError(reply, unknownSession(sid));
      const uses = await storage.uses({ userId, sid, link: share && credential.id });
      if (share !== undefined) return { uses: uses.filter(({ of }) => of !== 'account') } satisfies SessionUsageReply;
      const relay = role === 'admin' ? await storage.relay.uses() : [];
      return { uses: [...uses, ...relay] } satisfies SessionUsageReply;
    },
  );
}
