import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';
import { log, since } from './log.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const MAC_APPS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const SKIPPED = 'browser: tests in a real browser will be SKIPPED';

/** Returns the Chromium for browser tests (`PIZZAPI_CHROMIUM`, PATH, or a macOS application), or null. */
function findChromium(env = process.env, platform = process.platform) {
  if (env.PIZZAPI_CHROMIUM) return isExecutable(env.PIZZAPI_CHROMIUM) ? env.PIZZAPI_CHROMIUM : null;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  if (platform === 'darwin') candidates.push(...MAC_APPS);
  return candidates.find(isExecutable) ?? null;
}

/** Finds or installs Chromium, or prints that browser tests are skipped. Never fails, because other tests do not need it. */
export async function browser() {
  const found = findChromium();
  if (found !== null) return log(`browser: ${found}`);
  if (process.env.PIZZAPI_CHROMIUM)
    return log(`${SKIPPED}: PIZZAPI_CHROMIUM names ${process.env.PIZZAPI_CHROMIUM}, which is not an executable file.`);
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version'))
    return log(`${SKIPPED}: install Chromium or Google Chrome, or set PIZZAPI_CHROMIUM to its path.`);
  await withLock(install);
  const installed = findChromium();
  log(installed === null ? `${SKIPPED}: apt-get could not install Chromium.` : `browser: ${installed}`);
}

async function install() {
  if (findChromium() !== null) return;
  const start = Date.now();
  log('browser: installing Chromium with apt-get (about 100 MB)');
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const packages = ['install', '-y', '-q', '--no-install-recommends', 'chromium'];
  for (const args of [['update', '-q'], packages]) {
    const { code, output } = await run('apt-get', args, { quiet: true, what: 'browser', env });
    if (code !== 0) return log(`${output}browser: apt-get ${args[0]} failed with exit code ${code}`);
  }
  log(`browser: installed in ${since(start)}`);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
