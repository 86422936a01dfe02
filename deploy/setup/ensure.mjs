/**
 * Brings a fresh checkout to where it can be started or tested, with nothing but Node, npm and git at hand:
 *
 *   node deploy/setup/ensure.mjs [deps] [build] [nats] [browser]
 *
 * Each step looks first and does nothing when there is nothing to do. Everything is said on stderr, because stdout
 * belongs to the command that comes after. Plain JavaScript without dependencies: it runs before `npm ci` ever did.
 */
import { browser } from './browser.mjs';
import { build } from './build.mjs';
import { deps } from './deps.mjs';
import { nats } from './nats.mjs';
import { SetupError, say } from './say.mjs';

const STEPS = { deps, build, nats, browser };
const MINIMUM_NODE = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  throw new SetupError(
    `PizzaPi needs Node ${MINIMUM_NODE.join('.')} or newer, and this is ${process.versions.node}. Get it from https://nodejs.org.`,
  );
}

async function main(names) {
  checkNode();
  const unknown = names.filter((name) => !Object.hasOwn(STEPS, name));
  if (unknown.length > 0 || names.length === 0)
    throw new SetupError(`Usage: node deploy/setup/ensure.mjs [${Object.keys(STEPS).join('] [')}]`);
  for (const name of names) await STEPS[name]();
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
