import { runBackboneService } from '@pizzapi/backbone';
import {
  ensureGatewaySecret,
  givenGatewaySecret,
  openTracing,
  packageVersion,
  readNetworkOptions,
} from '@pizzapi/process';
import { createGateway } from './app.js';
import { readIssuerSettings } from './issuer/options.js';
import { GATEWAY_OPTIONS, readProxies } from './options.js';

const about = 'Serves the HTTP API, the WebSockets and the page, over the backbone';

/** The gateway as a process of its own. Tells a parent with an IPC channel where it listens. */
await runBackboneService(
  'gateway',
  { about, options: GATEWAY_OPTIONS },
  async ({ options: given, backbone, metrics, log, env }) => {
    const { home, gatewaySecret, trustedProxies, notifyPrivate } = given;
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
    return {
      start: async () => {
        const { url } = await gateway.listen();
        process.send?.({ kind: 'listening', url });
        return {
          name: 'gateway',
          run: () => new Promise<void>(() => undefined),
          drain: () => gateway.drain(),
          stop: () => gateway.stop(),
        };
      },
      ready: () => gateway.isReady(),
      metrics: gateway.metrics,
      release: () => tracing.close(),
    };
  },
);
