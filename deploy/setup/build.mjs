import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle, bundleAll, NATS_SERVER } from './bundle.mjs';
import { withLock } from './lock.mjs';
import { ROOT, SetupError, log, since } from './log.mjs';
import { pack } from './pack.mjs';
import { run } from './run.mjs';
import { describe, listFiles, workspaceFolders } from './workspace.mjs';

const STAMPS = 'node_modules/.cache/pizzapi';
/** TypeScript 7. The package `typescript` is version 6, whose API ESLint and svelte-check need. */
const TSC = 'node_modules/@typescript/native/bin/tsc';
/** Two projects at the same time and one checker each: the fastest combination on two cores. */
const TSC_FLAGS = ['--builders', '2', '--checkers', '1'];
const VITE = 'node_modules/vite/bin/vite.js';
const PAGE = 'clients/dashboard';
/** Files outside of the packages that change a build. */
const SHARED_INPUTS = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.base.json'];

/** What the programs are made of is below these names in `dist`. */
const PROGRAM_OUTPUTS = ['bundle', 'package', 'install'];

/** What a build makes: its name, and digests of what it reads and of what it wrote, from names, sizes and times of files. */
const PROGRAMS = { name: 'programs', inputs: allInputs, outputs: programOutputs };
const PACKAGES = { name: 'packages', inputs: allInputs, outputs: packageOutputs };
const PAGE_BUILD = {
  name: 'page',
  inputs: () => digest(listFiles([PAGE, 'clients/session-client', 'schemas/protocol']).concat(sharedInputs())),
  outputs: () => digest(listFiles([`${PAGE}/dist`], new Set())),
};

/**
 * Builds what is out of date of the programs and the page: what a start needs.
 *
 * Calls `onNatsServerBuilt` as soon as the program that finds nats-server is built, so that a download runs beside the
 * rest of the build. Waits for its result.
 */
export async function buildPrograms(onNatsServerBuilt = async () => {}) {
  let other;
  const isBuilt = await withLockWhenStale(PROGRAMS, async () => {
    const start = Date.now();
    log('build: building the programs and the page');
    const programs = bundle(NATS_SERVER).then(() => {
      other = onNatsServerBuilt();
      // The caller handles a failure when the build has ended.
      other.catch(() => {});
      return bundleAll(pack);
    });
    await allSettled([programs, whenStale(PAGE_BUILD, buildPage)]);
    log(`build: finished in ${since(start)}`);
  });
  if (!isBuilt) log('build: the programs and the page are up to date');
  await (other ?? onNatsServerBuilt());
}

/** Compiles what is out of date of the packages, by one run of the compiler: declarations, and modules for the benchmarks. */
export async function compilePackages() {
  await withLockWhenStale(PACKAGES, () => runBuild('build', 'the compiler', [TSC, '-b', '.', ...TSC_FLAGS], '.'));
}

const buildPage = () => runBuild('build (page)', 'the page', [join(ROOT, VITE), 'build', '--logLevel', 'warn'], PAGE);

async function runBuild(what, subject, args, cwd) {
  const start = Date.now();
  const { code, output } = await run(process.execPath, args, { quiet: true, what, cwd });
  if (code !== 0) throw new SetupError(`${output}\nbuild: ${subject} failed after ${since(start)}; see above.`);
}

/** `whenStale` for one process of a checkout at a time. */
async function withLockWhenStale(product, work) {
  return !isUpToDate(product) && (await withLock(() => whenStale(product, work)));
}

/** Runs `work` when a product is out of date, and stamps the product. Returns whether it did. */
async function whenStale(product, work) {
  if (isUpToDate(product)) return false;
  const inputs = product.inputs();
  await work();
  // A source that changed during the build does not match the stamp, so that the next run builds again.
  writeStamp(product.name, `${inputs}\n${product.outputs()}\n`);
  return true;
}

/** Waits for all promises to settle, then throws the first failure. */
async function allSettled(promises) {
  const failure = (await Promise.allSettled(promises)).find(({ status }) => status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

function isUpToDate({ name, inputs, outputs }) {
  const stamp = readStamp(name);
  return stamp !== null && stamp === `${inputs()}\n${outputs()}\n`;
}

function readStamp(name) {
  const file = join(ROOT, STAMPS, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

function writeStamp(name, text) {
  const file = join(ROOT, STAMPS, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function allInputs() {
  return digest(listFiles(workspaceFolders()).concat(sharedInputs()));
}

function programOutputs() {
  const folders = workspaceFolders().flatMap((folder) => PROGRAM_OUTPUTS.map((name) => `${folder}/dist/${name}`));
  return digest(listFiles([...folders, `${PAGE}/dist`], new Set()));
}

function packageOutputs() {
  const packages = workspaceFolders().filter((folder) => folder !== PAGE);
  const folders = packages.flatMap((folder) => [`${folder}/dist`, `${folder}/bench/dist`]);
  return digest(listFiles(folders, new Set(PROGRAM_OUTPUTS)));
}

function sharedInputs() {
  return SHARED_INPUTS.filter((file) => existsSync(join(ROOT, file))).map(describe);
}

/** Returns a digest of file lines, without tests, which are not part of a build. */
function digest(lines) {
  const sources = lines.filter((line) => !/\.test\.ts /.test(line));
  return createHash('sha256').update(sources.join('\n')).digest('hex');
}
