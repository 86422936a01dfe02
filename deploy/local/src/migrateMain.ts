#!/usr/bin/env node
import { createLogger, MIGRATE_OPTIONS, readOptions, redactText } from '@pizzapi/process';
import { CodedError, toErrorInfo } from '@pizzapi/protocol';
import { migrate, outcomeLines } from './migrate.js';

/** The program that `pizzapi migrate` runs. Its options are variables. */
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
try {
  const outcome = await migrate(readOptions(MIGRATE_OPTIONS, {}, process.env), {
    log: createLogger({ name: 'pizzapi-migrate', level: 'warn' }),
    signal: stop.signal,
    progress: (text) => void process.stderr.write(`pizzapi: ${text}\n`),
  });
  process.stdout.write(`${outcomeLines(outcome).join('\n')}\n`);
} catch (error) {
  const stopped = stop.signal.aborted && !(error instanceof CodedError);
  const { code, message } = stopped
    ? { code: 'start_stopped', message: 'The move was stopped. The same command continues it.' }
    : toErrorInfo(error);
  process.stderr.write(`${code}: ${redactText(message)}\n`);
  process.exitCode = 1;
}
// A connection that is still being made must not hold the program.
process.exit();
