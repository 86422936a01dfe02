#!/usr/bin/env node
import { connectBackbone, verifyProvisioned } from '@pizzapi/backbone';
import {
  createHealthServer,
  createMetrics,
  parseFlags,
  readOptions,
  runService,
  type HealthServer,
  type Service,
} from '@pizzapi/process';
import { createProjector } from './app.js';
import { PROJECTOR_OPTIONS } from './options.js';
import { followRebuild } from './rebuildRun.js';

const about = 'Projects the logs of sessions and runners into the buckets that clients list';
const flags = parseFlags('meta-projector', about, PROJECTOR_OPTIONS);

await runService(
  'meta-projector',
  async ({ log, signal, env }): Promise<Service> => {
    const options = readOptions(PROJECTOR_OPTIONS, flags, env);
    const { natsUrl, natsNkey, natsUser, natsPassword, healthPort, hostLostGraceMs, publicUrl, notifyPrivate } =
      options;
    const backbone = await connectBackbone({
      url: natsUrl.split(',').map((url) => url.trim()),
      name: 'meta-projector',
      ...(natsNkey === undefined ? {} : { nkey: natsNkey }),
      ...(natsUser === undefined ? {} : { user: natsUser }),
      ...(natsPassword === undefined ? {} : { password: natsPassword }),
      log,
      signal,
    });
    await verifyProvisioned(backbone);
    const metrics = createMetrics({ process: true });
    const projector = createProjector({
      ...{ backbone, log, metrics },
      reaper: { graceMs: hostLostGraceMs },
      notifier: { publicUrl, reach: { allowPrivate: notifyPrivate } },
    });
    let health: HealthServer | undefined;
    if (healthPort !== undefined) {
      const ready = () => backbone.status() === 'connected';
      health = await createHealthServer({ port: healthPort, ready, metrics });
      log.info({ port: health.port }, 'health');
    }
    return {
      name: projector.name,
      // With --rebuild it stands by as any other: without an active projector it is the one that carries it out.
      run: () => (options.rebuild ? Promise.race([followRebuild(backbone, signal), projector.run()]) : projector.run()),
      drain: () => projector.drain(),
      async stop() {
        await projector.stop();
        await health?.close();
        await backbone.close();
      },
    };
  },
  { stopWithParent: true },
);
