#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { createMetrics, openTracing, packageVersion, parseFlags, runService, withHealthServer } from '@pizzapi/process';
import { createRunner, type Runner } from './daemon/app.js';
import { requirePi } from './installation/index.js';
import { readRunnerOptions, RUNNER_OPTIONS } from './options.js';

/** The runner's process: `pizzapi runner`. */
const about = 'Hosts agent sessions on this machine: starts them, executes commands, and keeps them across restarts';
const flags = parseFlags('pizzapi runner', about, RUNNER_OPTIONS, {
  examples: [
    'pizzapi runner --name workshop --roots ~/projects',
    'pizzapi runner pair --relay-url https://relay.example.com --name workshop',
    'pizzapi runner list',
    'pizzapi runner forget old-laptop',
    'PIZZAPI_RUNNER_TOKEN=pzr_… PIZZAPI_NATS_URL=nats://relay:4222 pizzapi runner',
  ],
});

const workerMain = fileURLToPath(new URL('./workerMain.js', import.meta.url));

await runService(
  'runner',
  async ({ log, signal, env }) => {
    const options = readRunnerOptions(flags, env);
    const { healthPort: port, healthHost: host, agentDir } = options;
    const search = agentDir === undefined ? env : { ...env, PI_CODING_AGENT_DIR: agentDir };
    const findPi = () => requirePi({ pi: options.pi }, search);
    const metrics = createMetrics({ process: true });
    const tracing = await openTracing('runner', { env, log, version: packageVersion(import.meta.url) });
    let runner: Runner | undefined;
    const start = async () =>
      (runner = await createRunner({ options, findPi, workerMain, log, signal, metrics, tracing }));
    return withHealthServer(start, {
      ...{ port, host, ready: () => runner?.ready() === true, metrics, log },
      release: () => tracing.close(),
    });
  },
  // A runner that `pizzapi local` started ends with it.
  { limitMs: 15_000, stopWithParent: true },
);
