import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';
import { ROOT, SetupError, say, since } from './say.mjs';
import { packageFiles } from './workspace.mjs';

const MARKER = 'node_modules/.pizzapi-deps';
const LOCKFILE = 'package-lock.json';

/** The packages work without their install scripts; no script runs that need not. */
const NPM_FLAGS = ['--no-audit', '--no-fund', '--ignore-scripts', '--include=dev', '--loglevel=error'];
/** `npm ci` wants a lock file that lists the packages of every platform; a registry that lacks some gives one that does not. */
const OUT_OF_STEP = 'out of step';

/** What of a package.json decides about what is installed. */
const INSTALL_FIELDS = [
  'name',
  'version',
  'workspaces',
  'bin',
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'peerDependencies',
  'overrides',
];

/** Installs the dependencies when they are missing, or older than what package-lock.json and package.json ask for. */
export async function deps() {
  if (isFresh()) return;
  await withLock(async () => {
    if (isFresh()) return;
    await install();
  });
}

async function install() {
  const start = Date.now();
  say('deps: npm ci, which takes a minute or two');
  let outcome = existsSync(join(ROOT, LOCKFILE)) ? await npm('ci') : OUT_OF_STEP;
  if (outcome === OUT_OF_STEP) {
    say(`deps: ${LOCKFILE} does not list everything; npm install fills in the rest and leaves the file as it is`);
    outcome = await npm('install', '--no-save');
  }
  if (outcome !== 0) throw new SetupError(`deps: npm failed with exit code ${outcome}; its own message is above.`);
  writeFileSync(join(ROOT, MARKER), fingerprint());
  say(`deps: installed in ${since(start)}`);
}

/** Runs the npm that started us, or the one on PATH. Gives its exit code, or `OUT_OF_STEP`. */
async function npm(...args) {
  const path = process.env.npm_execpath;
  const ours = path !== undefined && /npm-cli\.c?js$/.test(path);
  const [command, first] = ours ? [process.execPath, [path]] : [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
  const { code, output } = await run(command, [...first, ...args, ...NPM_FLAGS], { quiet: true, what: 'deps' });
  if (code !== 0 && args[0] === 'ci' && output.includes('in sync')) return OUT_OF_STEP;
  process.stderr.write(output);
  return code;
}

function isFresh() {
  const wanted = fingerprint();
  const marker = join(ROOT, MARKER);
  if (existsSync(marker)) return readFileSync(marker, 'utf8') === wanted;
  if (!isInstalled()) return false;
  // Somebody ran `npm ci` by hand.
  writeFileSync(marker, wanted);
  return true;
}

function fingerprint() {
  const hash = createHash('sha256');
  const lockfile = join(ROOT, LOCKFILE);
  hash.update(existsSync(lockfile) ? readFileSync(lockfile) : '');
  for (const file of packageFiles()) {
    const content = JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
    hash.update(JSON.stringify([file, INSTALL_FIELDS.map((field) => content[field] ?? null)]));
  }
  return hash.digest('hex');
}

/** Whether npm's own record of what it installed holds all that package-lock.json lists for every machine. */
function isInstalled() {
  try {
    const wanted = JSON.parse(readFileSync(join(ROOT, LOCKFILE), 'utf8')).packages;
    const there = JSON.parse(readFileSync(join(ROOT, 'node_modules/.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' || (path in there ? there[path].version === entry.version : entry.optional === true),
    );
  } catch {
    return false;
  }
}
