#!/usr/bin/env node
import { addOptions, runService } from '@pizzapi/process';
import { Command } from 'commander';
import { createRunner } from './daemon/app.js';
import { readRunnerOptions, RUNNER_OPTIONS } from './options.js';

/** The runner's process: `pizzapi runner`. */
const program = new Command('pizzapi runner')
  .description('Hosts agent sessions on this machine: starts them, carries out commands, keeps them through restarts')
  .allowExcessArguments(false);
addOptions(program, RUNNER_OPTIONS).parse();

await runService(
  'runner',
  ({ log, signal, env }) => createRunner({ options: readRunnerOptions(program.opts(), env), log, signal }),
  // Of a local run; started by a person it has no parent to lose.
  { limitMs: 15_000, stopWithParent: true },
);
