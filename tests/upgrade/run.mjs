import { spawnSync } from 'node:child_process';
import { buildPrevious, whyNotBuilt } from './buildPrevious.mjs';

/**
 * Runs the tests of the cluster with the build of the release before this one: the roll through every process leads to that
 * release and back. Without the history of the repository the roll restarts the processes of this release, and says so.
 */
const why = whyNotBuilt();
if (why !== undefined) process.stderr.write(`SKIPPED: the roll to the release before this one and back. ${why}\n`);
const previous = why === undefined ? { PIZZAPI_TEST_PREVIOUS: buildPrevious() } : {};
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'cluster', ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, ...previous },
});
process.exit(status ?? 1);
