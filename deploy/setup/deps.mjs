import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasAddresses, removeAddresses, withAddresses } from './addressedLock.mjs';
import { withLock } from './lock.mjs';
import { ROOT, SetupError, log, since } from './log.mjs';
import { npm } from './npm.mjs';
import { packageFiles } from './workspace.mjs';

const MARKER = 'node_modules/.pizzapi-deps';
const LOCKFILE = 'package-lock.json';
/** npm's record of installed packages. */
const INSTALLED = 'node_modules/.package-lock.json';

/** The packages work without their install scripts. */
const NPM_FLAGS = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
/** What the marker has after the fingerprint where the tools of checks and tests are not installed. */
const PRODUCTION = ' production';
/** Result of `npm ci` when the lock file lacks packages, such as those of another platform that a registry does not have. */
const OUT_OF_STEP = 'out of step';
/** Result of `npm ci` when the registry does not give a package at an address of `addressedLock.mjs`. */
const OTHER_ADDRESSES = 'other addresses';

/** The fields of a package.json that determine the installed packages. */
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

/** Installs all dependencies if they are missing, or if package-lock.json or a package.json has changed. */
export const deps = () => ensure({ production: false });

/** The same without the tools of checks and tests, where they were not installed before: what a start needs. */
export const productionDeps = () => ensure({ production: !hadTools() });

async function ensure(scope) {
  if (isFresh(scope) && !hasAddresses()) return;
  await withLock(async () => {
    // An installation that was killed left them.
    removeAddresses();
    if (isFresh(scope)) return;
    await install(scope);
  });
}

async function install({ production }) {
  const start = Date.now();
  const current = fingerprint();
  // `npm install` adds the tools to what a start installed; `npm ci` would install everything again.
  const onlyToolsMissing = !production && readMarker() === current + PRODUCTION;
  const command = onlyToolsMissing ? ['install', '--no-save'] : ['ci'];
  const flags = [production ? '--omit=dev' : '--include=dev'];
  log(`deps: running npm ${command[0]} (about half a minute)`);
  const lockfile = join(ROOT, LOCKFILE);
  let outcome = existsSync(lockfile)
    ? await withAddresses(lockfile, () => installBy(...command, ...flags))
    : OUT_OF_STEP;
  if (outcome === OTHER_ADDRESSES) {
    log('deps: the registry has its packages at other addresses; asking it for them');
    outcome = await installBy(...command, ...flags);
  }
  if (outcome === OUT_OF_STEP) {
    log(`deps: ${LOCKFILE} is incomplete; running npm install, which does not change it`);
    outcome = await installBy('install', '--no-save', ...flags);
  }
  if (outcome !== 0) throw new SetupError(`deps: npm failed with exit code ${outcome}; see its message above.`);
  writeFileSync(join(ROOT, MARKER), production ? current + PRODUCTION : current);
  log(`deps: installed in ${since(start)}`);
}

/** Returns the exit code of npm, `OUT_OF_STEP`, or `OTHER_ADDRESSES`. */
async function installBy(...args) {
  const { code, output } = await npm([...args, ...NPM_FLAGS], { what: 'deps' });
  if (code !== 0 && args[0] === 'ci' && output.includes('in sync')) return OUT_OF_STEP;
  if (code !== 0 && hasAddresses() && /\bE40[134]\b/.test(output)) return OTHER_ADDRESSES;
  process.stderr.write(output);
  return code;
}

function isFresh({ production }) {
  const wanted = fingerprint();
  const marker = readMarker();
  if (marker !== undefined) return marker === wanted || (production && marker === wanted + PRODUCTION);
  if (!isInstalled()) return false;
  // The user ran `npm ci`.
  writeFileSync(join(ROOT, MARKER), wanted);
  return true;
}

/** Whether the last installation had the tools of checks and tests: the next one must not remove them. */
function hadTools() {
  const marker = readMarker();
  // Without a marker, packages that are there come from the user's own `npm ci`.
  return marker === undefined ? existsSync(join(ROOT, INSTALLED)) : !marker.endsWith(PRODUCTION);
}

/** The fingerprint of the last installation, with `PRODUCTION` where it was one without tools. */
function readMarker() {
  const file = join(ROOT, MARKER);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
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

/** Returns whether npm's record of installed packages contains all non-optional packages of package-lock.json. */
function isInstalled() {
  try {
    const wanted = JSON.parse(readFileSync(join(ROOT, LOCKFILE), 'utf8')).packages;
    const there = JSON.parse(readFileSync(join(ROOT, INSTALLED), 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' || (path in there ? there[path].version === entry.version : entry.optional === true),
    );
  } catch {
    return false;
  }
}
