import type { BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { inject } from 'vitest';
import { closePages, openBrowser } from '../../../../tests/support/browser.js';
import { onceInRun } from '../../../../tests/support/testRun.js';
import { buildScriptedPage, servePage } from '../../dev/serve.js';
import { PagePool } from './pagePool.js';

export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1440, height: 900 };
/** An animation would keep a processor busy on each open page. */
const STILL = { reducedMotion: 'reduce' } as const;

/** The real page in Chromium, under the gateway's policy, with a gateway that plays a script. */
export interface ScriptedPage {
  url: string;
  /** What the page complained about since `forget`: refused by its policy, or thrown. */
  complaints: readonly string[];
  /** `query`: what the script plays (`dev/main.ts`). Each page has a browser context of its own, with an empty storage. */
  open(at: string, query?: string, viewport?: { width: number; height: number }): Promise<Page>;
  /** A browser of its own, for what needs more than one page: permissions, a service worker. */
  context(options?: Pick<BrowserContextOptions, 'permissions' | 'reducedMotion'>): Promise<BrowserContext>;
  forget(): void;
  stop(): Promise<void>;
}

/** `launch`: returns the browser that shows the page. */
export async function startScriptedPage(launch = openBrowser): Promise<ScriptedPage> {
  const dir = await onceInRun(inject('runFolder'), 'scripted-page', buildScriptedPage);
  const { url, server } = await servePage(dir);
  const browser = await launch();
  const complaints: string[] = [];

  const listen = (page: Page) => {
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
  };

  const pages = new PagePool({ browser, origin: url, onNewPage: listen });
  return {
    url,
    complaints,
    async open(at, query = '', viewport = DESK) {
      const page = await pages.take(viewport);
      await page.goto(`${url}/?at=${encodeURIComponent(at)}&${query}`);
      return page;
    },
    async context(options) {
      const context = await browser.newContext({ viewport: DESK, ...STILL, ...options });
      context.on('page', listen);
      return context;
    },
    forget: () => void complaints.splice(0),
    async stop() {
      await closePages();
      server.close();
    },
  };
}
