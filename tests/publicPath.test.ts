import { mintLinkToken, readGatewaySecret } from '@pizzapi/process';
import { createServer, type AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser } from './support/browser.js';
import { runCli } from './support/cli.js';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { openGuest, openPage, sessionPage } from './support/page.js';
import { startPathProxy, type PathProxy } from './support/pathProxy.js';
import { apiOf, newSession } from './support/viewer.js';

const PATH = '/pizza';
const chromium = findChromium();
if (chromium === undefined) console.warn('SKIPPED: a page at a path. There is no Chromium; set PIZZAPI_CHROMIUM.');

describe.skipIf(chromium === undefined)('a page at a path of a host that has other programs', () => {
  let stage: LocalStack;
  let proxy: PathProxy;
  let browser: Browser;
  let host: string;

  beforeAll(async () => {
    const port = await freePort();
    proxy = await startPathProxy(PATH, () => port);
    host = `http://127.0.0.1:${proxy.port}`;
    stage = await startLocalStack({ PIZZAPI_PUBLIC_URL: `${host}${PATH}` }, { port });
    browser = await openBrowser();
  }, 120_000);
  afterAll(async () => {
    await closePages();
    await stage?.clear();
    proxy?.close();
  });

  it.each([
    ['keeps the path', false],
    ['takes the path away', true],
  ])('signs in, shows sessions and links, and keeps to its path behind a proxy that %s', async (_how, strips) => {
    proxy.strips = strips;
    const base = host + PATH;
    expect(stage.loginUrl).toContain(`${base}/#login=`);
    const { page, context, complaints } = await openPage(browser);
    await page.goto(`${base}#login=${mintLinkToken(readGatewaySecret(stage.home)!, Date.now())}`);
    await page.getByRole('navigation', { name: 'Sessions' }).waitFor();
    expect(page.url()).toBe(`${base}/`);

    // A session by the command line through the proxy, and its page by a click and by its address.
    const sid = await newSession(stage);
    await page
      .getByRole('navigation', { name: 'Sessions' })
      .getByRole('link', { name: /New session/ })
      .first()
      .click();
    const view = sessionPage(page);
    await view.say('By the way of a proxy');
    await view.rows.filter({ hasText: 'By the way of a proxy' }).first().waitFor();
    expect(page.url()).toBe(`${base}/s/${sid}`);
    await page.reload();
    await view.rows.filter({ hasText: 'By the way of a proxy' }).first().waitFor();
    const { stdout } = await runCli(stage, 'sessions', '--json', '--relay-url', base);
    expect(JSON.parse(stdout.split('\n')[0]!)).toMatchObject({ sessionId: sid, url: `${base}/s/${sid}` });

    // Links that the gateway makes.
    const share = await apiOf(stage).createShare(sid, {});
    if (share.kind === 'failed') throw new Error(share.error.message);
    const guest = await openGuest(browser, share.value.shareUrl);
    expect(share.value.shareUrl).toContain(`${base}/s/${sid}#share=`);
    await sessionPage(guest.page).rows.filter({ hasText: 'By the way of a proxy' }).first().waitFor();
    const scanned = await openGuest(browser, share.value.scanUrl!);
    await scanned.page.waitForURL(`${base}/s/${sid}`);
    const pairing = await apiOf(stage).askPair({ kind: 'runner', name: 'box' });
    expect(pairing).toMatchObject({ value: { verifyUrl: expect.stringContaining(`${base}/pair#`) as string } });
    const { servers } = (await (await fetch(`${base}/openapi.json`)).json()) as { servers: object[] };
    expect(servers).toEqual([{ url: base }]);

    // What the browser keeps is of this path.
    const manifest = await page.locator('link[rel=manifest]').getAttribute('href');
    expect(manifest).toBe(`${PATH}/manifest.webmanifest`);
    const described = (await (await fetch(host + manifest)).json()) as { start_url: string; scope: string };
    for (const address of [described.start_url, described.scope])
      expect(new URL(address, host + manifest).href).toBe(`${base}/`);
    const scope = await page.evaluate(async () => {
      const worker = document.querySelector<HTMLLinkElement>('link[rel=manifest]')!.href.replace(/[^/]*$/, 'sw.js');
      await navigator.serviceWorker.register(worker, { updateViaCache: 'none' });
      const { scope: of } = await navigator.serviceWorker.ready;
      return of;
    });
    expect(scope).toBe(`${base}/`);
    expect((await context.cookies()).map(({ path }) => path)).toEqual([PATH]);
    await page.goto(`${host}/elsewhere`);
    await expect.poll(() => page.title()).toBe('Another program');
    expect(proxy.cookiesElsewhere.filter((cookie) => cookie !== undefined)).toEqual([]);
    expect([...complaints, ...guest.complaints, ...scanned.complaints]).toEqual([]);
    await apiOf(stage).deleteSession(sid);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
