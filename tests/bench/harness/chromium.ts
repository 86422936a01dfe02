import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { CannotRun, type BenchContext } from './bench.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const MAC = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

/** Finds a headless Chromium: `PIZZAPI_CHROMIUM`, one on `PATH`, or Chrome on a Mac. */
export async function startChromium({ defer }: BenchContext): Promise<Browser> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), MAC];
  const executablePath = process.env['PIZZAPI_CHROMIUM'] || candidates.find((path) => existsSync(path));
  if (!executablePath) throw new CannotRun('there is no Chromium; set PIZZAPI_CHROMIUM');
  const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];
  const browser = await chromium.launch({ executablePath, args });
  defer(() => browser.close());
  return browser;
}
