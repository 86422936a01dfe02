import type { Page } from 'playwright-core';
import type { WatchedPage } from './page.js';

/** What JavaScript of a page keeps, in bytes. */
export async function heapOf({ page, context }: WatchedPage): Promise<number> {
  const inspector = await context.newCDPSession(page);
  await inspector.send('HeapProfiler.collectGarbage');
  const { usedSize } = await inspector.send('Runtime.getHeapUsage');
  await inspector.detach();
  return usedSize;
}

/** The frames that a page draws in a time. */
export function framesDuring(page: Page, ms: number): Promise<{ count: number; longestMs: number }> {
  return page.evaluate(
    (during) =>
      new Promise((resolve) => {
        const began = performance.now();
        const result = { count: 0, longestMs: 0 };
        let last = began;
        const frame = (): void => {
          const now = performance.now();
          result.count++;
          result.longestMs = Math.max(result.longestMs, Math.round(now - last));
          last = now;
          if (now - began < during) requestAnimationFrame(frame);
          else resolve(result);
        };
        requestAnimationFrame(frame);
      }),
    ms,
  );
}

/** How long the first click of `work` waits until the page handles it, in ms. */
export async function delayOfClick(page: Page, work: () => Promise<void>): Promise<number> {
  const name = 'delayOfClick';
  await page.evaluate((key) => {
    const note = ({ timeStamp }: Event) => Object.assign(window, { [key]: Math.round(performance.now() - timeStamp) });
    document.addEventListener('pointerdown', note, { capture: true, once: true });
  }, name);
  await work();
  return page.evaluate((key) => (window as unknown as Record<string, number>)[key]!, name);
}
