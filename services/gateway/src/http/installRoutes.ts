import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorInfo } from '@pizzapi/protocol';
import type { FastifyInstance } from 'fastify';
import { retryAfterText } from '../accounts/outcome.js';
import type { AttemptRateLimiter } from '../accounts/rateLimits.js';
import type { OriginPolicy } from '../auth/originPolicy.js';
import { HostPackage, scriptFor } from '../install/hostPackage.js';
import type { GatewayMetrics } from '../metrics.js';
import { answerError } from './errors.js';
import { refuser } from './refuse.js';

export interface InstallDeps {
  /** Has `pizzapi.tgz` and `install.sh`. */
  folder: string | undefined;
  originPolicy: OriginPolicy;
  limits: AttemptRateLimiter;
  metrics: GatewayMetrics;
}

const config = { open: true };
const schema = { hide: true } as object;
const missing = () => errorInfo('not_found', 'This gateway has no package for hosts; PIZZAPI_INSTALL names its folder');

/** What a machine needs to become a host: the package that fits this relay, and the script that installs it. Neither is secret. */
export function installRoutes(app: FastifyInstance, { folder, originPolicy, limits, metrics }: InstallDeps): void {
  const refuse = refuser(metrics);
  const hostPackage = folder === undefined ? undefined : new HostPackage(join(folder, 'pizzapi.tgz'));

  app.get('/install.sh', { config, schema }, async ({ headers }, reply) => {
    const script =
      folder === undefined ? undefined : await readFile(join(folder, 'install.sh'), 'utf8').catch(() => undefined);
    if (script === undefined) return answerError(reply, missing());
    return reply
      .header('cache-control', 'no-store')
      .type('text/x-shellscript; charset=utf-8')
      .send(scriptFor(originPolicy.programUrlFor(headers), script));
  });

  app.get('/install/pizzapi.tgz', { config, schema }, async ({ headers, ip }, reply) => {
    const wait = await limits.consume('install', { ip });
    if (wait !== undefined) return refuse(reply, retryAfterText(wait));
    const opened = await hostPackage?.open();
    if (opened === undefined) return answerError(reply, missing());
    void reply.header('etag', opened.etag).header('cache-control', 'no-cache');
    const isKnown = (headers['if-none-match'] ?? '').split(',').some((one) => one.trim() === opened.etag);
    if (isKnown) {
      await opened.close();
      return reply.code(304).send();
    }
    return reply.header('content-length', opened.size).type('application/gzip').send(opened.stream());
  });
}
