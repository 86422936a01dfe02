import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  lstatSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Builds the release before this one from the history of the repository, once, into a folder of the cache. Imports nothing but
 * Node, because it runs before the tests.
 */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const RELEASE = fileURLToPath(new URL('./previousRelease.json', import.meta.url));
const CACHE = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');

/** The release before this one: its version and its commit. */
export const previousRelease = () => JSON.parse(readFileSync(RELEASE, 'utf8'));

/** The folder with the build of the release before this one. It need not exist. */
export const previousFolder = () => join(CACHE, 'pizzapi-tests', 'previous', previousRelease().commit);

/** Why the release before this one cannot be built here, or undefined. */
export function whyNotBuilt() {
  if (isBuilt(previousFolder())) return undefined;
  const { commit, version } = previousRelease();
  try {
    git('cat-file', '-e', `${commit}^{commit}`);
    return undefined;
  } catch {
    return `The history of this checkout does not have ${version} (${commit.slice(0, 12)}). Run: git fetch --unshallow`;
  }
}

const DONE = '.built';

/** Whether the build is complete and its packages exist: they may be links into a checkout that was removed. */
function isBuilt(folder) {
  if (!existsSync(join(folder, DONE))) return false;
  const packages = join(folder, 'node_modules');
  return readdirSync(packages).every((name) => existsSync(join(packages, name)));
}

/** Builds it, if that was not done before. Returns its folder. */
export function buildPrevious() {
  const folder = previousFolder();
  if (isBuilt(folder)) return folder;
  rmSync(folder, { recursive: true, force: true });
  const why = whyNotBuilt();
  if (why !== undefined) throw new Error(why);
  // Another run may build it too. Each builds in a folder of its own.
  const building = `${folder}.${process.pid}`;
  mkdirSync(building, { recursive: true });
  try {
    const archive = git('archive', '--format=tar', previousRelease().commit);
    execFileSync('tar', ['-x', '-C', building], { input: archive });
    if (hasSamePackages(building)) linkPackages(building);
    else run(building, 'npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund');
    run(building, process.execPath, 'deploy/setup/ensure.mjs', 'build');
    writeFileSync(join(building, DONE), '');
    if (!existsSync(folder)) renameSync(building, folder);
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return folder;
}

function git(...args) {
  return execFileSync('git', args, { cwd: ROOT, maxBuffer: 512 * 1024 * 1024, stdio: ['ignore', 'pipe', 'ignore'] });
}

function run(cwd, command, ...args) {
  execFileSync(command, args, {
    cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NX_DAEMON: 'false' },
  });
}

const packagesOf = (folder) => JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages;
const isOurs = ([path, { link }]) => link === true || !path.includes('node_modules');

/** Whether each package that the other release needs is installed here, in the same version and at the same place. */
function hasSamePackages(other) {
  const here = packagesOf(ROOT);
  const needed = Object.entries(packagesOf(other)).filter((entry) => !isOurs(entry));
  return needed.every(([path, { version }]) => here[path]?.version === version);
}

/** Gives the other release the packages that are installed here, and its own packages under their names. */
function linkPackages(other) {
  const workspaces = Object.keys(packagesOf(ROOT)).filter((path) => path !== '' && !path.includes('node_modules'));
  for (const workspace of ['', ...workspaces]) {
    const from = join(ROOT, workspace, 'node_modules');
    if (existsSync(from) && existsSync(join(other, workspace)))
      linkFolder(from, join(other, workspace, 'node_modules'));
  }
}

function linkFolder(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const source = join(from, name);
    // A link to a package of the repository is relative: the same link leads to the package of the other release.
    if (lstatSync(source).isSymbolicLink()) symlinkSync(readlinkSync(source), join(to, name));
    else if (name === '.bin' || name.startsWith('@')) linkFolder(source, join(to, name));
    else if (!name.startsWith('.')) symlinkSync(source, join(to, name));
  }
}
