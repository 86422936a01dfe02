import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';
import { buildScriptedPage, servePage } from '../../dev/serve.js';

export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1440, height: 900 };
/** A name that browsers do not take for this machine, as that of a machine in somebody's network. */
export const LAN_HOST = 'lan.test';
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', `--host-resolver-rules=MAP ${LAN_HOST} 127.0.0.1`];

/** The real page in Chromium, under the gateway's policy, with a gateway that plays a script. */
export interface ScriptedPage {
  url: string;
  /** What the page complained about since `forget`: refused by its policy, or thrown. */
  complaints: readonly string[];
  /** `query`: what the script plays (`dev/main.ts`). Each page is a browser of its own, with an empty storage. */
  open(at: string, query?: string, viewport?: { width: number; height: number }): Promise<Page>;
  /** A browser of its own, for what needs more than one page: permissions, a service worker. */
  context(options?: { permissions?: string[] }): Promise<BrowserContext>;
  forget(): void;
  stop(): Promise<void>;
}

export async function startScriptedPage(): Promise<ScriptedPage> {
  const dir = await mkdtemp(join(tmpdir(), 'pizzapi-page-'));
  await buildScriptedPage(dir);
  const { url, server } = await servePage(dir);
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: ARGUMENTS });
  const complaints: string[] = [];

  const listen = (page: Page) => {
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
  };

  return {
    url,
    complaints,
    async open(at, query = '', viewport = DESK) {
      const page = await browser.newPage({ viewport });
      listen(page);
      await page.goto(`${url}/?at=${encodeURIComponent(at)}&${query}`);
      return page;
    },
    async context(options) {
      const context = await browser.newContext({ viewport: DESK, ...options });
      context.on('page', listen);
      return context;
    },
    forget: () => void complaints.splice(0),
    async stop() {
      await browser.close();
      server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** `PIZZAPI_CHROMIUM`, else the first of the usual names on PATH. */
function chromiumPath(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
  return process.env['PIZZAPI_CHROMIUM'] ?? found ?? 'chromium';
}
