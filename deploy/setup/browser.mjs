import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';
import { log, since } from './log.mjs';

/** Chromium without a window. It loads a page of a new browser context in less than half of the processor time. */
const HEADLESS_SHELL = 'chromium-headless-shell';
const NAMES = [HEADLESS_SHELL, 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const MAC_APPS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const SKIPPED = 'browser: tests in a real browser will be SKIPPED';

/**
 * Returns the Chromium for browser tests, or undefined: what `PIZZAPI_CHROMIUM` names, the headless shell on PATH, another
 * Chromium on PATH, or an application of macOS.
 */
export function findChromium(env = process.env, platform = process.platform) {
  if (env.PIZZAPI_CHROMIUM) return isExecutable(env.PIZZAPI_CHROMIUM) ? env.PIZZAPI_CHROMIUM : undefined;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  if (platform === 'darwin') candidates.push(...MAC_APPS);
  return candidates.find(isExecutable);
}

/** Finds or installs Chromium, or prints that browser tests are skipped. Never fails, because other tests do not need it. */
export async function browser() {
  const found = findChromium();
  if (found !== undefined) return log(`browser: ${found}`);
  if (process.env.PIZZAPI_CHROMIUM)
    return log(`${SKIPPED}: PIZZAPI_CHROMIUM names ${process.env.PIZZAPI_CHROMIUM}, which is not an executable file.`);
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version'))
    return log(`${SKIPPED}: install Chromium or Google Chrome, or set PIZZAPI_CHROMIUM to its path.`);
  await withLock(install);
  const installed = findChromium();
  log(installed === undefined ? `${SKIPPED}: apt-get could not install Chromium.` : `browser: ${installed}`);
}

async function install() {
  if (findChromium() !== undefined) return;
  const start = Date.now();
  log('browser: installing Chromium with apt-get (about 100 MB)');
  if (!(await aptGet('update', '-q'))) return;
  // Older releases of Debian have no package of the headless shell.
  for (const name of [HEADLESS_SHELL, 'chromium']) {
    if (await aptGet('install', '-y', '-q', '--no-install-recommends', name))
      return log(`browser: installed ${name} in ${since(start)}`);
  }
}

/** Returns whether the command succeeded. Prints the output of one that failed. */
async function aptGet(...args) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const { code, output } = await run('apt-get', args, { quiet: true, what: 'browser', env });
  if (code !== 0) log(`${output}browser: apt-get ${args.join(' ')} failed with exit code ${code}`);
  return code === 0;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
