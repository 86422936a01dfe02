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

/**
 * Builds what is out of date of the programs and the page: what a start needs. A stamp with the names, sizes and times of
 * all inputs and outputs makes a second run fast.
 *
 * Calls `onNatsServerBuilt` as soon as the program that finds nats-server is built, so that a download runs beside the
 * rest of the build. Waits for its result.
 */
export async function buildPrograms(onNatsServerBuilt = async () => {}) {
  const isBuilt = () => isUpToDate('programs', programsOutput);
  if (isBuilt()) {
    log('build: the programs and the page are up to date');
    return onNatsServerBuilt();
  }
  let other;
  await withLock(async () => {
    if (isBuilt()) return;
    const start = Date.now();
    log('build: building the programs and the page');
    const inputs = inputStamp();
    const programs = bundle(NATS_SERVER).then(() => {
      other = onNatsServerBuilt();
      // The caller handles a failure when the build has ended.
      other.catch(() => {});
      return bundleAll().then(() => pack());
    });
    await allSettled([programs, buildPage()]);
    // A source that changed during the build does not match the stamp, so that the next run builds again.
    writeStamp('programs', `${inputs}\n${programsOutput()}\n`);
    log(`build: finished in ${since(start)}`);
  });
  await (other ?? onNatsServerBuilt());
}

/** Compiles what is out of date of the packages, by one run of the compiler: declarations, and modules for the benchmarks. */
export async function compilePackages() {
  const isBuilt = () => isUpToDate('packages', packagesOutput);
  if (isBuilt()) return;
  await withLock(async () => {
    if (isBuilt()) return;
    const inputs = inputStamp();
    await compile('.');
    writeStamp('packages', `${inputs}\n${packagesOutput()}\n`);
  });
}

/** Compiles a project and its references. The compiler skips what is up to date. */
async function compile(project) {
  const start = Date.now();
  const { code, output } = await run(process.execPath, [TSC, '-b', project, ...TSC_FLAGS], {
    quiet: true,
    what: 'build',
  });
  if (code !== 0) throw new SetupError(`${output}\nbuild: the compiler failed after ${since(start)}; see above.`);
}

async function buildPage() {
  const inputs = () => digest(listFiles([PAGE, 'clients/session-client', 'schemas/protocol']).concat(sharedInputs()));
  const outputs = () => digest(listFiles([`${PAGE}/dist`], new Set()));
  const stampOfInputs = inputs();
  if (readStamp('page') === `${stampOfInputs}\n${outputs()}\n`) return;
  const start = Date.now();
  const { code, output } = await run(process.execPath, [join(ROOT, VITE), 'build', '--logLevel', 'warn'], {
    quiet: true,
    what: 'build (page)',
    cwd: PAGE,
  });
  if (code !== 0) throw new SetupError(`${output}\nbuild: the page failed after ${since(start)}; see above.`);
  writeStamp('page', `${stampOfInputs}\n${outputs()}\n`);
}

/** Waits for all promises to settle, then throws the first failure. */
async function allSettled(promises) {
  const failure = (await Promise.allSettled(promises)).find(({ status }) => status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

function isUpToDate(name, outputStamp) {
  const stamp = readStamp(name);
  return stamp !== null && stamp === `${inputStamp()}\n${outputStamp()}\n`;
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

function inputStamp() {
  return digest(listFiles(workspaceFolders()).concat(sharedInputs()));
}

/** What the programs are made of is below these names in `dist`. */
const PROGRAM_OUTPUTS = ['bundle', 'package', 'install'];

function programsOutput() {
  const folders = workspaceFolders().flatMap((folder) => PROGRAM_OUTPUTS.map((name) => `${folder}/dist/${name}`));
  return digest(listFiles([...folders, `${PAGE}/dist`], new Set()));
}

function packagesOutput() {
  const folders = workspaceFolders().flatMap((folder) => [`${folder}/dist`, `${folder}/bench/dist`]);
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
