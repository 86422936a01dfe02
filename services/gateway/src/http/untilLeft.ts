import type { FastifyReply } from 'fastify';

/** Returns a signal that aborts when the client leaves before it has its answer. */
export function untilLeft(reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  if (reply.raw.destroyed) left.abort();
  reply.raw.once('close', () => reply.raw.writableEnded || left.abort());
  return left.signal;
}
