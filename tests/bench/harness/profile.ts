import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../../../test-output/profiles/', import.meta.url));

/** Node's flags for a process that is measured: with `--profile` each writes a CPU profile when it ends. */
export function profileFlags(): string[] {
  return process.argv.includes('--profile') ? ['--cpu-prof', `--cpu-prof-dir=${FOLDER}`] : [];
}
