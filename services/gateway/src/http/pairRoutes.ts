import {
  checker,
  errorInfo,
  PairApproveBody,
  PairBody,
  PairInfo,
  PairParams,
  PairPollBody,
  PairPollReply,
  PairReply,
} from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import type { DeviceAuthorization } from '../accounts/pairing.js';
import type { GatewayMetrics } from '../metrics.js';
import type { NatsAddresses } from '../nats/natsAddresses.js';
import { SMALL_BODY_BYTES } from './authRoutes.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route } from './schemas.js';

const tag = 'pairing';
const isPairApproveBody = checker(PairApproveBody);
const open = { config: { open: true }, bodyLimit: SMALL_BODY_BYTES };

interface OfCode {
  Params: { code: string };
}

export interface PairDeps {
  pairing: DeviceAuthorization;
  metrics: GatewayMetrics;
  /** Where runners find nats-server. */
  natsAddresses: NatsAddresses;
}

/** How a program gets a key: it asks and waits, somebody who is signed in answers. */
export function pairRoutes(app: FastifyInstance, { pairing, metrics, natsAddresses }: PairDeps): void {
  const refuse = refuser(metrics);

  app.post<{ Body: PairBody }>(
    '/api/pair',
    {
      ...open,
      schema: route({
        summary: 'Request a key by device authorization',
        tag,
        body: PairBody,
        answers: { 201: PairReply },
      }),
    },
    async (request, reply) => {
      const outcome = await pairing.ask(request.body, request.ip);
      if (outcome.kind === 'refused') return refuse(reply, outcome);
      const { kind: _, ...asked } = outcome;
      return reply.code(201).send(asked);
    },
  );

  app.post<{ Body: Static<typeof PairPollBody> }>(
    '/api/pair/poll',
    {
      ...open,
      schema: route({
        summary: 'Fetch the approved key, once',
        tag,
        body: PairPollBody,
        answers: { 200: PairPollReply },
      }),
    },
    async (request, reply) => {
      const outcome = await pairing.poll(request.body.secret, request.ip, natsAddresses.of(request));
      if (outcome.kind === 'refused') return refuse(reply, outcome);
      return reply.send(outcome.reply);
    },
  );

  app.get<OfCode>(
    '/api/pair/:code',
    { schema: route({ summary: 'What a code requests', tag, params: PairParams, answers: { 200: PairInfo } }) },
    async (request, reply) => {
      const outcome = await pairing.look(request.params.code, request.ip);
      return outcome.kind === 'refused' ? refuse(reply, outcome) : outcome.pair;
    },
  );

  for (const verb of ['approve', 'deny'] as const) {
    app.post<OfCode>(
      `/api/pair/:code/${verb}`,
      {
        schema: route({
          ...{ summary: verb === 'approve' ? 'Approve a code' : 'Deny a code', tag, params: PairParams },
        }),
      },
      async (request, reply) => {
        const { userId } = principalOf(request);
        // Programs of earlier versions send no body.
        const body = request.body ?? {};
        if (!isPairApproveBody(body))
          return refuse(reply, { error: errorInfo('bad_request', isPairApproveBody.problem(body)) });
        const answer = { approved: verb === 'approve', allow: body.allow };
        const outcome = await pairing.answer(request.params.code, answer, { userId, ip: request.ip });
        return outcome.kind === 'refused' ? refuse(reply, outcome) : reply.code(204).send();
      },
    );
  }
}
