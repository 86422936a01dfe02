import type { IncomingHttpHeaders } from 'node:http';
import { errorInfo, ERRORS, isMap, stringAt, type ErrorInfo } from '@pizzapi/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isEncrypted } from '../auth/cookies.js';
import type { DownloadTickets } from '../auth/downloadTickets.js';
import type { OriginPolicy } from '../auth/originPolicy.js';
import type { Authentication, RequestAuthenticator } from '../auth/requestAuthenticator.js';
import type { Principal } from '../auth/principal.js';
import type { GatewayMetrics } from '../metrics.js';
import type { Connections } from './connections.js';
import { answerError } from './errors.js';
import { wrongHostPage } from './wrongHostPage.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** On whose behalf; null on the few routes that anyone may ask. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** Anyone may ask: signing in, health, the page itself. */
    open?: boolean;
    /** Guests may ask too: who came by the link of a session. The route sees to it that it is theirs. */
    guests?: boolean;
    /** Admins alone may ask. */
    admin?: boolean;
    /** Also under a name that is not ours: probes ask by address. */
    anyHost?: boolean;
    /** Counts its connections itself, which last. */
    countsItself?: boolean;
    /** A download ticket in the address counts: a browser that opens the address can send no header. */
    tickets?: boolean;
    /** Signs a browser in: under the page's name alone. */
    signsIn?: boolean;
    /** Begins a sign-in that a later request finishes: only that one counts as a sign-in. */
    beginsSignIn?: boolean;
  }
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface GuardDeps {
  originPolicy: OriginPolicy;
  authenticator: RequestAuthenticator;
  connections: Connections;
  tickets: DownloadTickets;
  metrics: GatewayMetrics;
}

/**
 * Stands before every request: Host, Origin, credentials, role. The API's routes are closed unless they say that they
 * are open, to guests unless they say `guests`. No body is read before.
 */
export function registerGuard(
  app: FastifyInstance,
  { originPolicy, authenticator, connections, tickets, metrics }: GuardDeps,
): void {
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request, reply) => {
    const foreign = foreignness(request, originPolicy);
    const who: Authentication = isGuarded(request)
      ? await authenticator.authenticate({
          ...{ headers: await shownHeaders(request, tickets), query: request.query, ip: request.ip },
          isOfPage: originPolicy.isOfPage(request.headers),
          isEncrypted: isEncrypted(request.raw),
        })
      : { kind: 'none' };
    if (who.kind === 'principal') {
      request.principal = { ...who.principal, ip: request.ip };
      connections.admit(request);
    }
    const isCounted = who.kind !== 'principal' && request.routeOptions.config.countsItself !== true;
    const tooMany = isCounted ? connections.take(request, reply) : undefined;
    const error = foreign ?? tooMany ?? (isGuarded(request) ? refusal(request, who, originPolicy) : undefined);
    if (error === undefined) return;
    metrics.error(error.code);
    return error.code === 'forbidden_host' && wantsPage(request)
      ? answerWrongHost(request, reply, error)
      : answerError(reply, error);
  });
}

/** The headers of a request, with those that its download ticket stands for. */
async function shownHeaders(
  { headers, params, query, routeOptions }: FastifyRequest,
  tickets: DownloadTickets,
): Promise<IncomingHttpHeaders> {
  const ticket = routeOptions.config.tickets === true && isMap(query) ? stringAt(query, 'ticket') : undefined;
  if (ticket === undefined || !isMap(query)) return headers;
  const { rid = '' } = params as { rid?: string };
  const file = {
    path: stringAt(query, 'path'),
    base64: stringAt(query, 'base64'),
    sessionId: stringAt(query, 'sessionId'),
  };
  return tickets.headersWith(ticket, headers, { rid, ...file });
}

/** Whether a person opened the address in a browser. */
const wantsPage = ({ method, headers, raw, ws }: FastifyRequest): boolean =>
  method === 'GET' && !ws && (headers.accept ?? '').includes('text/html') && !/^\/(api|ws)(\/|$)/.test(raw.url ?? '');

/** Names no address of the gateway: the reader may be a foreign page whose name was made to point here. */
function answerWrongHost({ headers }: FastifyRequest, reply: FastifyReply, error: ErrorInfo): FastifyReply {
  const { html, policy } = wrongHostPage(String(headers.host).slice(0, 100));
  reply.errorCode = error.code;
  return reply
    .code(ERRORS[error.code].status)
    .header('cache-control', 'no-store')
    .header('content-security-policy', policy)
    .type('text/html; charset=utf-8')
    .send(html);
}

function foreignness(
  { headers, method, routeOptions }: FastifyRequest,
  originPolicy: OriginPolicy,
): ErrorInfo | undefined {
  const host = routeOptions.config.anyHost === true ? undefined : originPolicy.hostProblem(headers);
  const quiet = SAFE.has(method) && headers.origin === undefined;
  return host ?? (quiet ? undefined : originPolicy.originProblem(headers));
}

/** Judged by the route that was found, not by the address, which can be written in many ways. */
function isGuarded({ routeOptions: { url, config } }: FastifyRequest): boolean {
  return config.admin === true || (url !== undefined && /^\/(api|ws)(\/|$)/.test(url));
}

function refusal(request: FastifyRequest, who: Authentication, originPolicy: OriginPolicy): ErrorInfo | undefined {
  const { open, guests, admin, signsIn } = request.routeOptions.config;
  const { headers } = request;
  // The cookie would be kept for a name that other programs of the machine have as well.
  if (signsIn === true && who.kind !== 'principal' && !originPolicy.isOfPage(headers))
    return errorInfo('forbidden_host', `Browsers can sign in only at ${originPolicy.pageUrl}`);
  if (who.kind !== 'principal') return open === true ? undefined : denied(who);
  // A page says where it comes from whenever it may change something; a cookie without that was not sent by one.
  const mayChange = request.ws || !SAFE.has(request.method);
  if (who.by === 'cookie' && mayChange && headers.origin === undefined)
    return errorInfo('unauthenticated', 'The request has a cookie but no Origin');
  const notOfPage = who.by === 'cookie' ? originPolicy.cookieProblem(headers) : undefined;
  if (notOfPage !== undefined) return notOfPage;
  const { role } = who.principal;
  if (role === 'guest' && open !== true && guests !== true)
    return errorInfo('forbidden', 'A share link gives access to its session only');
  return admin === true && role !== 'admin' ? errorInfo('forbidden', 'Only admins can do this') : undefined;
}

function denied(who: Exclude<Authentication, { kind: 'principal' }>): ErrorInfo {
  if (who.kind === 'no_page_token')
    return errorInfo('unauthenticated', 'The request has a cookie but no page token; sign in again');
  return who.kind === 'invalid' && who.by === 'bearer'
    ? errorInfo('forbidden', 'This token is not valid')
    : errorInfo('unauthenticated');
}

/** The principal of a request on a closed route. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new TypeError('A closed route without a principal');
  return request.principal;
}
