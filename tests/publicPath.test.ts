import { findFreePort } from '@pizzapi/nats-server';
import { startIdentityProvider, type IdentityProvider } from '@pizzapi/process/testing';
import { mintLinkToken, readGatewaySecret } from '@pizzapi/process';
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
  let acme: IdentityProvider;

  beforeAll(async () => {
    const port = await findFreePort();
    proxy = await startPathProxy(PATH, () => port);
    host = `http://127.0.0.1:${proxy.port}`;
    acme = await startIdentityProvider();
    const logoutUri = `http://127.0.0.1:${port}/auth/oidc/backchannel-logout`;
    acme.register({ redirectUri: `${host}${PATH}/auth/oidc/callback`, logoutUri, signedOutUri: `${host}${PATH}/` });
    const issuer = {
      PIZZAPI_OIDC_ISSUER: acme.issuer,
      PIZZAPI_OIDC_CLIENT_ID: acme.clientId,
      PIZZAPI_OIDC_CLIENT_SECRET: acme.clientSecret,
      PIZZAPI_OIDC_NAME: 'Acme',
      PIZZAPI_OIDC_ALLOWED_DOMAINS: 'acme.example',
      PIZZAPI_OIDC_CHECK: '1s',
    };
    stage = await startLocalStack({ PIZZAPI_PUBLIC_URL: `${host}${PATH}`, ...issuer }, { port });
    browser = await openBrowser();
  }, 120_000);
  afterAll(async () => {
    await closePages();
    await stage?.clear();
    proxy?.close();
    await acme?.stop();
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

  it('a person signs in through the issuer, gives a program a key, and is signed out when the issuer lets the person go', async () => {
    acme.people.set('ada', { name: 'Ada', email: 'ada@acme.example', email_verified: true });
    const base = host + PATH;
    const pairing = await apiOf(stage).askPair({ kind: 'user', name: 'terminal of Ada' });
    if (pairing.kind === 'failed') throw new Error(pairing.error.message);
    const { page } = await openPage(browser);
    // The program that signs in shows this address.
    await page.goto(pairing.value.verifyUrl);
    await page.getByRole('button', { name: 'Sign in with Acme' }).click();
    await page.getByLabel('Account').fill('ada');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'Connect this program?' }).waitFor();
    expect(page.url()).toBe(pairing.value.verifyUrl);
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByRole('heading', { name: 'Approved' }).waitFor();
    const polled = await apiOf(stage).pollPair(pairing.value.secret);
    const token = polled.kind === 'ok' ? polled.value.token : undefined;
    const me = await fetch(`${base}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } });
    expect(await me.json()).toMatchObject({ name: 'Ada', role: 'member', by: 'key' });
    await page.goto(`${base}/settings/account`);
    await page.getByText('You sign in with Acme').waitFor();

    acme.people.delete('ada');
    await page.getByText('You were signed out.').waitFor();
    await page.getByRole('button', { name: 'Sign in with Acme' }).waitFor();
  });
});
