import { backoff, type Logger } from '@pizzapi/process';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that `keepRunning` starts again when it ends. */
export interface RunningServer {
  name: string;
  /** Resolves when the current process has ended. */
  exited: () => Promise<object>;
  /** Starts the next process, at the same address. */
  launch: () => Promise<void>;
  log: Logger;
  /** Ends the supervision. */
  signal: AbortSignal;
}

/** Starts a server again whenever it ends, with growing pauses after failures, until the signal aborts. */
export async function keepRunning({ name, exited, launch, log, signal }: RunningServer): Promise<void> {
  const pauses = backoff({ minMs: 100, maxMs: 5_000 });
  for (;;) {
    const exit = await exited();
    while (!signal.aborted) {
      log.warn({ process: name, ...exit }, 'process ended; restarting it');
      try {
        await launch();
        pauses.reset();
        break;
      } catch (err) {
        log.error({ process: name, err }, 'process could not be restarted');
        await delay(pauses.next(), undefined, { signal }).catch(() => undefined);
      }
    }
    if (signal.aborted) return;
  }
}
