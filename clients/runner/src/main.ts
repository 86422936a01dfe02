#!/usr/bin/env node
import { createHealthServer, createMetrics, parseFlags, runService, type Service } from '@pizzapi/process';
import { createRunner, type Runner } from './daemon/app.js';
import { readRunnerOptions, RUNNER_OPTIONS } from './options.js';

/** The runner's process: `pizzapi runner`. */
const about = 'Hosts agent sessions on this machine: starts them, carries out commands, keeps them through restarts';
const flags = parseFlags('pizzapi runner', about, RUNNER_OPTIONS, [
  'pizzapi runner --name workshop --roots ~/projects',
  'PIZZAPI_RUNNER_TOKEN=pzr_… PIZZAPI_NATS_URL=nats://relay:4222 pizzapi runner',
]);

await runService(
  'runner',
  async ({ log, signal, env }): Promise<Service> => {
    const options = readRunnerOptions(flags, env);
    const { healthPort: port } = options;
    const metrics = createMetrics({ process: true });
    let runner: Runner | undefined;
    // Before the runner: it is alive while it still looks for nats-server.
    const ready = () => runner?.ready() === true;
    const health = port === undefined ? undefined : await createHealthServer({ port, ready, metrics });
    if (health !== undefined) log.info({ port: health.port }, 'health');
    const service = (runner = await createRunner({ options, log, signal, metrics }));
    return {
      name: service.name,
      run: () => service.run(),
      drain: () => service.drain(),
      async stop() {
        await service.stop();
        await health?.close();
      },
    };
  },
  // Of a local run; started by a person it has no parent to lose.
  { limitMs: 15_000, stopWithParent: true },
);
