import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser } from '../support/browser.js';
import { runCli } from '../support/cli.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { DESKTOP, openPage, PHONE, portrait, type WatchedPage } from '../support/page.js';
import { until } from '../support/until.js';
import { newSession } from '../support/viewer.js';
import { ask, fromPageOf } from './support/http.js';
import { newShare, PASSWORD, settleOwner, shownBy, signIn, type Person } from './support/people.js';
import { refusal } from './support/socket.js';

const chromium = findChromium();
if (chromium === undefined) console.warn('SKIPPED: the name of the page. There is no Chromium; set PIZZAPI_CHROMIUM.');

/** A program that somebody has started on this machine, an agent say: it notes what it is sent. */
interface Neighbour {
  server: Server;
  port: number;
  visits: { host: string; headers: IncomingHttpHeaders }[];
}

async function startNeighbour(): Promise<Neighbour> {
  const visits: Neighbour['visits'] = [];
  const server = createServer(({ headers }, response) => {
    visits.push({ host: String(headers.host), headers });
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>dev server</title>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, visits, port: (server.address() as AddressInfo).port };
}

describe.skipIf(chromium === undefined)('the page of a local run', () => {
  let stage: LocalStack;
  let browser: Browser;
  let neighbour: Neighbour;
  let ada: Person;
  let sid: string;
  let desk: WatchedPage;

  const isIn = (page: Page) =>
    page
      .getByRole('button', { name: /^New session/ })
      .first()
      .waitFor();
  /** What the page shows beside its cookie, as it keeps it for itself and for the service worker. */
  const keptTokens = (page: Page) =>
    page.evaluate(async () => {
      const kept = await (await caches.open('pizzapi')).match('/page-token');
      return [localStorage.getItem('pizzapi.login'), kept === undefined ? null : await kept.text()];
    });
  const signOut = async (page: Page) => {
    await page.goto(`${stage.pageUrl}/settings/account`);
    await page.getByRole('main').getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  };

  beforeAll(async () => {
    stage = await startLocalStack();
    neighbour = await startNeighbour();
    sid = await newSession(stage, 'Hello');
    browser = await openBrowser();
    desk = await openPage(browser);
  });
  afterAll(async () => {
    await closePages();
    neighbour?.server.close();
    await stage?.clear();
  });

  it('has a name of its own, which the link says; programs have another', () => {
    expect(stage.pageUrl).toBe(`http://pizzapi.localhost:${new URL(stage.url).port}`);
    expect(stage.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(stage.loginUrl.startsWith(`${stage.pageUrl}/#login=`)).toBe(true);
  });

  it('is reached from any other name of the machine, with all that stands in the address', async () => {
    const { page } = desk;
    const token = stage.loginUrl.slice(stage.pageUrl.length);
    // As a link was before the page had a name.
    await desk.tolerating(/401/, async () => {
      await page.goto(`http://localhost:${new URL(stage.url).port}${token}`);
      await isIn(page);
    });
    expect(new URL(page.url()).origin).toBe(stage.pageUrl);
    await page.goto(`${stage.url}/s/${sid}`);
    await page.waitForURL(`${stage.pageUrl}/s/${sid}`);
    await page.getByRole('log').waitFor();
    expect(await page.context().cookies(stage.url)).toEqual([]);
    expect(desk.complaints).toEqual([]);
  });

  it('stays signed in when it is loaded again, and in a second tab', async () => {
    const { page } = desk;
    await page.reload();
    await isIn(page);
    const tab = await page.context().newPage();
    await tab.goto(stage.pageUrl);
    await isIn(tab);
    await tab.close();
  });

  it('shows a picture and a long text of a session, which no cookie alone would open', async () => {
    const { page } = desk;
    const picture = await newSession(stage, '/demo image');
    await page.goto(`${stage.pageUrl}/s/${picture}`);
    const image = page.getByRole('log').locator('img').first();
    await image.waitFor();
    await until('it is drawn', () => image.evaluate((element: HTMLImageElement) => element.naturalWidth > 0));
  });

  it('signs out, and in by a password', async () => {
    const { page } = desk;
    ada = await settleOwner(stage);
    await desk.tolerating(/401|WebSocket/, async () => {
      await page.goto(stage.pageUrl);
      await signInByLink(page);
      const [token, cached] = await keptTokens(page);
      expect(token).toMatch(/^[\w-]{43}$/);
      expect(cached).toBe(token);
      await signOut(page);
      expect(await keptTokens(page)).toEqual([null, null]);
      await page.reload();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await page.getByLabel('E-mail').fill(ada.email);
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await isIn(page);
    });
    await page.reload();
    await isIn(page);
  });

  async function signInByLink(page: Page): Promise<void> {
    const { stdout } = await runCli(stage, 'link');
    expect(stdout).toContain(`${stage.pageUrl}/#login=`);
    await page.goto(stdout.trim());
    await isIn(page);
  }

  it('opens a share link for a guest, who has no cookie and no token of a page', async () => {
    const { shareUrl } = await newShare(stage, stage.token, sid);
    expect(shareUrl.startsWith(`${stage.pageUrl}/s/${sid}#share=`)).toBe(true);
    const guest = await openPage(browser);
    await guest.page.goto(shareUrl);
    await guest.page.getByRole('button', { name: 'Skip' }).click();
    await guest.page.getByRole('log').waitFor();
    expect(await guest.context.cookies()).toEqual([]);
    expect(guest.complaints).toEqual([]);
    await guest.context.close();
  });

  it('has its cookie sent to no other program under 127.0.0.1 or localhost', async () => {
    const { page } = desk;
    const tab = await page.context().newPage();
    for (const host of ['127.0.0.1', 'localhost']) await tab.goto(`http://${host}:${neighbour.port}/`);
    await tab.close();
    const visits = neighbour.visits.filter(({ host }) => !host.startsWith('pizzapi'));
    expect(visits.length).toBeGreaterThanOrEqual(2);
    for (const { headers } of visits) expect(String(headers.cookie)).not.toContain('pizzapi');
  });

  it('has a cookie that is no use to a program that takes its very name at another port', async () => {
    const { page } = desk;
    // A link in a session, say: the browser takes this for the same site.
    await page.evaluate((url) => location.assign(url), `http://pizzapi.localhost:${neighbour.port}/`);
    await page.getByText('').first().waitFor({ state: 'attached' });
    await until('the program was visited', () =>
      neighbour.visits.some(({ headers }) => /pizzapi=/.test(String(headers.cookie))),
    );
    const { headers } = neighbour.visits.findLast(({ headers }) => /pizzapi=/.test(String(headers.cookie)))!;
    const stolen = String(headers.cookie);
    const kept = await page.evaluate(() => Object.keys(localStorage));
    expect(kept, 'what the page keeps is another origin’s').toEqual([]);

    const everything: [string, string][] = [
      ['GET', '/api/auth/me'],
      ['GET', '/api/auth/logins'],
      ['GET', '/api/sessions'],
      ['GET', `/api/sessions/${sid}/events`],
      ['GET', '/api/keys'],
      ['POST', '/api/keys'],
      ['POST', '/api/sessions'],
      ['POST', '/ws/sessions'],
      ['POST', `/api/sessions/${sid}/input`],
      ['POST', `/api/sessions/${sid}/shares`],
      ['POST', '/api/auth/password'],
      ['DELETE', `/api/sessions/${sid}`],
    ];
    // A program sends whatever headers it likes.
    const forged = { ...fromPageOf(stage.url), cookie: stolen, 'sec-fetch-site': 'same-origin' };
    for (const [method, path] of everything) {
      const body = method === 'GET' ? {} : { json: { name: 'x' } };
      const answer = await ask(stage.url, path, { method, headers: forged, ...body });
      expect([answer.status, answer.code], `${method} ${path}`).toEqual([401, 'unauthenticated']);
    }
    for (const path of ['/ws/hub', '/ws/runners', `/ws/sessions/${sid}`])
      expect(await refusal(stage.url, path, { headers: forged }), path).toBe('401 unauthenticated');
    // With the token of a login of its own it gets no further: the two belong together.
    const own = shownBy(stage.url, await signIn(stage, ada.email));
    const mixed = { ...own, cookie: stolen };
    expect((await ask(stage.url, '/api/auth/me', { headers: mixed })).status).toBe(401);
    // And the person is still signed in.
    await page.goto(stage.pageUrl);
    await isIn(page);
  });

  it('is answered by no other program at the other address of this machine', async () => {
    const { port } = new URL(stage.url);
    const squatter = createServer();
    const taken = new Promise<string>((resolve) => {
      squatter.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      squatter.once('listening', () => resolve('free'));
    });
    squatter.listen({ host: '::1', port: Number(port), ipv6Only: true });
    expect(['EADDRINUSE', 'EADDRNOTAVAIL', 'EAFNOSUPPORT']).toContain(await taken);
    squatter.close();
  });

  it('says what to do in a browser that does not find the name, and keeps it whole on a phone', async () => {
    const lost = await openPage(browser);
    // Stands in for a system that does not know the name; everything else is real.
    await lost.context.route(/pizzapi\.localhost/, (route) => route.abort('namenotresolved'));
    for (const size of [DESKTOP, PHONE]) {
      await lost.page.setViewportSize(size);
      await lost.page.goto(`${stage.url}/s/${sid}#e1`);
      await lost.page.getByRole('alert').waitFor();
      const text = await lost.page.getByRole('alert').innerText();
      expect(text).toContain('This browser does not find pizzapi.localhost');
      expect(text).toContain(`npm start -- --public-url http://127.0.0.1:${new URL(stage.url).port}`);
      const again = lost.page.getByRole('link', { name: 'Try it anyway' });
      expect(await again.getAttribute('href')).toBe(`${stage.pageUrl}/s/${sid}#e1`);
      expect(await lost.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      await portrait(lost.page, 'page-name-lost');
    }
    await lost.context.close();
  });

  it('tells a program that asks with curl where it is, in HTML and without a redirect', async () => {
    const answer = await ask(stage.url, '/');
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(answer.text).toContain('<html');
    expect(answer.text).toContain(stage.pageUrl);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
});
