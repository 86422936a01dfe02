import { connectBackbone, verifyProvisioned } from '@pizzapi/backbone';
import { createHealthServer, createMetrics, ensureGatewaySecret, readOptions, runService } from '@pizzapi/process';
import { createGateway } from './app.js';
import { GATEWAY_OPTIONS, readProxies } from './options.js';

/** The gateway as a process of its own. Tells a parent with an IPC channel where it listens. */
await runService(
  'gateway',
  async ({ log, signal, env }) => {
    const given = readOptions(GATEWAY_OPTIONS, {}, env);
    const {
      natsUrl,
      natsPublicUrl,
      natsUser,
      natsPassword,
      natsNkey,
      home,
      trustedProxies,
      notifyPrivate,
      accountStorage,
      sessionStorage,
      linkStorage,
      accountRate,
      linkRate,
      addressRate,
      healthPort,
      ...options
    } = given;
    const backbone = await connectBackbone({
      url: natsUrl.split(','),
      name: 'gateway',
      ...(natsUser === undefined ? {} : { user: natsUser, password: natsPassword ?? '' }),
      ...(natsNkey === undefined ? {} : { nkey: natsNkey }),
      log,
      signal,
    });
    await verifyProvisioned(backbone);
    const metrics = createMetrics({ process: true });
    const gateway = await createGateway({
      backbone,
      options: {
        ...options,
        secret: ensureGatewaySecret(home),
        trustedProxies: readProxies(trustedProxies),
        natsUrl: natsPublicUrl ?? natsUrl,
        reach: { allowPrivate: notifyPrivate },
        storage: { account: accountStorage, session: sessionStorage, link: linkStorage },
        rates: { account: accountRate, link: linkRate, address: addressRate },
      },
      log,
      metrics,
    });
    const health =
      healthPort === undefined
        ? undefined
        : await createHealthServer({ port: healthPort, ready: () => gateway.isReady(), metrics: gateway.metrics });
    if (health !== undefined) log.info({ port: health.port }, 'health');
    const { url } = await gateway.listen();
    process.send?.({ kind: 'listening', url });
    return {
      name: 'gateway',
      run: () => new Promise<void>(() => undefined),
      drain: () => gateway.drain(),
      stop: async () => {
        await health?.close();
        await gateway.stop();
        await backbone.close();
      },
    };
  },
  { stopWithParent: true },
);
