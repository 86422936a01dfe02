import { putBlobVia } from '@pizzapi/backbone';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser } from '../support/browser.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { openGuest, openPage, sessionPage } from '../support/page.js';
import { until } from '../support/until.js';
import { startHostWithSession, type Host, type HostedSession } from './support/hosts.js';
import { ask } from './support/http.js';
import { newShare, PASSWORD, settleOwner, type Person } from './support/people.js';

/** A picture of one pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const chromium = findChromium();
if (chromium === undefined) console.warn('SKIPPED: what a browser keeps. There is no Chromium; set PIZZAPI_CHROMIUM.');

describe.skipIf(chromium === undefined)('what is private, in a browser that somebody has signed out of', () => {
  let stage: LocalStack;
  let ada: Person;
  let browser: Browser;
  let host: Host;
  let hosted: HostedSession;
  /** Addresses of what the session holds: a picture, and a text that was too long for the log. */
  const paths = { picture: '', text: '' };

  beforeAll(async () => {
    stage = await startLocalStack();
    ada = await settleOwner(stage);
    browser = await openBrowser();
    const started = await startHostWithSession(stage, ada, { rid: 'host', sid: 'private-session' });
    [host, hosted] = [started.host, started.session];
    const asker = { kind: 'session', sid: hosted.sid } as const;
    const picture = await putBlobVia(hosted.backbone, asker, PIXEL, 'image/png');
    const text = await putBlobVia(hosted.backbone, asker, Buffer.from('a private text'), 'text/plain; charset=utf-8');
    const message = (id: string, role: string, content: object[], blobs: object[]) => {
      const event = { type: 'message_end', at: Date.now(), messageId: id, entryId: id, blobs };
      const whole = { ...event, message: { role, content, timestamp: Date.now() } };
      return hosted.writer.append(whole);
    };
    const place = '/message/content/0';
    await message(
      'm1',
      'user',
      [{ type: 'image', data: '', mimeType: 'image/png' }],
      [{ path: `${place}/data`, ...picture }],
    );
    await message('m2', 'assistant', [{ type: 'text', text: 'The beginning…' }], [{ path: `${place}/text`, ...text }]);
    await hosted.writer.settled();
    for (const [name, { blob }] of Object.entries({ picture, text }))
      paths[name as keyof typeof paths] = `/api/sessions/${hosted.sid}/blobs/${blob}`;
  });
  afterAll(async () => {
    await hosted?.close();
    await host?.close();
    await closePages();
    await stage?.clear();
  });

  /** What the browser answers by itself: the status, or why there is none. */
  const keptOf = (page: Page, path: string): Promise<(number | string)[]> =>
    page.evaluate(async (url) => {
      const answers: (number | string)[] = [];
      for (const cache of ['only-if-cached', 'force-cache'] as const)
        answers.push(
          await fetch(url, { cache, mode: 'same-origin' }).then(
            ({ status }) => status,
            () => 'none',
          ),
        );
      return answers;
    }, path);

  const pictureOf = (page: Page) => sessionPage(page).log.locator('img').first();
  const isShown = async (page: Page): Promise<boolean> =>
    pictureOf(page).evaluate((image) => (image as HTMLImageElement).naturalWidth > 0);

  it('no file can be had any more that was shown there, and it was fetched once while it was', async () => {
    const desk = await openPage(browser);
    const { page, context } = desk;
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await desk.tolerating(/\b401\b/, async () => {
      await page.goto(stage.pageUrl);
      await page.getByLabel('E-mail').fill(ada.email);
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in' }).click();
    });
    await page
      .getByRole('button', { name: /^New session/ })
      .first()
      .waitFor();
    await page.goto(`${stage.pageUrl}/s/${hosted.sid}`);
    await until('the picture is shown', () => isShown(page));
    // However often it is drawn.
    await page.getByRole('button', { name: 'Enlarge image' }).press('Enter');
    await page.getByRole('button', { name: 'Close image' }).press('Enter');
    await page.setViewportSize({ width: 390, height: 844 });
    await page.setViewportSize({ width: 1440, height: 900 });
    await until('the picture is shown', () => isShown(page));
    expect(asked.filter((path) => path === paths.picture)).toHaveLength(1);
    // A long text is read in its place.
    await sessionPage(page).log.getByText('a private text').waitFor();
    const seen = await page.evaluate(async (url) => {
      const headers = { 'pizzapi-page-token': localStorage.getItem('pizzapi.login') ?? '' };
      return (await fetch(url, { headers })).text();
    }, paths.text);
    expect(seen).toBe('a private text');

    await page.goto(stage.pageUrl);
    await page.getByRole('button', { name: 'Sign out' }).first().click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    for (const path of Object.values(paths)) expect(await keptOf(page, path), path).toEqual(['none', 401]);
    // Nor without a network, where a browser shows what it has.
    await context.setOffline(true);
    for (const path of Object.values(paths)) {
      const failed = await page.goto(stage.pageUrl + path).then(
        (answer) => answer?.status(),
        (error: unknown) => String(error),
      );
      expect(failed, path).toMatch(/ERR_INTERNET_DISCONNECTED/);
    }
    await context.close();
  });

  it('nor one that a guest was shown, once their link was taken back', async () => {
    const { shareUrl, shareId } = await newShare(stage, ada.token, hosted.sid, { mode: 'collab' });
    const { page, context } = await openGuest(browser, shareUrl, 'Grace');
    await until('the picture is shown', () => isShown(page));
    const revoked = await ask(stage.url, `/api/sessions/${hosted.sid}/shares/${shareId}`, {
      ...{ bearer: ada.token, method: 'DELETE' },
    });
    expect(revoked.status).toBe(204);
    await page.getByRole('heading', { name: 'This link was revoked' }).waitFor();
    for (const path of Object.values(paths)) expect(await keptOf(page, path), path).toEqual(['none', 401]);
    await context.close();
  });

  it('every answer about a file says that it is not to be kept, and signing out clears what an earlier version left', async () => {
    const answers = [
      await ask(stage.url, paths.picture, { bearer: ada.token }),
      await ask(stage.url, `${paths.picture.slice(0, -64)}${'0'.repeat(64)}`, { bearer: ada.token }),
      await ask(stage.url, paths.picture),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 401]);
    for (const { headers } of answers) expect(headers['cache-control']).toBe('no-store');
    const headers = { cookie: ada.cookie, origin: stage.url };
    const out = await ask(stage.url, '/api/auth/logout', { method: 'POST', headers });
    expect(out.headers['clear-site-data']).toBe('"cache"');
  });
});
