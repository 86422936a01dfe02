import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { errorInfo } from '@pizzapi/protocol';
import { Failure } from './io.js';

/**
 * How long a signal may take to reach the program by itself, in ms: Ctrl-C and a supervisor signal the whole group,
 * and a program that hears the same wish twice takes it for impatience.
 */
const FORWARD_AFTER_MS = 400;

/** The main file of a program: of its package where that can be found, or beside this one. */
export function mainOf(specifier: string, besides: string): string {
  const candidates = [resolved(specifier), fileURLToPath(new URL(besides, import.meta.url))];
  const found = candidates.find((path) => path !== undefined && existsSync(path));
  if (found !== undefined) return found;
  throw new Failure(errorInfo('not_built', `${specifier.replace(/\/main$/, '')} has no ${candidates.at(-1)!}`));
}

function resolved(specifier: string): string | undefined {
  try {
    return fileURLToPath(import.meta.resolve(specifier));
  } catch {
    return undefined;
  }
}

/** Becomes a Node program: its main file runs in this process, which ends as it does. */
export async function becomeProgram(main: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  process.argv = [process.execPath, main, ...args];
  Object.assign(process.env, env);
  await import(pathToFileURL(main).href);
}

/**
 * Runs a Node program as a child in our place: our terminal, our signals, its exit code. The channel between us tells it when we
 * are gone, however we went.
 */
export function runProgram(main: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  let asked = 0;
  const ask = (signal: NodeJS.Signals) => {
    asked += 1;
    if (asked > 1) return void child.kill(signal);
    setTimeout(() => child.connected && child.disconnect(), FORWARD_AFTER_MS).unref();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, ask);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const one of signals) process.off(one, ask);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
