#!/usr/bin/env node
import { RESTORE_OPTIONS } from '@pizzapi/backbone';
import { createLogger, readOptions, redactText } from '@pizzapi/process';
import { CodedError, toErrorInfo } from '@pizzapi/protocol';
import { runMaintenance } from './runMaintenance.js';
import type { MaintenanceRequest } from './request.js';

/** What an interruption leaves, and what continues it. */
const STOPPED: Readonly<Record<MaintenanceRequest['command'], string>> = {
  backup: 'The backup was stopped. The same command continues it.',
  restore: 'The restore was stopped. The same command begins it again; no service starts before it has ended.',
  archive: 'The archive was stopped. The same command continues with the sessions that are left.',
  open: 'The archive was not opened. Nothing was changed.',
};

/**
 * The program that `pizzapi backup`, `restore`, `archive` and `open` run. Its first argument is the request as JSON, the
 * second one says whether it prints JSON; its options are variables.
 */
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const [request = '{}', form] = process.argv.slice(2);
const { command, ...rest } = JSON.parse(request) as MaintenanceRequest;
try {
  const outcome = await runMaintenance(
    { command, ...rest } as MaintenanceRequest,
    readOptions(RESTORE_OPTIONS, {}, process.env),
    {
      log: createLogger({ name: `pizzapi-${command}`, level: 'warn' }),
      signal: stop.signal,
      progress: (text) => void process.stderr.write(`pizzapi: ${text}\n`),
      stdin: process.stdin,
      stdout: process.stdout,
    },
  );
  const text = form === 'json' ? JSON.stringify(outcome.json) : outcome.lines.join('\n');
  if (outcome.isPartial === true) process.exitCode = 1;
  // What was written to a pipe is the backup.
  const isPiped = 'to' in rest && rest.to === '-';
  await new Promise<void>(
    (resolve) => void (isPiped ? process.stderr : process.stdout).write(`${text}\n`, () => resolve()),
  );
} catch (error) {
  const stopped = stop.signal.aborted && !(error instanceof CodedError);
  const { code, message } = stopped ? { code: 'start_stopped', message: STOPPED[command] } : toErrorInfo(error);
  process.stderr.write(`${code}: ${redactText(message)}\n`);
  process.exitCode = stopped ? 130 : 1;
}
// A connection that is still being made must not hold the program.
process.exit();
