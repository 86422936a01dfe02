import { spawnSync } from 'node:child_process';
import { buildPrevious, whyNotBuilt } from './buildPrevious.mjs';

/**
 * Runs the tests of the cluster with the build of the release before this one: the roll through every process leads to that
 * release and back. Without the history of the repository the roll restarts the processes of this release, and says so.
 */
const why = whyNotBuilt();
if (why !== undefined) process.stderr.write(`SKIPPED: the roll to the release before this one and back. ${why}\n`);
// `--viewers 200`: how many watch the roll.
const args = process.argv.slice(2);
const at = args.indexOf('--viewers');
const [, viewers] = at < 0 ? [] : args.splice(at, 2);
if (at >= 0 && !/^[1-9]\d*[02468]$|^[2468]$/.test(viewers ?? '')) {
  process.stderr.write('--viewers takes an even number\n');
  process.exit(2);
}
const previous = why === undefined ? { PIZZAPI_TEST_PREVIOUS: buildPrevious() } : {};
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'cluster', ...args], {
  stdio: 'inherit',
  env: { ...process.env, ...(viewers === undefined ? {} : { PIZZAPI_TEST_VIEWERS: viewers }), ...previous },
});
process.exit(status ?? 1);
