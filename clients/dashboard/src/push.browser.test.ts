import type { BrowserContext, CDPSession, Page, Worker } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findWholeChromium, LAN_HOST, openWholeBrowser } from '../../../tests/support/browser.js';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';

/** Chromium without a window refuses notifications. */
const canNotify = findWholeChromium() !== undefined;
if (!canNotify) console.warn('SKIPPED: notifications of a browser. There is only a headless shell of Chromium.');

let scripted: ScriptedPage;
beforeAll(async () => {
  if (canNotify) scripted = await startScriptedPage(openWholeBrowser);
});
beforeEach(() => scripted?.forget());
afterAll(() => scripted?.stop());

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

async function openIn(context: BrowserContext, at: string, query = ''): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${scripted.url}/?at=${encodeURIComponent(at)}&${query}`);
  return page;
}

/** A browser that has turned notifications on, with its service worker and a way to push to it. */
async function notifiedBrowser() {
  const context = await scripted.context({ permissions: ['notifications'] });
  const page = await openIn(context, '/settings/notifications', 'notifications=none');
  await button(page, 'Turn on').click();
  await page.getByText('Notifications are on in this browser').waitFor();
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
  const cdp = await context.newCDPSession(page);
  const registration = await registrationOf(cdp);
  const push = (data: unknown) =>
    cdp.send('ServiceWorker.deliverPushMessage', {
      origin: scripted.url,
      registrationId: registration,
      data: typeof data === 'string' ? data : JSON.stringify(data),
    });
  return { context, page, worker, push };
}

function registrationOf(cdp: CDPSession): Promise<string> {
  return new Promise((resolve, reject) => {
    cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      if (registrations[0] !== undefined) resolve(registrations[0].registrationId);
    });
    cdp.send('ServiceWorker.enable').catch(reject);
  });
}

/** The parts of a service worker's scope that the tests touch. */
interface Scope {
  registration: ServiceWorkerRegistration;
  clients: { openWindow(url: string): Promise<null>; matchAll(of: object): Promise<readonly unknown[]> };
  NotificationEvent: new (type: string, init: object) => Event;
  opened: string[];
}

const shown = (worker: Worker) =>
  worker.evaluate(async () => {
    const { registration } = globalThis as unknown as Scope;
    const all = await registration.getNotifications();
    return all.map(({ title, body, tag, data }) => ({ title, body, tag, url: (data as { url: string }).url }));
  });
const clickFirst = (worker: Worker) =>
  worker.evaluate(async () => {
    const { registration, NotificationEvent: Clicked } = globalThis as unknown as Scope;
    const [notification] = await registration.getNotifications();
    globalThis.dispatchEvent(new Clicked('notificationclick', { notification }));
  });

const PUSH = {
  kind: 'input',
  sessionId: 'ask',
  title: 'Bake a pizza',
  body: 'Which oven?',
  url: '/s/ask',
  tag: 'ask',
  at: 1,
};
describe.skipIf(!canNotify)('a push', () => {
  it('is shown with its session, and takes a tab that is open to it', async () => {
    const { context, page, worker, push } = await notifiedBrowser();
    await push(PUSH);
    await expect
      .poll(() => shown(worker))
      .toEqual([{ title: 'Bake a pizza', body: 'Which oven?', tag: 'ask', url: '/s/ask' }]);
    await push({ ...PUSH, body: 'Which topping?' });
    await expect.poll(async () => (await shown(worker)).map(({ body }) => body)).toEqual(['Which topping?']);
    await clickFirst(worker);
    await page.getByRole('heading', { name: 'Which database' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/s/ask');
    expect(await shown(worker)).toEqual([]);
    expect(scripted.complaints).toEqual([]);
    await context.close();
  });

  it('opens a tab when no tab is open, and never a tab of another site', async () => {
    const { context, page, worker, push } = await notifiedBrowser();
    await page.goto('about:blank');
    // The browser takes the old page from the worker's clients some time after the new one is there.
    const tabs = () =>
      worker.evaluate(async () => {
        const { clients } = globalThis as unknown as Scope;
        return (await clients.matchAll({ type: 'window', includeUncontrolled: true })).length;
      });
    await expect.poll(tabs).toBe(0);
    await worker.evaluate(() => {
      const scope = globalThis as unknown as Scope;
      scope.opened = [];
      scope.clients.openWindow = (url) => (scope.opened.push(url), Promise.resolve(null));
    });
    await push(PUSH);
    await expect.poll(async () => (await shown(worker)).length).toBe(1);
    await clickFirst(worker);
    const opened = () => worker.evaluate(() => (globalThis as unknown as Scope).opened);
    await expect.poll(opened).toEqual(['/s/ask']);
    await push({ ...PUSH, url: 'https://elsewhere.example/s/ask' });
    await expect.poll(async () => (await shown(worker)).map(({ url }) => url)).toEqual(['/']);
    await context.close();
  });

  it('that cannot be read is shown all the same', async () => {
    const { context, worker, push } = await notifiedBrowser();
    await push('not JSON');
    await expect
      .poll(async () => (await shown(worker)).map(({ title, url }) => [title, url]))
      .toEqual([['PizzaPi', '/']]);
    await context.close();
  });

  it('still arrives after the browser has replaced its subscription', async () => {
    const { context, worker } = await notifiedBrowser();
    const sent = await worker.evaluate(async () => {
      const scope = globalThis as unknown as { subscribeAgain(event: object): Promise<void>; fetch: unknown };
      const requests: unknown[] = [];
      type Init = { method: string; body: string; headers: object };
      scope.fetch = (path: string, { method, body, headers }: Init) => {
        requests.push([method, path, JSON.parse(body), headers]);
        return Promise.resolve(new Response());
      };
      // As the page has left it there when it was signed in.
      await (await caches.open('pizzapi')).put('/page-token', new Response('shown'));
      const told = { endpoint: 'https://push.example/2', expirationTime: null, keys: { p256dh: 'p', auth: 'a' } };
      await scope.subscribeAgain({ newSubscription: { toJSON: () => told } });
      return requests;
    });
    const body = { endpoint: 'https://push.example/2', keys: { p256dh: 'p', auth: 'a' } };
    const headers = { 'content-type': 'application/json', 'pizzapi-page-token': 'shown' };
    expect(sent).toEqual([['POST', '/api/notifications/subscriptions', body, headers]]);
    await context.close();
  });

  it('goes from the screen when its session is opened', async () => {
    const { context, page, worker, push } = await notifiedBrowser();
    await push(PUSH);
    await expect.poll(async () => (await shown(worker)).length).toBe(1);
    await page.getByRole('link', { name: 'Which database' }).first().click();
    await expect.poll(() => shown(worker)).toEqual([]);
    await context.close();
  });
});
describe.skipIf(!canNotify)('notification settings', () => {
  it('register a service worker only when they are turned on, and take it away when they are turned off', async () => {
    const context = await scripted.context({ permissions: ['notifications'] });
    const page = await openIn(context, '/settings/notifications', 'notifications=none');
    await page.getByText('Notifications are off in this browser').waitFor();
    const workers = () => page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length);
    expect(await workers()).toBe(0);
    await button(page, 'Turn on').click();
    await page.getByText('this browser', { exact: true }).waitFor();
    expect(await workers()).toBe(1);
    await button(page, 'Turn off').click();
    await page.getByText('No devices yet.').waitFor();
    expect(await workers()).toBe(0);
    expect(scripted.complaints).toEqual([]);
    await context.close();
  });

  it('say what to do where the browser blocks, where the address is not safe, and where no service pushes', async () => {
    const refusing = await scripted.context({ permissions: [] });
    const blocked = await openIn(refusing, '/settings/notifications');
    await blocked.setViewportSize(PHONE);
    await blocked.getByText('The browser blocks notifications').waitFor();
    expect(await button(blocked, 'Turn on').count()).toBe(0);
    expect(await blocked.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
    const lan = await refusing.newPage();
    await lan.goto(`${scripted.url.replace('127.0.0.1', LAN_HOST)}/?at=/settings/notifications`);
    await lan.getByText('Notifications need https').waitFor();
    await lan.getByText(LAN_HOST).waitFor();
    const context = await scripted.context({ permissions: ['notifications'] });
    const page = await openIn(context, '/settings/notifications', 'notifications=none&push=unreachable');
    await button(page, 'Turn on').click();
    await page.getByText('Notifications are on while a tab is open').waitFor();
    await page.getByText('push service error').waitFor();
    await context.close();
    await refusing.close();
  });
});
