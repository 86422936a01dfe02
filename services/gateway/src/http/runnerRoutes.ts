import { ForgetRunnerReply, RUNNER_METHODS, RunnerReply, RunnersReply, withRunnerListFields } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import type { RunnerCalls } from '../runner/runnerCalls.js';
import { unknownRunner } from '../session/access.js';
import type { Directory } from '../session/directory.js';
import { answerError } from './errors.js';
import type { GatewayMetrics } from '../metrics.js';
import type { RunnerForgetter } from '../session/runnerForgetter.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { untilLeft } from './untilLeft.js';
import { FoldersQuery, route, RunnerParams } from './schemas.js';

export interface RunnerRoutesDeps {
  directory: Directory;
  calls: RunnerCalls;
  runnerForgetter: RunnerForgetter;
  metrics: GatewayMetrics;
}

export function runnerRoutes(
  app: FastifyInstance,
  { directory, calls, runnerForgetter, metrics }: RunnerRoutesDeps,
): void {
  const refuse = refuser(metrics);

  app.get(
    '/api/runners',
    { schema: route({ summary: 'Your runners', tag: 'runners', answers: { 200: RunnersReply } }) },
    async (request) => ({
      runners: directory.listRunners(principalOf(request).userId).map(withRunnerListFields),
    }),
  );

  app.get<{ Params: { rid: string } }>(
    '/api/runners/:rid',
    { schema: route({ summary: 'One runner', tag: 'runners', params: RunnerParams, answers: { 200: RunnerReply } }) },
    async (request, reply) => {
      const runner = directory.runner(request.params.rid);
      return runner === undefined
        ? answerError(reply, unknownRunner(request.params.rid))
        : { runner: withRunnerListFields(runner) };
    },
  );

  app.delete<{ Params: { rid: string } }>(
    '/api/runners/:rid',
    {
      schema: route({
        summary: 'Forget a runner that is offline, and revoke its token',
        tag: 'runners',
        params: RunnerParams,
        answers: { 200: ForgetRunnerReply },
      }),
    },
    async (request, reply) => {
      const { rid } = request.params;
      const outcome = await runnerForgetter.forget(principalOf(request), rid);
      if (outcome.kind === 'refused') return refuse(reply, outcome);
      return { runnerId: rid, tokenRevoked: outcome.revoked !== undefined };
    },
  );

  app.get<{ Params: { rid: string }; Querystring: { path?: string } }>(
    '/api/runners/:rid/folders',
    {
      schema: route({
        summary: 'Folders on a runner that begin with `path`',
        tag: 'runners',
        params: RunnerParams,
        querystring: FoldersQuery,
        answers: { 200: RUNNER_METHODS.folders.reply },
      }),
    },
    async (request, reply) => {
      const { rid } = request.params;
      const outcome = await calls.call(principalOf(request), rid, 'folders', request.query, {
        signal: untilLeft(reply),
      });
      return outcome.kind === 'ok' ? { folders: outcome.reply.folders } : refuse(reply, outcome);
    },
  );
}
