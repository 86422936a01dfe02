import { constants } from 'node:os';
import { CodedError, isErrorCode } from '@pizzapi/protocol';
import { createLogger, type Logger } from './logger.js';
import { redactText } from './redact.js';
import { withTimeout } from './withTimeout.js';

/** Anything that lives long. */
export interface Service {
  readonly name: string;
  /** Resolves when the service has ended by itself or was stopped. Rejects when it cannot continue. */
  run(): Promise<void>;
  /** Takes no new work and finishes, or hands over, what is under way. */
  drain(): Promise<void>;
  /** Releases everything. */
  stop(): Promise<void>;
}

export interface ServiceContext {
  log: Logger;
  /** Aborts at the first SIGTERM or SIGINT. */
  signal: AbortSignal;
  env: NodeJS.ProcessEnv;
}

export interface ServiceRunOptions {
  /** How long drain and stop may take, each, in ms. Default 10 s. */
  limitMs?: number;
  /** Treat the end of the IPC channel to the parent as a SIGTERM, so that no process outlives a killed parent. */
  stopWithParent?: boolean;
}

/** What a service sends its parent over the IPC channel when it serves. */
export const READY_MESSAGE = 'ready';

/** Tells the parent process that this service serves from now on. Does nothing in a process without an IPC channel. */
export function announceReady(): void {
  // A parent that has ended meanwhile needs no answer: `stopWithParent` ends the service.
  if (process.connected) process.send?.(READY_MESSAGE, undefined, undefined, () => undefined);
}

/** Named here so that a supervisor can tell a failure (1) from a stop that hung. */
export const EXIT = { ok: 0, failed: 1, hung: 2 } as const;

/**
 * The `main` of every process: starts a service and runs it until it is over or SIGTERM or SIGINT comes; then drain,
 * stop, exit 0. A second signal exits at once (128 + its number). A `CodedError` at the start is one sentence on
 * stderr; any later failure is one log line with a code. Both exit 1.
 */
export async function runService(
  name: string,
  start: (context: ServiceContext) => Promise<Service>,
  { limitMs = 10_000, stopWithParent = false }: ServiceRunOptions = {},
): Promise<void> {
  const log = createLogger({ name });
  const abort = new AbortController();
  const asked = new Promise<void>((resolve) => {
    const stop = (why: string) => {
      log.info({ why }, 'stopping');
      abort.abort();
      resolve();
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => (abort.signal.aborted ? process.exit(128 + constants.signals[signal]) : stop(signal)));
    }
    if (stopWithParent) {
      process.once('disconnect', () => !abort.signal.aborted && stop('parent process exited'));
      // The channel may have ended before this listener existed. (Undefined for a process that was not forked.)
      if (process.connected === false) stop('parent process exited');
    }
  });
  const crash = (thrown: unknown) => {
    log.error({ code: codeOf(thrown), err: thrown }, 'failed');
    process.exit(EXIT.failed);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);

  const ignore = () => undefined;
  const starting = start({ log, signal: abort.signal, env: process.env });
  const late = asked.then(async () => {
    if (await endsWithin(limitMs, starting.then(ignore, ignore))) return new Promise<never>(ignore);
    log.error({ code: 'internal', limitMs }, 'did not stop in time during start');
    return process.exit(EXIT.hung);
  });
  const service = await Promise.race([starting, late]).catch((thrown: unknown) => {
    if (abort.signal.aborted) process.exit(EXIT.ok);
    if (!(thrown instanceof CodedError)) return crash(thrown);
    process.stderr.write(`${redactText(`${name}: ${thrown.message}`)} [${thrown.code}]\n`);
    process.exit(EXIT.failed);
  });
  if (service === undefined) return;

  const ended = service.run().catch(crash);
  await Promise.race([ended, asked]);
  for (const step of ['drain', 'stop'] as const) {
    if (await endsWithin(limitMs, service[step]().catch(crash))) continue;
    log.error({ code: 'internal', step, limitMs }, 'did not stop in time');
    process.exit(EXIT.hung);
  }
  log.info({}, 'stopped');
  process.exit(EXIT.ok);
}

/** Whether `work` ends in time. */
function endsWithin(ms: number, work: Promise<void>): Promise<boolean> {
  return withTimeout(
    work.then(() => true),
    ms,
    () => false,
  );
}

function codeOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return isErrorCode(code) ? code : 'internal';
}
