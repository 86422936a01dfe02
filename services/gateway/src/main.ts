import { connectBackbone, natsLoginOf, verifyProvisioned } from '@pizzapi/backbone';
import {
  createMetrics,
  ensureGatewaySecret,
  readNetworkOptions,
  readOptions,
  runService,
  withHealthServer,
} from '@pizzapi/process';
import { createGateway } from './app.js';
import { GATEWAY_OPTIONS, RATE_OPTIONS, readProxies, STORAGE_OPTIONS } from './options.js';

/** The gateway as a process of its own. Tells a parent with an IPC channel where it listens. */
await runService(
  'gateway',
  async ({ log, signal, env }) => {
    const given = readOptions(GATEWAY_OPTIONS, {}, env);
    const { home, natsUrl, natsPublicUrl, trustedProxies, notifyPrivate, healthPort } = given;
    const backbone = await connectBackbone({ ...natsLoginOf(given), name: 'gateway', log, signal });
    await verifyProvisioned(backbone);
    const metrics = createMetrics({ process: true });
    const gateway = await createGateway({
      backbone,
      options: {
        ...given,
        ...readNetworkOptions(given),
        secret: ensureGatewaySecret(home),
        trustedProxies: readProxies(trustedProxies),
        natsUrl: natsPublicUrl ?? natsUrl,
        reach: { allowPrivate: notifyPrivate },
        storage: readOptions(STORAGE_OPTIONS, {}, env),
        rates: readOptions(RATE_OPTIONS, {}, env),
      },
      log,
      metrics,
    });
    const service = await withHealthServer(
      () => ({
        name: 'gateway',
        run: () => new Promise<void>(() => undefined),
        drain: () => gateway.drain(),
        stop: () => gateway.stop(),
      }),
      {
        ...{ port: healthPort, ready: () => gateway.isReady(), metrics: gateway.metrics, log },
        release: () => backbone.close(),
      },
    );
    const { url } = await gateway.listen();
    process.send?.({ kind: 'listening', url });
    return service;
  },
  { stopWithParent: true },
);
