import { errorInfo } from '@pizzapi/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Addresses } from '../auth/addresses.js';
import type { Credentials } from '../auth/credentials.js';
import type { Principal } from '../auth/principal.js';
import type { GatewayMetrics } from '../metrics.js';
import { answerError } from './errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** On whose behalf; null on the few routes that anyone may ask. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** Anyone may ask: signing in, health, the page itself. */
    open?: boolean;
    /** Also under a name that is not ours: probes ask by address. */
    anyHost?: boolean;
  }
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface GuardDeps {
  addresses: Addresses;
  credentials: Credentials;
  metrics: GatewayMetrics;
}

/** Stands before every request: Host, Origin, credentials. The API's routes are closed unless they say that they are open. */
export function registerGuard(app: FastifyInstance, { addresses, credentials, metrics }: GuardDeps): void {
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request, reply) => {
    const foreign =
      (request.routeOptions.config.anyHost === true ? undefined : addresses.hostProblem(request.headers)) ??
      (SAFE.has(request.method) && request.headers.origin === undefined
        ? undefined
        : addresses.originProblem(request.headers));
    const who = credentials.authenticate(request.headers);
    if (who.kind === 'principal') request.principal = who.principal;
    const error = foreign ?? (who.kind === 'principal' || !isClosed(request) ? undefined : denied(who));
    if (error === undefined) return;
    metrics.error(error.code);
    return answerError(reply, error);
  });
}

/** Judged by the route that was found, not by the address, which can be written in many ways. */
function isClosed({ routeOptions: { url, config } }: FastifyRequest): boolean {
  return url !== undefined && /^\/(api|ws)(\/|$)/.test(url) && config.open !== true;
}

function denied(who: { kind: 'none' } | { kind: 'invalid'; by: 'cookie' | 'bearer' }) {
  return who.kind === 'invalid' && who.by === 'bearer'
    ? errorInfo('forbidden', 'This token is not valid')
    : errorInfo('unauthenticated');
}

/** The principal of a request on a closed route. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new TypeError('A closed route without a principal');
  return request.principal;
}
