import type { EventEmitter } from 'node:events';
import { errorInfo, isId, parseTerminalId, type ErrorInfo } from '@pizzapi/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { GatewayMetrics } from '../metrics.js';
import { unknownRunner, unknownSession, type Access } from '../session/access.js';
import type { SessionLoader } from '../session/sessionLoader.js';
import { answerError } from './errors.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Acts on the session: not for who may only watch it. */
    acts?: boolean;
    /** Guests who are signed in may ask: what it does concerns their own account. */
    signedInGuests?: boolean;
    /** Guests of a session on the runner may ask: the route checks whose the runner or the session is. */
    guestsOfRunner?: boolean;
  }
}

/**
 * Stands behind the guard, before every route: the session or runner that the address names has to be the person's own,
 * or a guest's one session. No route has to remember to ask. To be registered behind the guard.
 */
export function registerAuthorization(
  app: FastifyInstance,
  { access, loader, metrics }: { access: Access; loader: SessionLoader; metrics: GatewayMetrics },
): void {
  app.addHook('onRequest', async (request, reply) => {
    // A socket is asked more before, and then comes back here for this.
    if (request.routeOptions.config.socket === true) return;
    await loadSession(request, loader, reply.raw);
    const error = authorizationProblem(request, access);
    if (error === undefined) return;
    metrics.error(error.code);
    return answerError(reply, error);
  });
}

/**
 * Loads the session that the address names, and holds it until `lifetime` closes: the response, which also closes when the
 * client leaves before it, or the connection of a socket.
 */
export async function loadSession(
  request: FastifyRequest,
  loader: SessionLoader,
  lifetime: EventEmitter,
): Promise<void> {
  const { principal, params, routeOptions } = request;
  const { sid } = params as { sid?: string };
  if (principal === null || sid === undefined || !isId(sid) || routeOptions.config.open === true) return;
  // The client may have left before this was asked.
  if (request.raw.socket.destroyed) return;
  lifetime.once('close', loader.hold(sid));
  await loader.load(principal, sid);
}

/**
 * Why this person may not ask for what the address names, or undefined. Answered from memory, into which
 * `loadSession` has brought it. A person that a session is shared with is a guest for the rest of the request.
 */
export function authorizationProblem(request: FastifyRequest, access: Access): ErrorInfo | undefined {
  const { params, routeOptions } = request;
  const { url, config } = routeOptions;
  if (request.principal === null || url === undefined || config.open === true) return undefined;
  const { sid, tid, ...named } = params as { sid?: string; rid?: string; tid?: string };
  // The id of a terminal names its runner, which has to be the person's own.
  const rid = tid === undefined ? named.rid : parseTerminalId(tid)?.runnerId;
  if (tid !== undefined && rid === undefined)
    return errorInfo('invalid_id', `"${tid.slice(0, 80)}" is not an id of a terminal`);
  if (sid !== undefined && isId(sid)) request.principal = access.principalIn(request.principal, sid);
  const { principal } = request;
  for (const id of [sid, rid])
    if (id !== undefined && !isId(id)) return errorInfo('invalid_id', `"${id.slice(0, 80)}" is not an id`);
  if (rid !== undefined && config.guestsOfRunner !== true && !access.mayUseRunner(principal, rid))
    return unknownRunner(rid);
  if (sid === undefined) return undefined;
  const mode = access.modeIn(principal, sid);
  // To a guest every other session is the same: one that the link does not open.
  if (mode === undefined)
    return principal.role === 'guest'
      ? errorInfo('forbidden', 'This link does not give access to it')
      : unknownSession(sid);
  if (principal.role === 'guest' && config.guests !== true && !(principal.account && config.signedInGuests === true))
    return errorInfo('forbidden', 'Only the owner of the session can do this');
  return mode === 'read' && config.acts === true ? errorInfo('read_only') : undefined;
}
