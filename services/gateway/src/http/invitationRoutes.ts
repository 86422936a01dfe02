import {
  errorInfo,
  IdParams,
  InvitationBody,
  InvitationReply,
  InvitationsReply,
  NewInvitationBody,
  NewInvitationReply,
} from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { Invitations } from '../accounts/invitations.js';
import type { GatewayMetrics } from '../metrics.js';
import { SMALL_BODY_BYTES } from './authRoutes.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route } from './schemas.js';

export interface InvitationDeps {
  invitations: Invitations;
  metrics: GatewayMetrics;
  /** The address that other people can open. `localOnly`: no other device can open it. */
  outsideUrl: () => { url: string; localOnly: boolean };
}

const tag = 'users';
const config = { admin: true };

/** Invitations to create an account. The token is returned once, behind the `#` of the address. */
export function invitationRoutes(app: FastifyInstance, { invitations, metrics, outsideUrl }: InvitationDeps): void {
  const refuse = refuser(metrics);

  app.get(
    '/api/invitations',
    {
      config,
      schema: route({ summary: 'The invitations, with their state', tag, answers: { 200: InvitationsReply } }),
    },
    async () => ({ invitations: await invitations.list() }),
  );

  app.post<{ Body: NewInvitationBody }>(
    '/api/invitations',
    {
      config,
      schema: route({
        summary: 'Create an invitation: one account can be created with it',
        tag,
        body: NewInvitationBody,
        answers: { 201: NewInvitationReply },
      }),
    },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const outcome = await invitations.create(request.body, { userId, ip: request.ip });
      if (outcome.kind === 'refused') return refuse(reply, outcome);
      const { url, localOnly } = outsideUrl();
      return reply.code(201).send({
        invitation: outcome.invitation,
        url: `${url}/invite#${outcome.token}`,
        ...(localOnly ? { localOnly } : {}),
      });
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/api/invitations/:id',
    { config, schema: route({ summary: 'Revoke an invitation that is open', tag, params: IdParams }) },
    async (request, reply) => {
      const { userId } = principalOf(request);
      if (!(await invitations.revoke(request.params.id, { userId, ip: request.ip })))
        return refuse(reply, { error: errorInfo('invitation_not_found') });
      return reply.code(204).send();
    },
  );

  app.post<{ Body: { token: string } }>(
    '/api/auth/invitation',
    {
      config: { open: true },
      bodyLimit: SMALL_BODY_BYTES,
      schema: route({
        summary: 'Whether an invitation can be used, and who invites',
        tag: 'auth',
        body: InvitationBody,
        answers: { 200: InvitationReply },
      }),
    },
    async (request, reply) => {
      const outcome = await invitations.look(request.body.token, request.ip);
      if (outcome.kind === 'refused') return refuse(reply, outcome);
      return { by: outcome.by, expiresAt: outcome.expiresAt };
    },
  );
}
