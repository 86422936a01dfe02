import type { AuditWriter } from '@pizzapi/backbone';
import { errorInfo, IdParams, KeysReply, NewKeyBody, NewKeyReply } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { ApiKeys } from '../accounts/keys.js';
import type { GatewayMetrics } from '../metrics.js';
import type { NatsAddresses } from '../nats/natsAddresses.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route } from './schemas.js';

export interface KeyDeps {
  keys: ApiKeys;
  audit: AuditWriter;
  metrics: GatewayMetrics;
  /** Where runners find nats-server. */
  natsAddresses: NatsAddresses;
}

const tag = 'keys';

/** API keys and runner tokens: everybody's own, and no others. */
export function keyRoutes(app: FastifyInstance, { keys, audit, metrics, natsAddresses }: KeyDeps): void {
  const refuse = refuser(metrics);

  app.get(
    '/api/keys',
    { schema: route({ summary: 'Your keys', tag, answers: { 200: KeysReply } }) },
    async (request) => ({ keys: keys.listOf(principalOf(request).userId) }),
  );

  app.post<{ Body: NewKeyBody }>(
    '/api/keys',
    {
      schema: route({
        summary: 'Create an API key or a runner token; it is returned only once',
        tag,
        body: NewKeyBody,
        answers: { 201: NewKeyReply },
      }),
    },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const outcome = await keys.create(userId, request.body);
      if (outcome.kind === 'refused') return refuse(reply, outcome);
      const { key, token } = outcome;
      audit('key_created', {
        userId,
        ip: request.ip,
        keyId: key.id,
        keyKind: key.kind,
        name: key.name,
        ...(key.allow && { allow: key.allow }),
      });
      const where = key.kind === 'runner' ? natsAddresses.of(request) : {};
      return reply.code(201).send({ key, token, ...where });
    },
  );

  app.delete<{ Params: { id: string } }>(
    '/api/keys/:id',
    { schema: route({ summary: 'Revoke one of your keys', tag, params: IdParams }) },
    async (request, reply) => {
      const { userId } = principalOf(request);
      const { id } = request.params;
      const key = await keys.revoke(userId, id);
      if (key === undefined) return refuse(reply, { error: errorInfo('key_not_found', `No key "${id}"`) });
      audit('key_revoked', { userId, ip: request.ip, keyId: id, keyKind: key.kind, name: key.name });
      return reply.code(204).send();
    },
  );
}
