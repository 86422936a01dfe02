import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../../../test-output/profiles/', import.meta.url));

/** Returns Node's flags for a measured process: with `--profile` it writes a CPU profile with its name when it ends. */
export function profileFlags(name: string): string[] {
  if (!process.argv.includes('--profile')) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${FOLDER}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`];
}
