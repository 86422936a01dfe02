import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundle } from './bundle.mjs';
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
 * Builds what is out of date: one run of the compiler for all packages, and beside it the page. A stamp with the names,
 * sizes and times of all inputs and outputs makes a second run fast.
 *
 * Calls `onNatsServerBuilt` as soon as the package `deploy/nats-server` is built, so that the download of nats-server runs
 * beside the rest of the build. Waits for its result.
 */
export async function build(onNatsServerBuilt = async () => {}) {
  let other;
  if (!isUpToDate()) {
    await withLock(async () => {
      if (isUpToDate()) return;
      const start = Date.now();
      log('build: building the packages and the page');
      const stampOfInputs = inputStamp();
      const page = buildPage();
      const packages = compile('deploy/nats-server').then(() => {
        other = onNatsServerBuilt();
        // The caller handles a failure when the build has ended.
        other.catch(() => {});
        return compile('.')
          .then(() => bundle())
          .then(() => pack());
      });
      await allSettled([packages, page]);
      // A source that changed during the build does not match the stamp, so that the next run builds again.
      writeStamp('build', `${stampOfInputs}\n${outputStamp()}\n`);
      log(`build: finished in ${since(start)}`);
    });
  } else log('build: up to date');
  await (other ?? onNatsServerBuilt());
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

function isUpToDate() {
  const stamp = readStamp('build');
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

function outputStamp() {
  const folders = workspaceFolders().flatMap((folder) => [`${folder}/dist`, `${folder}/bench/dist`]);
  return digest(listFiles(folders, new Set()));
}

function sharedInputs() {
  return SHARED_INPUTS.filter((file) => existsSync(join(ROOT, file))).map(describe);
}

/** Returns a digest of file lines, without tests, which are not part of a build. */
function digest(lines) {
  const sources = lines.filter((line) => !/\.test\.ts /.test(line));
  return createHash('sha256').update(sources.join('\n')).digest('hex');
}
