import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, log, since } from './log.mjs';

/** Interval between two lines about a running command. */
const STILL_EVERY_MS = 10_000;
/** Number of characters kept of a quiet command's output. */
const OUTPUT_LIMIT = 1_000_000;

/**
 * Runs a command in a folder of the checkout, without standard input, and resolves to `{ code, output }`.
 * With `quiet` the result holds the output; otherwise stdout and stderr go to stderr.
 */
export function run(command, args, { quiet = false, what, cwd = '.', env = {} }) {
  const start = Date.now();
  const child = spawn(command, args, {
    cwd: join(ROOT, cwd),
    env: { ...process.env, ...env },
    stdio: ['ignore', quiet ? 'pipe' : 2, quiet ? 'pipe' : 2],
  });
  let output = '';
  const keep = (chunk) => {
    output = (output + chunk).slice(-OUTPUT_LIMIT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const timer = setInterval(() => log(`${what}: still running after ${since(start)}`), STILL_EVERY_MS);
  return new Promise((resolve) => {
    child.once('error', (error) => {
      clearInterval(timer);
      resolve({ code: 127, output: `${command}: ${error.message}\n` });
    });
    child.once('close', (code) => {
      clearInterval(timer);
      resolve({ code: code ?? 1, output });
    });
  });
}
