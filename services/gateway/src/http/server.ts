import fastifySwagger from '@fastify/swagger';
import {
  answerClientError,
  HTTP_LIMITS,
  serverOptions,
  withoutPagePath,
  type HttpLimits,
  type Logger,
} from '@pizzapi/process';
import { newId } from '@pizzapi/protocol';
import fastify, { type FastifyInstance } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import type { DenialAuditor } from '../audit/denialAuditor.js';
import type { GatewayMetrics } from '../metrics.js';
import { registerErrors } from './errors.js';
import { registerJsonBodies } from './jsonBodies.js';
import { securityHeaders } from './pageRoutes.js';
import { validatorCompiler } from './validate.js';

/** Pages whose headers are remembered: one for each address. */
const MAX_PAGES = 100;

export interface ServerDeps {
  http: Partial<HttpLimits> | undefined;
  trustedProxies: string[];
  /** The path of the page, below which everything is served too. */
  pagePath: string;
  /** The origins whose WebSockets a page may open, by the headers of the request for the page. */
  originsFor: (headers: IncomingHttpHeaders) => readonly string[];
  /** Logs each answer. */
  logsAnswers: boolean;
  metrics: GatewayMetrics;
  denials: DenialAuditor;
  log: Logger;
}

/** Makes the HTTP server without a route: its limits, errors, bodies, and the headers of every answer. */
export function createServer(deps: ServerDeps): FastifyInstance {
  const { http, trustedProxies, pagePath, originsFor, logsAnswers, metrics, denials, log } = deps;
  const app = fastify({
    logger: false,
    genReqId: () => newId('req'),
    clientErrorHandler: answerClientError,
    http: serverOptions({ ...HTTP_LIMITS, ...http }),
    routerOptions: { maxParamLength: 1_024 },
    // A proxy keeps the path of the page or takes it away: both are served.
    rewriteUrl: ({ url = '/' }) => withoutPagePath(url, pagePath),
    forceCloseConnections: true,
    trustProxy: trustedProxies.length === 0 ? false : trustedProxies,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  registerErrors(app, { metrics, denials, log, logsAnswers });
  registerJsonBodies(app);
  const headersFor = rememberedHeaders();
  app.addHook('onSend', async (request, reply) => {
    const headers = headersFor(originsFor(request.headers));
    reply.header('x-request-id', request.id);
    for (const [name, value] of Object.entries(headers)) if (!reply.hasHeader(name)) reply.header(name, value);
    // An answer to one person must not be cached for others.
    if (request.url.startsWith('/api/') && !reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  return app;
}

/** Describes the routes that follow, at `/openapi.json`. */
export async function describeApi(app: FastifyInstance, publicUrl: string | undefined): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'PizzaPi gateway', description: 'Errors are `{ error: { code, message } }`.', version: '1' },
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async () => ({
    ...app.swagger(),
    ...(publicUrl === undefined ? {} : { servers: [{ url: publicUrl }] }),
  }));
}

/** The security headers, computed once for each page. */
function rememberedHeaders(): (origins: readonly string[]) => Readonly<Record<string, string>> {
  const byOrigins = new Map<string, Readonly<Record<string, string>>>();
  return (origins) => {
    const key = origins.join(' ');
    const known = byOrigins.get(key) ?? securityHeaders(origins);
    if (byOrigins.size < MAX_PAGES) byOrigins.set(key, known);
    return known;
  };
}
