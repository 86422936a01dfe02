#!/usr/bin/env node
import { parseFlags, runService } from '@pizzapi/process';
import { createRunner } from './daemon/app.js';
import { readRunnerOptions, RUNNER_OPTIONS } from './options.js';

/** The runner's process: `pizzapi runner`. */
const about = 'Hosts agent sessions on this machine: starts them, carries out commands, keeps them through restarts';
const flags = parseFlags('pizzapi runner', about, RUNNER_OPTIONS, [
  'pizzapi runner --name workshop --roots ~/projects',
  'PIZZAPI_NATS_URL=nats://relay:4222 pizzapi runner',
]);

await runService(
  'runner',
  ({ log, signal, env }) => createRunner({ options: readRunnerOptions(flags, env), log, signal }),
  // Of a local run; started by a person it has no parent to lose.
  { limitMs: 15_000, stopWithParent: true },
);
