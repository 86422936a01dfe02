import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { newerPi, newerPiPrefix } from '../../deploy/setup/newerPi.mjs';
import { ROOT, since } from '../../deploy/setup/log.mjs';

/**
 * Runs tests on pi 1.x: those of the adapter and of the runner in a process on its Node, and those of the whole product
 * with a daemon on this Node and workers on that one. `node tests/newerPi/run.mjs [adapter|product] [files…]`
 */
await newerPi();
const prefix = newerPiPrefix();
const root = join(prefix, 'lib', 'node_modules', '@earendil-works', 'pi-coding-agent');
const node = join(prefix, 'bin', 'node');
const env = { ...process.env, PIZZAPI_PI: root, PIZZAPI_TEST_PI: root, PIZZAPI_TEST_PI_NODE: node };

const RUNNER = 'clients/runner/src';
/** The tests of a folder. Its own folders have no part that knows pi: git, files, commands. */
const testsOf = (folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `${folder}/${name}`);

const RUNS = {
  adapter: {
    program: node,
    projects: ['pure', 'nats', 'robustness'],
    files: [
      ...['pi', 'worker', 'tui', 'linked'].map((folder) => `${RUNNER}/${folder}/`),
      ...testsOf(`${RUNNER}/daemon`),
    ],
  },
  product: {
    program: process.execPath,
    projects: ['system', 'terminal'],
    files: [...['e2e/session', 'e2e/prompts', 'share', 'linked', 'piPackage'].map((name) => `tests/${name}.test.ts`)],
  },
};

const [named, ...files] = process.argv.slice(2);
const start = Date.now();
let passed = 0;
let failed = 0;
for (const [name, run] of Object.entries(RUNS)) {
  if (named !== undefined && named !== name) continue;
  const report = join(ROOT, 'test-output', `newer-pi-${name}.json`);
  mkdirSync(join(ROOT, 'test-output'), { recursive: true });
  // A run that breaks off must not count with the results of the run before.
  rmSync(report, { force: true });
  const args = [
    join(ROOT, 'node_modules/vitest/vitest.mjs'),
    'run',
    ...run.projects.flatMap((project) => ['--project', project]),
    ...(files.length > 0 ? files : run.files),
    ...[
      '--reporter=default',
      '--reporter=./tests/support/flakyTestsReporter.ts',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
  ];
  const { status } = spawnSync(run.program, args, { cwd: ROOT, env, stdio: 'inherit' });
  if (!existsSync(report)) {
    console.error(`The run "${name}" ended with exit code ${status} and without results`);
    failed += 1;
    continue;
  }
  const result = JSON.parse(readFileSync(report, 'utf8'));
  const broken = result.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  passed += result.numPassedTests;
  failed += result.numFailedTests + broken.length;
  if (status !== 0 && result.numFailedTests + broken.length === 0) failed += 1;
}
console.log(`on pi 1.x, in ${since(start)}:\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
