import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';
import { ROOT, SetupError, log, since } from './log.mjs';
import { describe, listFiles, workspaceFolders } from './workspace.mjs';

const STAMP = 'node_modules/.cache/pizzapi/build';
const NX = 'node_modules/nx';
const NX_ENV = { NX_DAEMON: 'false', NX_TUI: 'false', NX_NO_CLOUD: 'true' };
/** Files outside of the packages that change what a build gives. */
const SHARED_INPUTS = ['package.json', 'package-lock.json', 'nx.json', 'tsconfig.base.json'];

/**
 * Builds what is out of date. Nx decides by content, which takes seconds; the stamp decides by names, sizes and times
 * of all sources and of all that was built, and most times there is no need to ask Nx.
 */
export async function build() {
  if (isUpToDate()) return log('build: up to date');
  await withLock(async () => {
    if (isUpToDate()) return log('build: up to date');
    const start = Date.now();
    log('build: building what has changed');
    const inputs = inputStamp();
    const args = [nxProgram(), 'run-many', '-t', 'build', '--parallel=2', '--outputStyle=static'];
    const { code, output } = await run(process.execPath, args, { quiet: true, what: 'build', env: NX_ENV });
    if (code !== 0) throw new SetupError(`${output}\nbuild: failed after ${since(start)}; the output is above.`);
    // Sources that changed during the build are not in it: the stamp from before it makes the next run build again.
    mkdirSync(dirname(join(ROOT, STAMP)), { recursive: true });
    writeFileSync(join(ROOT, STAMP), `${inputs}\n${outputStamp()}\n`);
    log(`build: built in ${since(start)}`);
  });
}

/** Nx names its own program, and not always the same file. */
function nxProgram() {
  const { bin } = JSON.parse(readFileSync(join(ROOT, NX, 'package.json'), 'utf8'));
  return join(ROOT, NX, bin.nx);
}

function isUpToDate() {
  if (!existsSync(join(ROOT, STAMP))) return false;
  return readFileSync(join(ROOT, STAMP), 'utf8') === `${inputStamp()}\n${outputStamp()}\n`;
}

function inputStamp() {
  const sources = listFiles(workspaceFolders()).filter((line) => !/\.test\.ts /.test(line));
  return digest([...SHARED_INPUTS.filter((file) => existsSync(join(ROOT, file))).map(describe), ...sources]);
}

function outputStamp() {
  const folders = workspaceFolders().flatMap((folder) => [`${folder}/dist`, `${folder}/bench/dist`]);
  return digest(listFiles(folders, new Set()));
}

function digest(lines) {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
