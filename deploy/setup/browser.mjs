import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { withLock } from './lock.mjs';
import { run } from './run.mjs';
import { say, since } from './say.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const MAC_APPS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const SKIPPED = 'browser: the tests in a real browser will be SKIPPED';

/** The Chromium that browser tests use: `PIZZAPI_CHROMIUM`, PATH, or an application of macOS. Null without one. */
function findChromium(env = process.env, platform = process.platform) {
  if (env.PIZZAPI_CHROMIUM) return isExecutable(env.PIZZAPI_CHROMIUM) ? env.PIZZAPI_CHROMIUM : null;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)));
  if (platform === 'darwin') candidates.push(...MAC_APPS);
  return candidates.find(isExecutable) ?? null;
}

/** Makes sure there is a Chromium, or says loudly that there is none. Never fails: the other tests run without. */
export async function browser() {
  const found = findChromium();
  if (found !== null) return say(`browser: ${found}`);
  if (process.env.PIZZAPI_CHROMIUM)
    return say(`${SKIPPED}: PIZZAPI_CHROMIUM names ${process.env.PIZZAPI_CHROMIUM}, which is no program.`);
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version'))
    return say(`${SKIPPED}: install Chromium or Google Chrome, or set PIZZAPI_CHROMIUM to its path.`);
  await withLock(install);
  const installed = findChromium();
  say(installed === null ? `${SKIPPED}: apt-get could not install Chromium.` : `browser: ${installed}`);
}

async function install() {
  if (findChromium() !== null) return;
  const start = Date.now();
  say('browser: installing Chromium with apt-get, about 100 MB');
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const packages = ['install', '-y', '-q', '--no-install-recommends', 'chromium'];
  for (const args of [['update', '-q'], packages]) {
    const { code, output } = await run('apt-get', args, { quiet: true, what: 'browser', env });
    if (code !== 0) return say(`${output}browser: apt-get ${args[0]} failed with exit code ${code}`);
  }
  say(`browser: installed in ${since(start)}`);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
