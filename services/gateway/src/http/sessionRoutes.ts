import { headOf, type Backbone } from '@pizzapi/backbone';
import {
  CommandBody,
  CommandReply,
  errorInfo,
  InputBody,
  MetaReply,
  NewSessionBody,
  NewSessionReply,
  SessionReply,
  SessionsQuery,
  SessionsReply,
  type ErrorInfo,
  type SessionInfo,
} from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { clientTrace } from '../clientTrace.js';
import type { GatewayMetrics } from '../metrics.js';
import type { SendCommandOutcome, CommandSender } from '../session/commandSender.js';
import { readerOf, type SessionEntries } from '../session/sessionEntries.js';
import type { SessionPages } from '../session/sessionPages.js';
import type { SessionReader } from '../session/reader.js';
import type { Principal } from '../auth/principal.js';
import type { Remover } from '../session/remover.js';
import type { Spawner } from '../session/spawner.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { EventsQuery, IdempotencyHeaders, route, SessionParams } from './schemas.js';

export interface SessionRoutesDeps {
  b: Backbone;
  pages: SessionPages;
  reader: SessionReader;
  commandSender: CommandSender;
  spawner: Spawner;
  remover: Remover;
  metrics: GatewayMetrics;
  entries: SessionEntries;
}

/** A body with attachments inline: 10 MiB of file are 14 MiB of base64. */
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Events of one answer when the request names no number. */
const DEFAULT_LIMIT = 1_000;

interface OfSession {
  Params: { sid: string };
}

const tag = 'sessions';
const traceOf = ({ headers }: FastifyRequest) => clientTrace(headers['traceparent'], headers['tracestate']);
const keyOf = ({ headers }: FastifyRequest): string | undefined => {
  const key = headers['idempotency-key'];
  return Array.isArray(key) ? key[0] : key;
};

export function sessionRoutes(app: FastifyInstance, deps: SessionRoutesDeps): void {
  const { b, pages, reader, commandSender, spawner, remover, metrics, entries } = deps;
  const refuse = refuser(metrics);
  const listed = (principal: Principal, session: SessionInfo): SessionInfo => entries.for(readerOf(principal), session);
  const fail = (reply: FastifyReply, error: ErrorInfo): FastifyReply => refuse(reply, { error });
  const sent = (reply: FastifyReply, outcome: SendCommandOutcome): FastifyReply =>
    outcome.kind === 'sent' ? reply.code(202).send({ commandId: outcome.commandId }) : refuse(reply, outcome);

  app.get<{ Querystring: SessionsQuery }>(
    '/api/sessions',
    {
      schema: route({
        summary:
          'A page of your sessions and those that are shared with you, most recently active first; the first page also has those that run or wait for a person',
        tag,
        querystring: SessionsQuery,
        answers: { 200: SessionsReply },
      }),
    },
    async (request) => {
      const principal = principalOf(request);
      const { sessions, ...more } = await pages.page(principal.userId, request.query);
      return { ...more, sessions: sessions.map((session) => listed(principal, session)) };
    },
  );

  for (const url of ['/api/sessions', '/ws/sessions']) {
    app.post<{ Body: NewSessionBody }>(
      url,
      {
        bodyLimit: MAX_BODY_BYTES,
        schema: route({
          summary: 'Start a session; 202 when the runner has not answered yet',
          tag,
          headers: IdempotencyHeaders,
          body: NewSessionBody,
          answers: { 201: NewSessionReply, 202: NewSessionReply },
        }),
      },
      async (request, reply) => {
        const began = performance.now();
        const outcome = await spawner.spawn(principalOf(request), request.body, keyOf(request), traceOf(request));
        metrics.spawned((performance.now() - began) / 1000);
        if (outcome.kind === 'failed') return refuse(reply, outcome);
        return reply.code(outcome.kind === 'started' ? 201 : 202).send(outcome.reply);
      },
    );
  }

  app.get<OfSession>(
    '/api/sessions/:sid',
    {
      config: { guests: true },
      schema: route({ summary: 'One session', tag, params: SessionParams, answers: { 200: SessionReply } }),
    },
    async (request) => {
      const { session, ...more } = await reader.reply(request.params.sid);
      return { ...more, session: listed(principalOf(request), session) };
    },
  );

  app.delete<OfSession>(
    '/api/sessions/:sid',
    { schema: route({ summary: 'End a session and delete its log and files', tag, params: SessionParams }) },
    async (request, reply) => {
      const error = await remover.remove(principalOf(request), request.params.sid);
      return error === undefined ? reply.code(204).send() : fail(reply, error);
    },
  );

  app.post<OfSession & { Body: InputBody }>(
    '/api/sessions/:sid/input',
    {
      config: { guests: true, acts: true },
      bodyLimit: MAX_BODY_BYTES,
      schema: route({
        summary: 'Send an input to the agent',
        tag,
        params: SessionParams,
        headers: IdempotencyHeaders,
        body: InputBody,
        answers: { 202: CommandReply },
      }),
    },
    async (request, reply) => {
      const { text, deliverAs, attachments } = request.body;
      const { sid } = request.params;
      return sent(
        reply,
        await commandSender.input({
          principal: principalOf(request),
          sid,
          text,
          deliverAs,
          attachments,
          key: keyOf(request),
          trace: traceOf(request),
        }),
      );
    },
  );

  app.post<OfSession & { Body: CommandBody }>(
    '/api/sessions/:sid/commands',
    {
      config: { guests: true, acts: true },
      schema: route({
        summary: 'Send a command; its result comes as `command_result` in the log',
        tag,
        params: SessionParams,
        headers: IdempotencyHeaders,
        body: CommandBody,
        answers: { 202: CommandReply },
      }),
    },
    async (request, reply) => {
      const { name, args } = request.body;
      return sent(
        reply,
        await commandSender.command({
          principal: principalOf(request),
          sid: request.params.sid,
          name,
          args,
          key: keyOf(request),
          trace: traceOf(request),
        }),
      );
    },
  );

  app.get<OfSession & { Querystring: EventsQuery }>(
    '/api/sessions/:sid/events',
    {
      config: { guests: true },
      schema: route({
        summary:
          'The log as NDJSON, `{ seq, event }` a line: `limit` events after `after`, or the last ones before `before`',
        tag,
        params: SessionParams,
        querystring: EventsQuery,
      }),
    },
    async (request, reply) => {
      const { sid } = request.params;
      const { after = 0, before, limit = DEFAULT_LIMIT } = request.query;
      const { last } = await headOf(b, sid);
      if (after > last) return fail(reply, errorInfo('invalid_offset', `The last offset is ${last}`));
      // Only what is there now: an answer ends, however busy the session is.
      const end = Math.min(before ?? last + 1, last + 1);
      const start = before === undefined ? after : await reader.offsetBefore(sid, limit, end, after);
      return reply
        .header('content-type', 'application/x-ndjson; charset=utf-8')
        .header('cache-control', 'no-store')
        .send(Readable.from(reader.lines(sid, start, end, limit)));
    },
  );

  app.get<OfSession>(
    '/api/sessions/:sid/meta',
    {
      config: { guests: true },
      schema: route({
        summary: 'The meta state of a session: prompts, to-dos, plan, usage',
        tag,
        params: SessionParams,
        answers: { 200: MetaReply },
      }),
    },
    async (request) => reader.meta(request.params.sid),
  );
}
