import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { RunningStack } from './localStack.js';

export const CLI = fileURLToPath(new URL('../../clients/cli/dist/bundle/main.js', import.meta.url));

interface CliRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs `pizzapi` as a separate process, against the local run of a stack. */
export function runCli(
  { home, env }: Pick<RunningStack, 'home'> & { env?: NodeJS.ProcessEnv },
  ...args: string[]
): Promise<CliRun> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, PIZZAPI_HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const run: CliRun = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (run.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (run.stderr += data.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ ...run, code }));
  });
}
