/**
 * Prepares a checkout for the start or the tests. It needs only Node, npm and git:
 *
 *   node deploy/setup/ensure.mjs [deps | production-deps] [programs] [build] [nats] [browser] [newer-pi]
 *
 * `production-deps` installs what a start needs, `deps` also the tools of checks and tests.
 * `programs` builds what a start and the tests need, `build` also the rest. The steps run in this order. Each step checks
 * first and does nothing when its result exists. Messages go to stderr, because stdout belongs to the command that follows. It is plain JavaScript without dependencies, because it runs before the first `npm ci`.
 */
import { browser } from './browser.mjs';
import { buildPrograms, compilePackages } from './build.mjs';
import { deps, productionDeps } from './deps.mjs';
import { nats } from './nats.mjs';
import { newerPi } from './newerPi.mjs';
import { SetupError, log } from './log.mjs';

const STEPS = ['deps', 'production-deps', 'programs', 'build', 'nats', 'browser', 'newer-pi'];
const MINIMUM_NODE = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  throw new SetupError(
    `PizzaPi needs Node ${MINIMUM_NODE.join('.')} or newer, but this is Node ${process.versions.node}. Install it from https://nodejs.org.`,
  );
}

async function main(names) {
  checkNode();
  const unknown = names.filter((name) => !STEPS.includes(name));
  if (unknown.length > 0 || names.length === 0)
    throw new SetupError(`Usage: node deploy/setup/ensure.mjs [${STEPS.join('] [')}]`);
  if (names.includes('deps')) await deps();
  else if (names.includes('production-deps')) await productionDeps();
  // The search for nats-server starts during the build, because a download does not need the processor.
  if (names.includes('programs') || names.includes('build'))
    await buildPrograms(names.includes('nats') ? nats : undefined);
  else if (names.includes('nats')) await nats();
  if (names.includes('build')) await compilePackages();
  if (names.includes('browser')) await browser();
  if (names.includes('newer-pi')) await newerPi();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  log(error.message);
  process.exitCode = 1;
}
