#!/usr/bin/env node
import { connectBackbone, natsLoginOf, verifyMapping, verifyProvisioned } from '@pizzapi/backbone';
import { createMetrics, parseFlags, readOptions, runService, withHealthServer, type Service } from '@pizzapi/process';
import { createProjector } from './app.js';
import { PROJECTOR_OPTIONS } from './options.js';
import { followRebuild } from './rebuildRun.js';

const about = 'Projects the logs of sessions and runners into the buckets that clients list';
const flags = parseFlags('meta-projector', about, PROJECTOR_OPTIONS);

await runService(
  'meta-projector',
  async ({ log, signal, env }): Promise<Service> => {
    const options = readOptions(PROJECTOR_OPTIONS, flags, env);
    const { healthPort, healthHost, hostLostGraceMs, publicUrl, notifyPrivate } = options;
    const backbone = await connectBackbone({ ...natsLoginOf(options), name: 'meta-projector', log, signal });
    await verifyProvisioned(backbone);
    await verifyMapping(backbone);
    const metrics = createMetrics({ process: true });
    const projector = createProjector({
      ...{ backbone, log, metrics },
      reaper: { graceMs: hostLostGraceMs },
      notifier: { publicUrl, reach: { allowPrivate: notifyPrivate } },
    });
    const run = () => projector.run();
    return withHealthServer(
      () => ({
        ...{ name: projector.name, drain: () => projector.drain(), stop: () => projector.stop() },
        // With --rebuild, this projector does the rebuild itself when no other projector is active.
        run: () => (options.rebuild ? Promise.race([followRebuild(backbone, signal), run()]) : run()),
      }),
      {
        ...{ port: healthPort, host: healthHost, ready: () => backbone.status() === 'connected', metrics, log },
        release: () => backbone.close(),
      },
    );
  },
  { stopWithParent: true },
);
