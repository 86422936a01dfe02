import { connectBackbone, natsLoginOf, verifyProvisioned } from '@pizzapi/backbone';
import {
  createMetrics,
  ensureGatewaySecret,
  givenGatewaySecret,
  openTracing,
  packageVersion,
  parseFlags,
  readNetworkOptions,
  readOptions,
  runService,
  withHealthServer,
} from '@pizzapi/process';
import { createGateway } from './app.js';
import { readIssuerSettings } from './issuer/options.js';
import { GATEWAY_OPTIONS, readProxies } from './options.js';

const about = 'Serves the HTTP API, the WebSockets and the page, over the backbone';
const flags = parseFlags('gateway', about, GATEWAY_OPTIONS);

/** The gateway as a process of its own. Tells a parent with an IPC channel where it listens. */
await runService(
  'gateway',
  async ({ log, signal, env }) => {
    const given = readOptions(GATEWAY_OPTIONS, flags, env);
    const { home, gatewaySecret, trustedProxies, notifyPrivate, healthPort, healthHost } = given;
    const backbone = await connectBackbone({ ...natsLoginOf(given), name: 'gateway', log, signal });
    await verifyProvisioned(backbone);
    const metrics = createMetrics({ process: true });
    const tracing = await openTracing('gateway', { env, log, version: packageVersion(import.meta.url) });
    const gateway = await createGateway({
      backbone,
      options: {
        ...given,
        ...readNetworkOptions(given),
        secret: gatewaySecret === undefined ? ensureGatewaySecret(home) : givenGatewaySecret(gatewaySecret),
        trustedProxies: readProxies(trustedProxies),
        issuer: readIssuerSettings(given),
        reach: { allowPrivate: notifyPrivate },
        storage: { account: given.accountStorage, session: given.sessionStorage, link: given.linkStorage },
        rates: { account: given.accountRate, link: given.linkRate, address: given.addressRate },
      },
      log,
      metrics,
      tracing,
    });
    const service = await withHealthServer(
      () => ({
        name: 'gateway',
        run: () => new Promise<void>(() => undefined),
        drain: () => gateway.drain(),
        stop: () => gateway.stop(),
      }),
      {
        ...{ port: healthPort, host: healthHost, ready: () => gateway.isReady(), metrics: gateway.metrics, log },
        release: () => Promise.all([backbone.close(), tracing.close()]),
      },
    );
    const { url } = await gateway.listen();
    process.send?.({ kind: 'listening', url });
    return service;
  },
  { stopWithParent: true },
);
