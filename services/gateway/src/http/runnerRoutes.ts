import { requestRpc, type Backbone } from '@pizzapi/backbone';
import {
  CodedError,
  decode,
  encode,
  errorInfo,
  ForgetRunnerReply,
  isErrorCode,
  isMap,
  RunnerReply,
  RunnersReply,
  stringAt,
  subjects,
} from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import Type from 'typebox';
import { unknownRunner } from '../session/access.js';
import type { Directory } from '../session/directory.js';
import { answerError } from './errors.js';
import type { GatewayMetrics } from '../metrics.js';
import type { RunnerForgetter } from '../session/runnerForgetter.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { FoldersQuery, route, RunnerParams } from './schemas.js';

/** How long a runner may take to list folders, in ms. */
const FOLDERS_MS = 5_000;

const FoldersReply = Type.Object({ folders: Type.Array(Type.String()) });

export interface RunnerRoutesDeps {
  b: Backbone;
  directory: Directory;
  runnerForgetter: RunnerForgetter;
  metrics: GatewayMetrics;
}

export function runnerRoutes(app: FastifyInstance, { b, directory, runnerForgetter, metrics }: RunnerRoutesDeps): void {
  const refuse = refuser(metrics);

  app.get(
    '/api/runners',
    { schema: route({ summary: 'Your runners', tag: 'runners', answers: { 200: RunnersReply } }) },
    async (request) => ({
      runners: directory.listRunners(principalOf(request).userId),
    }),
  );

  app.get<{ Params: { rid: string } }>(
    '/api/runners/:rid',
    { schema: route({ summary: 'One runner', tag: 'runners', params: RunnerParams, answers: { 200: RunnerReply } }) },
    async (request, reply) => {
      const runner = directory.runner(request.params.rid);
      return runner === undefined ? answerError(reply, unknownRunner(request.params.rid)) : { runner };
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
        answers: { 200: FoldersReply },
      }),
    },
    async (request, reply) => {
      const { rid } = request.params;
      if (!directory.isOnline(rid)) {
        const known = directory.runner(rid) !== undefined;
        return answerError(
          reply,
          known ? errorInfo('host_lost', `The runner "${rid}" is offline`) : unknownRunner(rid),
        );
      }
      const question = encode({ path: request.query.path ?? '' });
      const answer = await requestRpc(b, subjects.runnerRpc(rid, 'folders'), question, { timeoutMs: FOLDERS_MS });
      if (answer.kind !== 'ok') return answerError(reply, errorInfo('runner_timeout'));
      const body = readAnswer(answer.body);
      if (body === undefined) return answerError(reply, errorInfo('runner_failed', 'Its answer cannot be read'));
      const error = isMap(body) && isMap(body['error']) ? body['error'] : undefined;
      if (error !== undefined) {
        const code = error['code'];
        const message = stringAt(error, 'message');
        return answerError(
          reply,
          isErrorCode(code) ? { code, message: message ?? '' } : errorInfo('runner_failed', message),
        );
      }
      const folders = isMap(body) && Array.isArray(body['folders']) ? (body['folders'] as unknown[]) : [];
      return { folders: folders.filter((folder) => typeof folder === 'string') };
    },
  );
}

/** A runner may answer anything. */
function readAnswer(body: Uint8Array): unknown {
  try {
    return decode(body);
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}
