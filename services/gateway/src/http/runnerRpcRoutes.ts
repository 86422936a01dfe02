import {
  errorInfo,
  isId,
  isMap,
  isMethodRequest,
  methodSpec,
  ROUTED_METHOD_NAMES,
  requestProblem,
  stringAt,
  type ErrorInfo,
  type RunnerMethod,
} from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GatewayMetrics } from '../metrics.js';
import type { RunnerCalls } from '../runner/runnerCalls.js';
import { unknownRunner, type Access } from '../session/access.js';
import type { Directory } from '../session/directory.js';
import type { SessionLoader } from '../session/sessionLoader.js';
import { principalOf } from './guard.js';
import { refuser } from './refuse.js';
import { route, RunnerParams } from './schemas.js';
import { untilLeft } from './untilLeft.js';

export interface RunnerRpcRoutesDeps {
  access: Access;
  calls: RunnerCalls;
  directory: Directory;
  loader: SessionLoader;
  metrics: GatewayMetrics;
}

/** One route for each method of the table: the body is the request, the answer is the reply. */
export function runnerRpcRoutes(app: FastifyInstance, deps: RunnerRpcRoutesDeps): void {
  const { calls, metrics } = deps;
  const refuse = refuser(metrics);

  const serve = <M extends RunnerMethod>(method: M): void => {
    const spec = methodSpec(method);
    const guests = spec.guests === undefined ? {} : { guests: true, guestsOfRunner: true };
    app.post<{ Params: { rid: string } }>(
      `/api/runners/:rid/rpc/${method}`,
      {
        bodyLimit: spec.maxRequestBytes,
        // Checked once, below.
        validatorCompiler: () => (value: unknown) => ({ value }),
        config: guests,
        schema: route({
          ...{ summary: spec.summary, tag: 'runner requests', params: RunnerParams },
          ...{ body: spec.request, answers: { 200: spec.reply } },
        }),
        preValidation: async (request, reply) => {
          if (spec.guests === undefined) return;
          const error = await guestProblem(request, reply, deps, request.body);
          if (error !== undefined) return refuse(reply, { error });
        },
      },
      async (request, reply) => {
        const { body } = request;
        if (!isMethodRequest(method, body))
          return refuse(reply, { error: errorInfo('bad_request', requestProblem(method, body)) });
        const principal = principalOf(request);
        const within = principal.share === undefined ? {} : { within: principal.share.sid };
        const options = { ...within, signal: untilLeft(reply) };
        const outcome = await calls.call(principal, request.params.rid, method, body, options);
        return outcome.kind === 'ok' ? outcome.reply : refuse(reply, outcome);
      },
    );
  };
  for (const method of ROUTED_METHOD_NAMES) serve(method);

  app.post<{ Params: { rid: string; method: string } }>(
    '/api/runners/:rid/rpc/:method',
    { schema: { hide: true, params: RunnerParams } },
    async (request, reply) => {
      const name = request.params.method.slice(0, 64);
      return refuse(reply, { error: errorInfo('method_unknown', `There is no request "${name}"`) });
    },
  );
}

/**
 * Why this person may not ask this runner for what guests may ask for too, or undefined: for the owner of the runner, and
 * for a guest of the session that the request names. The link must have the right to files, and the session must be on
 * this runner. `asked` names the session. A person that the session is shared with is a guest for the rest of the request.
 */
export async function guestProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  { access, directory, loader }: RunnerRpcRoutesDeps,
  asked: unknown,
): Promise<ErrorInfo | undefined> {
  const own = principalOf(request);
  const { rid = '' } = request.params as { rid?: string };
  if (access.mayUseRunner(own, rid)) return undefined;
  const refused =
    own.role === 'guest' ? errorInfo('forbidden', 'This link does not give access to it') : unknownRunner(rid);
  const sid = isMap(asked) ? stringAt(asked, 'sessionId') : undefined;
  if (sid === undefined || !isId(sid) || reply.raw.destroyed) return refused;
  reply.raw.once('close', loader.hold(sid));
  await loader.load(own, sid);
  const principal = access.principalIn(own, sid);
  const isGuest = access.modeIn(principal, sid) !== undefined && principal.share?.sid === sid;
  if (!isGuest || principal.share?.files !== true || directory.runnerOf(sid) !== rid) return refused;
  request.principal = principal;
  return undefined;
}
