import type { Browser, Page } from 'playwright-core';

/** What a test can do to a page that the next test would notice: such a page is used once. */
const LASTING = ['on', 'once', 'route', 'addInitScript', 'exposeFunction', 'exposeBinding', 'context'] as const;
const STORED = 'local_storage,indexeddb,cookies,cache_storage,service_workers';
const BLANK = 'about:blank';

interface PagePoolOptions {
  browser: Browser;
  /** The origin whose storage is cleared between two uses. */
  origin: string;
  onNewPage: (page: Page) => void;
}

/**
 * Pages for tests, each with an empty storage. `close` of a page gives it back: loading the program in a browser that has
 * just begun takes three times as long as loading it again.
 */
export class PagePool {
  private readonly free: Page[] = [];

  constructor(private readonly options: PagePoolOptions) {}

  async take(viewport: { width: number; height: number }): Promise<Page> {
    const page = this.free.pop() ?? (await this.open());
    await page.setViewportSize(viewport);
    return page;
  }

  private async open(): Promise<Page> {
    const { browser, onNewPage, origin } = this.options;
    // An animation would keep a processor busy on each open page.
    const page = await browser.newPage({ reducedMotion: 'reduce' });
    onNewPage(page);
    const devtools = await page.context().newCDPSession(page);
    const end = page.close.bind(page);
    let isChanged = false;
    for (const name of LASTING) {
      const original = page[name].bind(page) as (...args: never[]) => never;
      page[name] = (...args: never[]) => ((isChanged = true), original(...args));
    }
    page.close = async () => {
      if (isChanged || page.isClosed()) return end();
      await page.mouse.move(0, 0);
      await page.goto(BLANK);
      await page.emulateMedia({ media: null, colorScheme: null, forcedColors: null, reducedMotion: 'reduce' });
      await devtools.send('Storage.clearDataForOrigin', { origin, storageTypes: STORED });
      this.free.push(page);
    };
    return page;
  }
}
