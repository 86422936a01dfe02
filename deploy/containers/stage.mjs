/**
 * Copies what each image has from a checkout that is built: node deploy/containers/stage.mjs <folder>
 *
 * Each image gets the bundle of its program and the npm packages that the bundle loads while it runs, in the versions of
 * package-lock.json. Every file gets the same time, so that two builds of one version are equal.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { copy, HERE, normalize, ROOT } from './files.mjs';

/** What no program reads while it runs. */
const NOT_NEEDED = /\.map$|\.d\.[cm]?ts$|\.tsbuildinfo$/;

const out = process.argv[2];
if (out === undefined) throw new Error('Usage: node deploy/containers/stage.mjs <folder>');
rmSync(out, { recursive: true, force: true });

for (const [target, folder] of [
  ['gateway', 'services/gateway'],
  ['meta-projector', 'services/meta-projector'],
  ['authenticator', 'services/authenticator'],
]) {
  const to = join(out, target);
  stageProgram(folder, to);
  stagePackages(neededBy(folder), to);
}
copyNeeded(join(ROOT, 'clients/dashboard/dist'), join(out, 'gateway/dashboard'));
copyNeeded(join(ROOT, 'clients/cli/dist/install'), join(out, 'gateway/install'));

// The command line without what runs agents and draws terminals.
const provision = join(out, 'provision');
stageCommandLine(provision);
stageProgram('deploy/local', join(provision, 'node_modules/@pizzapi/local'));
stagePackages(neededBy('deploy/local'), provision);

// What hosts install, with the packages that npm would install beside it.
const runner = join(out, 'runner');
copyNeeded(join(ROOT, 'clients/cli/dist/package'), join(runner, 'node_modules/pizzapi'));
stagePackages([...neededBy('clients/cli'), ...neededBy('clients/runner')], runner);

for (const target of readdirSync(out)) {
  copyNeeded(join(ROOT, 'LICENSE'), join(out, target, 'LICENSE'));
  if (target !== 'provision') copyNeeded(join(HERE, 'healthcheck.mjs'), join(out, target, 'healthcheck.mjs'));
}
normalize(out);

/** Copies the bundle of a package, and writes a package.json with its version. */
function stageProgram(folder, to) {
  copyNeeded(join(ROOT, folder, 'dist/bundle'), join(to, 'dist/bundle'));
  const { name, version, license, type, exports } = manifestOf(join(ROOT, folder));
  const programs = Object.entries(exports).filter(([, file]) => typeof file === 'string' && file.includes('/bundle/'));
  const manifest = { name, version, license, type, exports: Object.fromEntries(programs) };
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function stageCommandLine(to) {
  const from = join(ROOT, 'clients/cli');
  const folder = join(to, 'node_modules/pizzapi');
  copyNeeded(join(from, 'dist/bundle'), join(folder, 'dist/bundle'));
  rmSync(join(folder, 'dist/bundle/external'), { recursive: true, force: true });
  copyNeeded(join(from, 'bin'), join(folder, 'bin'));
  const { name, version, license, type, bin } = manifestOf(from);
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ name, version, license, type, bin }, null, 2)}\n`);
}

/** Copies packages and all that they depend on, as they are in node_modules. */
function stagePackages(names, to) {
  const found = new Map();
  const visit = (name, from, isOptional) => {
    const folder = resolvePackage(name, from);
    if (folder === undefined) {
      if (isOptional) return;
      throw new Error(`${name} is not installed; run \`npm ci\` first`);
    }
    if (found.has(folder)) return;
    const { dependencies = {}, optionalDependencies = {} } = manifestOf(folder);
    found.set(folder, name);
    for (const one of Object.keys(dependencies)) visit(one, folder, one in optionalDependencies);
    for (const one of Object.keys(optionalDependencies)) visit(one, folder, true);
  };
  for (const name of names) visit(name, ROOT, false);
  for (const folder of found.keys())
    copyNeeded(
      folder,
      join(to, folder.slice(ROOT.length)),
      (path) => !path.slice(folder.length).includes('/node_modules'),
    );
}

/** Finds a package as Node does: in the nearest node_modules above. */
function resolvePackage(name, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return path;
    if (folder === ROOT || folder === dirname(folder)) return undefined;
  }
}

function neededBy(folder) {
  return JSON.parse(readFileSync(join(ROOT, folder, 'dist/bundle/packages.json'), 'utf8'));
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function copyNeeded(from, to, filter = () => true) {
  copy(from, to, (path) => !NOT_NEEDED.test(path) && filter(path));
}
