import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { findChromium } from '../../deploy/setup/browser.mjs';

export { findChromium };

/** A name that browsers do not take for this machine, as that of a machine in a local network. */
export const LAN_HOST = 'lan.test';

/**
 * Features that would cost half of the processor time of each page: Chromium prepares pages for the suggestions below
 * its address bar with each window. The last wins of two lists, so the ones that Playwright switches off are here too.
 */
const WITHOUT_FEATURES = [
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxFullPopup',
  'PreloadTopChromeWebUI',
  'AimEnabled',
  'DestroyProfileOnBrowserClose',
  'HttpsFirstBalancedModeAutoEnable',
  'HttpsUpgrades',
  'LensOverlay',
  'MediaRouter',
  'NetworkTimeServiceQuerying',
  'OptimizationHints',
  'PaintHolding',
  'PreconnectToSearch',
  'ThirdPartyStoragePartitioning',
  'Translate',
];

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--disable-features=${WITHOUT_FEATURES.join(',')}`,
  `--host-resolver-rules=MAP ${LAN_HOST} 127.0.0.1`,
];

let browser: Promise<Browser> | undefined;

/**
 * Returns the headless Chromium of this test process, which reaches this machine only. All files that the process runs
 * use it, one after the other. It ends with the process.
 */
export function openBrowser(): Promise<Browser> {
  return (browser ??= launch());
}

async function launch(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('no Chromium; set PIZZAPI_CHROMIUM');
  const started = await chromium.launch({ executablePath, args: ARGUMENTS });
  // The next file starts another one when this one crashed.
  started.once('disconnected', () => (browser = undefined));
  return started;
}

/** Closes all pages that a test file left open. */
export async function closePages(): Promise<void> {
  await Promise.all((await browser)?.contexts().map((context) => context.close()) ?? []);
}

const OUTPUT = fileURLToPath(new URL('../../test-output/', import.meta.url));

/** Returns the path of a screenshot of a test. */
export function shot(name: string): string {
  mkdirSync(OUTPUT, { recursive: true });
  return join(OUTPUT, `${name}.png`);
}
