#!/usr/bin/env node
import { runBackboneService, verifyMapping } from '@pizzapi/backbone';
import { createProjector } from './app.js';
import { PROJECTOR_OPTIONS } from './options.js';
import { followRebuild } from './rebuildRun.js';

const about = 'Projects the logs of sessions and runners into the buckets that clients list';

await runBackboneService(
  'meta-projector',
  { about, options: PROJECTOR_OPTIONS },
  async ({ options, backbone, metrics, log, signal }) => {
    const { hostLostGraceMs, publicUrl, notifyPrivate } = options;
    await verifyMapping(backbone);
    const projector = createProjector({
      ...{ backbone, log, metrics },
      reaper: { graceMs: hostLostGraceMs },
      notifier: { publicUrl, reach: { allowPrivate: notifyPrivate } },
    });
    const run = () => projector.run();
    return {
      start: () => ({
        ...{ name: projector.name, drain: () => projector.drain(), stop: () => projector.stop() },
        // With --rebuild, this projector does the rebuild itself when no other projector is active.
        run: () => (options.rebuild ? Promise.race([followRebuild(backbone, signal), run()]) : run()),
      }),
      ready: () => backbone.status() === 'connected',
    };
  },
);
