import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { findChromium, findWholeChromium } from '../../deploy/setup/browser.mjs';

export { findChromium, findWholeChromium };

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

const started = new Map<string, Promise<Browser>>();

/**
 * Returns the headless Chromium of this test process, which reaches this machine only. All files that the process runs
 * use it, one after the other. It ends with the process.
 */
export const openBrowser = (): Promise<Browser> => open(findChromium());

/** Returns a Chromium with what its headless shell lacks: notifications. */
export const openWholeBrowser = (): Promise<Browser> => open(findWholeChromium());

function open(executablePath: string | undefined): Promise<Browser> {
  if (executablePath === undefined) throw new Error('no Chromium; set PIZZAPI_CHROMIUM');
  const known = started.get(executablePath);
  if (known !== undefined) return known;
  const launched = chromium.launch({ executablePath, args: ARGUMENTS });
  started.set(executablePath, launched);
  // The next file starts another one when this one crashed.
  const forget = () => started.delete(executablePath);
  launched.then((browser) => browser.once('disconnected', forget), forget);
  return launched;
}

/** Closes all pages that a test file left open. */
export async function closePages(): Promise<void> {
  for (const launched of started.values())
    await Promise.all((await launched).contexts().map((context) => context.close()));
}

const OUTPUT = fileURLToPath(new URL('../../test-output/', import.meta.url));

/** Returns the path of a screenshot of a test. */
export function shot(name: string): string {
  mkdirSync(OUTPUT, { recursive: true });
  return join(OUTPUT, `${name}.png`);
}
