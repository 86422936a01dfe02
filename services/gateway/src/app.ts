import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fastifySwagger from '@fastify/swagger';
import { publishAudit, refreshIdentity, type Backbone } from '@pizzapi/backbone';
import { showBackbone, sleep, type Logger, type Metrics } from '@pizzapi/process';
import { CodedError } from '@pizzapi/protocol';
import fastify, { type FastifyInstance } from 'fastify';
import { Refusals } from './audit/refusals.js';
import { Addresses } from './auth/addresses.js';
import { Credentials } from './auth/credentials.js';
import { UsedLinks } from './auth/usedLinks.js';
import { authRoutes } from './http/authRoutes.js';
import { blobRoutes } from './http/blobRoutes.js';
import { registerErrors } from './http/errors.js';
import { registerGuard } from './http/guard.js';
import { opsRoutes } from './http/opsRoutes.js';
import { pageRoutes, SECURITY_HEADERS } from './http/pageRoutes.js';
import { runnerRoutes } from './http/runnerRoutes.js';
import { sessionRoutes } from './http/sessionRoutes.js';
import { validatorCompiler } from './http/validate.js';
import { GatewayMetrics } from './metrics.js';
import { ROOM_LIMITS, type RoomLimits } from './room/limits.js';
import { natsSource } from './room/natsSource.js';
import { Rooms } from './room/rooms.js';
import { Answers } from './session/answers.js';
import { Commander } from './session/commander.js';
import { Directory } from './session/directory.js';
import { Reader } from './session/reader.js';
import { Spawner } from './session/spawner.js';
import { MetaFeeds } from './sockets/metaFeed.js';
import { registerUpgrades, socketRoutes } from './sockets/socketRoutes.js';
import { Sockets } from './sockets/sockets.js';

/** Reads of the log for viewers that run at once. */
const CONCURRENT_READS = 16;
/** How long viewers may take to leave when the gateway drains, in ms. */
const LEAVE_MS = 2_000;
/** Time for a load balancer to see that this gateway is not ready, in ms. */
const NOTICE_MS = 100;

export interface GatewayOptions {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** The address people open, when it differs from host and port. */
  publicUrl?: string | undefined;
  /** Signs cookies and links: `ensureGatewaySecret` of the home. */
  secret: Buffer;
  /** Where used sign-in links are remembered; without it only until the process ends. */
  home?: string | undefined;
  /** Folder of the built dashboard. */
  dashboard?: string | undefined;
  spawnWaitMs?: number;
  drainJitterMs?: number;
  limits?: Partial<RoomLimits>;
}

export interface GatewayParts {
  backbone: Backbone;
  options: GatewayOptions;
  log: Logger;
  metrics: Metrics;
}

export interface Gateway {
  readonly app: FastifyInstance;
  /** Starts to listen; resolves, with the address, once it can serve. Throws `port_in_use`. */
  listen(): Promise<{ url: string; port: number }>;
  /** Takes nobody new and sends everybody elsewhere. */
  drain(): Promise<void>;
  stop(): Promise<void>;
}

/** Builds a gateway over a backbone: every part in the order in which it is needed, nothing found by magic. */
export async function createGateway({ backbone: b, options, log, metrics: registry }: GatewayParts): Promise<Gateway> {
  const { publicUrl, host, port, secret, home } = options;
  let url = publicUrl ?? '';
  let draining = false;

  const directory = new Directory(b, log);
  const answers = new Answers(b, log);
  const commander = new Commander(b, directory, log);
  const reader = new Reader(b, directory, commander);
  const metrics: GatewayMetrics = new GatewayMetrics(registry, () => rooms.size);
  showBackbone(registry, () => b.counters);
  const refusals = new Refusals({ store: (row) => publishAudit(b, row), metrics, log });
  const rooms = new Rooms({
    source: (sid) => natsSource(b, sid),
    limits: { ...ROOM_LIMITS, ...options.limits },
    concurrentReads: CONCURRENT_READS,
    metrics,
    log,
  });
  const spawner = new Spawner({
    b,
    directory,
    commander,
    answers,
    publicUrl: () => url,
    waitMs: options.spawnWaitMs ?? 10_000,
  });
  const addresses = new Addresses(publicUrl, host);
  const credentials = new Credentials(
    secret,
    new UsedLinks(home === undefined ? undefined : join(home, 'used-links.json')),
  );
  const metas = new MetaFeeds(b, reader, log);
  const ready = () => !draining && directory.isReady && b.status() === 'connected';
  const sockets = new Sockets({
    rooms,
    reader,
    commander,
    metrics,
    refusals,
    log,
    directory,
    metas,
  });
  directory.on((change) => {
    if (change.kind === 'host') rooms.find(change.sid)?.broadcast({ type: 'host', state: change.state });
    else if (change.kind === 'session_gone') void dropDeleted(change.sid);
  });

  /** A projection that is rebuilt loses keys for a while; a session is gone only when its log is. */
  const dropDeleted = async (sid: string): Promise<void> => {
    if (rooms.find(sid) !== undefined && !(await reader.exists(sid))) rooms.drop(sid, 'session_gone');
  };

  const app = fastify({
    logger: false,
    routerOptions: { maxParamLength: 1_024 },
    forceCloseConnections: true,
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  registerErrors(app, { metrics, refusals, log });
  app.addHook('onSend', async (_request, reply) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) if (!reply.hasHeader(name)) reply.header(name, value);
  });
  await registerUpgrades(app, sockets);
  registerGuard(app, { addresses, credentials, metrics });
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'PizzaPi gateway', description: 'Errors are `{ error: { code, message } }`.', version: '1' },
    },
  });
  opsRoutes(app, { ready, metrics });
  authRoutes(app, { credentials, commander, secure: publicUrl?.startsWith('https:') === true });
  runnerRoutes(app, { b, directory });
  sessionRoutes(app, { b, directory, reader, commander, spawner, metrics });
  blobRoutes(app, { b, reader });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  socketRoutes(app, { sockets, metrics, addresses, credentials, reader, isDraining: () => draining });
  await pageRoutes(app, options.dashboard);

  return {
    app,
    async listen() {
      directory.start();
      answers.start();
      sockets.start();
      await Promise.all([directory.ready, refreshIdentity(b)]);
      try {
        await app.listen({ host, port });
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause;
        throw new CodedError('port_in_use', `${host}:${port} is taken`, { cause });
      }
      const bound = (app.server.address() as AddressInfo).port;
      addresses.listening(bound);
      url = publicUrl ?? `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
      log.info({ url }, 'listening');
      return { url, port: bound };
    },
    async drain() {
      if (draining) return;
      draining = true;
      await sleep(NOTICE_MS);
      sockets.drain(options.drainJitterMs ?? 2_000);
      const deadline = Date.now() + LEAVE_MS;
      while (sockets.open > 0 && Date.now() < deadline) await sleep(20);
    },
    async stop() {
      draining = true;
      sockets.stop();
      metas.stop();
      directory.stop();
      answers.stop();
      await rooms.close();
      await app.close();
    },
  };
}
