import { EventsQuery, ErrorBody, RunnerParams, SessionParams } from '@pizzapi/protocol';
import type { FastifySchema } from 'fastify';
import Type from 'typebox';

/** Schemas of requests that only HTTP has. */
export const BlobParams = Type.Object({
  ...SessionParams.properties,
  hash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
});
export const FoldersQuery = Type.Object({ path: Type.Optional(Type.String({ maxLength: 4_096 })) });
export const IdempotencyHeaders = Type.Object({ 'idempotency-key': Type.Optional(Type.String()) });

export { EventsQuery, RunnerParams, SessionParams };

interface RouteDoc {
  summary: string;
  tag: string;
  params?: Type.TSchema;
  querystring?: Type.TSchema;
  headers?: Type.TSchema;
  body?: Type.TSchema;
  /** Answers by status. Errors are added. */
  answers?: Record<number, Type.TSchema>;
}

/** A route's schema: checks what comes in, and becomes its part of /openapi.json. */
export function route({ summary, tag, answers = {}, ...parts }: RouteDoc): FastifySchema {
  return { summary, tags: [tag], ...parts, response: { ...answers, default: ErrorBody } };
}
