import { connectBackbone, verifyProvisioned } from '@pizzapi/backbone';
import { createMetrics, ensureGatewaySecret, readOptions, runService } from '@pizzapi/process';
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
      metrics: createMetrics({ process: true }),
    });
    const { url } = await gateway.listen();
    process.send?.({ kind: 'listening', url });
    return {
      name: 'gateway',
      run: () => new Promise<void>(() => undefined),
      drain: () => gateway.drain(),
      stop: async () => {
        await gateway.stop();
        await backbone.close();
      },
    };
  },
  { stopWithParent: true },
);
