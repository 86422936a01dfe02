import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../../../test-output/profiles/', import.meta.url));

/** Node's flags for a process that is measured: with `--profile` each writes a CPU profile, called by its name, when it ends. */
export function profileFlags(name: string): string[] {
  if (!process.argv.includes('--profile')) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${FOLDER}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`];
}
