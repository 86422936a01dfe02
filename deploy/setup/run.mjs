import { spawn } from 'node:child_process';
import { ROOT, say, since } from './say.mjs';

/** How often a silent command is reported to be still at it. */
const STILL_EVERY_MS = 10_000;
/** Characters kept of a quiet command's output. */
const OUTPUT_LIMIT = 1_000_000;

/**
 * Runs a command in the root of the checkout, without standard input, and resolves to `{ code, output }`.
 * `quiet` keeps its output for later; otherwise it goes to stderr as it comes, stdout included.
 */
export function run(command, args, { quiet = false, what, env = {} }) {
  const start = Date.now();
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', quiet ? 'pipe' : 2, quiet ? 'pipe' : 2],
  });
  let output = '';
  const keep = (chunk) => {
    output = (output + chunk).slice(-OUTPUT_LIMIT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const still = setInterval(() => say(`${what}: still at it after ${since(start)}`), STILL_EVERY_MS);
  return new Promise((resolve) => {
    child.once('error', (error) => {
      clearInterval(still);
      resolve({ code: 127, output: `${command}: ${error.message}\n` });
    });
    child.once('close', (code) => {
      clearInterval(still);
      resolve({ code: code ?? 1, output });
    });
  });
}
