import type { FastifyReply } from 'fastify';
import type { Refused } from '../accounts/outcome.js';
import type { GatewayMetrics } from '../metrics.js';
import { answerError } from './errors.js';

/** Answers who was sent away, and says when to come back where that is known. */
export type Refuse = (reply: FastifyReply, refused: Omit<Refused, 'kind'>) => FastifyReply;

export function refuser(metrics: GatewayMetrics): Refuse {
  return (reply, { error, retryAfterS }) => {
    metrics.error(error.code);
    if (retryAfterS !== undefined) reply.header('retry-after', String(retryAfterS));
    return answerError(reply, error);
  };
}
