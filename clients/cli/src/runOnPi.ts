import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PiInstallation } from '@pizzapi/runner/installation';
import { PI_ROOT } from '@pizzapi/runner/loader';

/** The exit code of the loader when it could not load pi. pi itself has no such code. */
export const NOT_LOADED = 97;

/**
 * Runs pi's terminal as a child on an installation of pi, with our terminal. Returns its exit code, or `NOT_LOADED`. A
 * signal of the terminal reaches both; this process waits for the child, which has things to finish.
 */
export function runOnPi(
  { node }: PiInstallation,
  root: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const loader = join(dirname(fileURLToPath(import.meta.url)), 'terminalLoader.js');
  const child = spawn(node.path, [loader, ...args], {
    env: { ...env, [PI_ROOT]: root },
    // The channel closes when this process ends, however it ends.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const wait = () => undefined;
  const forward = () => void child.kill('SIGTERM');
  const handlers = { SIGINT: wait, SIGHUP: wait, SIGTERM: forward } as const;
  const signals = Object.entries(handlers) as [NodeJS.Signals, () => void][];
  for (const [signal, handler] of signals) process.on(signal, handler);
  return new Promise((resolve) => {
    child.once('error', () => resolve(NOT_LOADED));
    child.once('exit', (code, signal) => {
      for (const [name, handler] of signals) process.off(name, handler);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
