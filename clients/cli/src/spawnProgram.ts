import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { errorInfo, type ErrorCode } from '@pizzapi/protocol';
import { Failure } from './io.js';

/**
 * How long to wait before forwarding a signal, in ms. Ctrl-C and a supervisor signal the whole process group, and a
 * program that receives the same signal twice stops at once.
 */
const FORWARD_AFTER_MS = 400;

/**
 * Returns the main file of a program in another package. Throws `not_built`, or `missing` when there is no such package: the
 * package that hosts install has the runner only.
 */
export function mainOf(specifier: string, missing: ErrorCode = 'not_built'): string {
  const name = specifier.replace(/\/(main|migrate|credentials|keep)$/, '');
  try {
    const main = fileURLToPath(import.meta.resolve(specifier));
    if (existsSync(main)) return main;
    throw new Failure(errorInfo('not_built', `${name} has no ${main}`));
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    throw new Failure(errorInfo(missing, `${name} is not installed`));
  }
}

/** Runs the main file of a Node program in this process, which ends when the program ends. */
export async function becomeProgram(main: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  process.argv = [process.execPath, main, ...args];
  Object.assign(process.env, env);
  await import(pathToFileURL(main).href);
}

/**
 * Runs a Node program as a child in place of this process: with our terminal, our signals and its exit code. The IPC
 * channel closes when this process ends, however it ends.
 */
export function runProgram(main: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  let requests = 0;
  const requestStop = (signal: NodeJS.Signals) => {
    requests += 1;
    if (requests > 1) return void child.kill(signal);
    setTimeout(() => child.connected && child.disconnect(), FORWARD_AFTER_MS).unref();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, requestStop);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const one of signals) process.off(one, requestStop);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
