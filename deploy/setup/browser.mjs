import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';
import { log, since } from './log.mjs';

/** Chromium without a window. It loads a page of a new browser context in less than half of the processor time. */
const HEADLESS_SHELL = 'chromium-headless-shell';
/** The whole program, which alone shows notifications. */
const WHOLE = 'chromium';
const NAMES = [HEADLESS_SHELL, WHOLE, 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
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
  return find(NAMES, env, platform);
}

/** Returns the Chromium for tests of notifications, or undefined: the first one that is no headless shell. */
export function findWholeChromium(env = process.env, platform = process.platform) {
  if (/headless.shell/.test(env.PIZZAPI_CHROMIUM ?? '')) return undefined;
  return find(
    NAMES.filter((name) => name !== HEADLESS_SHELL),
    env,
    platform,
  );
}

function find(names, env, platform) {
  if (env.PIZZAPI_CHROMIUM) return isExecutable(env.PIZZAPI_CHROMIUM) ? env.PIZZAPI_CHROMIUM : undefined;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  if (platform === 'darwin') candidates.push(...MAC_APPS);
  return candidates.find(isExecutable);
}

/** Finds or installs Chromium, or prints that browser tests are skipped. Never fails, because other tests do not need it. */
export async function browser() {
  const isDebian = process.getuid?.() === 0 && existsSync('/etc/debian_version');
  const named = process.env.PIZZAPI_CHROMIUM;
  if (findWholeChromium() === undefined && !named && isDebian) await withLock(install);
  const found = findChromium();
  if (found !== undefined) {
    log(`browser: ${found}`);
    if (findWholeChromium() === undefined)
      log(
        'browser: tests of notifications will be SKIPPED: they need Chromium or Google Chrome, not its headless shell.',
      );
  } else if (named) log(`${SKIPPED}: PIZZAPI_CHROMIUM names ${named}, which is not an executable file.`);
  else if (isDebian) log(`${SKIPPED}: apt-get could not install Chromium.`);
  else log(`${SKIPPED}: install Chromium or Google Chrome, or set PIZZAPI_CHROMIUM to its path.`);
}

async function install() {
  if (findWholeChromium() !== undefined) return;
  const start = Date.now();
  log('browser: installing Chromium with apt-get (about 200 MB)');
  if (!(await aptGet('update', '-q'))) return;
  // Older releases of Debian have no package of the headless shell.
  for (const name of findChromium() === undefined ? [HEADLESS_SHELL, WHOLE] : [WHOLE])
    await aptGet('install', '-y', '-q', '--no-install-recommends', name);
  log(`browser: installed in ${since(start)}`);
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
