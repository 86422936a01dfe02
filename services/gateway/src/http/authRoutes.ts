import { errorInfo, LinkBody, Me, type Me as MeReply } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import { writeCookie } from '../auth/cookie.js';
import type { Credentials } from '../auth/credentials.js';
import { owner, type Principal } from '../auth/principal.js';
import type { Commander } from '../session/commander.js';
import { answerError } from './errors.js';
import { principalOf } from './guard.js';
import { route } from './schemas.js';

export interface AuthDeps {
  credentials: Credentials;
  commander: Commander;
  /** Whether people come over https, so that the cookie may be kept to it. */
  secure: boolean;
}

const meOf = ({ userId, name, role }: Principal): MeReply => ({ userId, name, role });

/** Signing in with the one-time link, and out. */
export function authRoutes(app: FastifyInstance, { credentials, commander, secure }: AuthDeps): void {
  app.post<{ Body: { token: string } }>(
    '/api/auth/link',
    {
      config: { open: true },
      schema: route({
        summary: 'Sign in with the token of a one-time link',
        tag: 'auth',
        body: LinkBody,
        answers: { 200: Me },
      }),
    },
    async (request, reply) => {
      const cookie = await credentials.trade(request.body.token);
      if (cookie === undefined) return answerError(reply, errorInfo('link_invalid'));
      const person = owner('owner');
      commander.audit('login', person, { ip: request.ip });
      return reply
        .header('set-cookie', writeCookie(cookie, secure))
        .header('cache-control', 'no-store')
        .send(meOf(person));
    },
  );

  app.post(
    '/api/auth/logout',
    { config: { open: true }, schema: route({ summary: 'Sign out', tag: 'auth' }) },
    async (_request, reply) => reply.header('set-cookie', writeCookie(undefined, secure)).code(204).send(),
  );

  app.get(
    '/api/auth/me',
    { schema: route({ summary: 'Who you are', tag: 'auth', answers: { 200: Me } }) },
    async (request) => meOf(principalOf(request)),
  );
}
