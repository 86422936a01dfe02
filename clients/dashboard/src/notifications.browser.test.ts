import type { SessionInfo } from '@pizzapi/protocol';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

/** What the script of the gateway lets a test do in the page. */
interface Played {
  tellSession(sid: string, changes: Partial<SessionInfo>): void;
  closeSockets(code: number): void;
  sent: { sid: string; frame: { type: string; visible?: boolean; args?: object } }[];
  notified: { title: string; body?: string; tag?: string }[];
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const waitingList = (page: Page) => page.getByRole('region', { name: 'Waiting for you' });
const toast = (page: Page, name: string) => page.getByRole('status').getByRole('link', { name });
const tell = (page: Page, sid: string, changes: Partial<SessionInfo>) =>
  page.evaluate(([id, what]) => (globalThis as unknown as Played).tellSession(id, what), [sid, changes] as const);
/** Until the page knows the list, and what is new to it is news. */
const watches = (page: Page) => page.locator('link[rel=icon][href="/icon-waiting.svg"]').waitFor({ state: 'attached' });
const finish = (page: Page, sid: string) => tell(page, sid, { state: 'idle', busy: false });

/** Takes the tab out of the person's sight, or brings it back: a browser without a screen has no other tab to go to. */
const look = (page: Page, seen: boolean) =>
  page.evaluate((visible) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => !visible });
    Object.defineProperty(document, 'visibilityState', {
      configurable: true,
      get: () => (visible ? 'visible' : 'hidden'),
    });
    document.dispatchEvent(new Event('visibilitychange'));
  }, seen);

async function openIn(context: BrowserContext, at: string, query = ''): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${scripted.url}/?at=${encodeURIComponent(at)}&${query}`);
  return page;
}

describe('notification settings', () => {
  it('keep wishes and a webhook, send a test and say what became of it, and unmute', async () => {
    const page = await scripted.open('/settings/notifications');
    const done = page.getByRole('switch', { name: 'The agent is done' });
    await page.getByText('The agent has finished its work.').click();
    expect(await done.isChecked()).toBe(false);
    const address = page.getByLabel('Address');
    await address.fill('http://10.0.0.4/hook');
    await button(page, 'Save webhook').click();
    await page.getByRole('alert').getByText('private network').waitFor();
    await address.fill('https://ntfy.sh/another');
    await button(page, 'Save webhook').click();
    await page.getByText('Webhook saved.').waitFor();
    await button(page, 'Send a test').click();
    const outcome = page.getByRole('list', { name: 'Outcome of the test' }).getByRole('listitem');
    await expect.poll(() => outcome.count()).toBe(3);
    await outcome.filter({ hasText: 'ntfy.sh' }).getByText('It answered 403').waitFor();
    await button(page, 'Unmute A session of ten thousand messages').click();
    await button(page, 'Unmute A session of ten thousand messages').waitFor({ state: 'detached' });
    await page.close();
  });
});

describe('what happens elsewhere', () => {
  it('is told in a toast that leads there, but not what is in view, muted, or was so before', async () => {
    const page = await scripted.open('/s/fresh', 'messages=20');
    await page.getByText('To-dos').waitFor();
    await watches(page);
    await tell(page, 'long', { state: 'waiting', waiting: ['x'] });
    await tell(page, 'fresh', { state: 'waiting', waiting: ['x'] });
    await finish(page, 'story');
    await tell(page, 'hostile', { state: 'ended', endReason: 'error' });
    await toast(page, 'Resume viewers').waitFor();
    await toast(page, 'Summarise a page').getByText('The session ended with an error.').waitFor();
    expect(await page.getByRole('status').getByRole('link').count()).toBe(2);
    await toast(page, 'Resume viewers').click();
    await page.getByRole('heading', { name: 'Resume viewers' }).waitFor();
    await toast(page, 'Resume viewers').waitFor({ state: 'detached' });
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('says what is asked, and is taken back when it was answered elsewhere', async () => {
    const page = await scripted.open('/s/fresh', 'scene=waiting');
    await page.getByText('To-dos').waitFor();
    await watches(page);
    await tell(page, 'question', { state: 'working', waiting: [] });
    await page.getByRole('radio', { name: 'Waiting 3' }).waitFor();
    await tell(page, 'question', { state: 'waiting', waiting: ['q1'] });
    await toast(page, 'Choose a store').getByText('Which database should the projector write').waitFor();
    await tell(page, 'question', { state: 'working', waiting: [] });
    await toast(page, 'Choose a store').waitFor({ state: 'detached' });
    // On a page that shows the prompt itself, the toast would repeat it.
    await look(page, false);
    await tell(page, 'question', { state: 'waiting', waiting: ['q1'] });
    await toast(page, 'Choose a store').waitFor();
    await page.getByRole('link', { name: 'PizzaPi', exact: true }).click();
    await look(page, true);
    await waitingList(page).getByRole('link', { name: 'Choose a store' }).waitFor();
    await toast(page, 'Choose a store').waitFor({ state: 'detached' });
    await page.close();
  });

  it('is a notification of the tab while nobody looks at it, unless pushes come to this browser', async () => {
    const context = await scripted.context({ permissions: ['notifications'] });
    await context.addInitScript(() => {
      const notified: { title: string }[] = [];
      const Recorded = class {
        static permission = 'granted';
        static requestPermission = () => Promise.resolve('granted');
        constructor(title: string, options: object) {
          notified.push({ title, ...options });
        }
      };
      Object.assign(globalThis, { Notification: Recorded, notified });
    });
    const notified = (page: Page) =>
      page.evaluate(() => (globalThis as unknown as Played).notified.map(({ title, tag }) => [title, tag]));
    for (const [push, here, expected] of [
      ['unreachable', 'while a tab is open', [['Resume viewers from their offset', 'story']]],
      ['', 'in this browser', []],
    ] as const) {
      const page = await openIn(context, '/settings/notifications', `notifications=none&push=${push}`);
      await button(page, 'Turn on').click();
      await page.getByText(`Notifications are on ${here}`).waitFor();
      await watches(page);
      await look(page, false);
      await finish(page, 'story');
      await toast(page, 'Resume viewers').waitFor();
      expect(await notified(page)).toEqual(expected);
      await look(page, true);
      await button(page, 'Turn off').click();
      await page.getByText('Notifications are off in this browser').waitFor();
      await page.close();
    }
    await context.close();
  });

  it('shows in the title and the icon of the tab how many wait, those that are muted aside', async () => {
    const page = await scripted.open('/s/fresh', 'scene=waiting');
    await expect.poll(() => page.title()).toMatch(/^\(4\) /);
    const icon = () => page.locator('link[rel=icon]').getAttribute('href');
    await expect.poll(icon).toBe('/icon-waiting.svg');
    await tell(page, 'long', { state: 'waiting', waiting: ['x'] });
    for (const sid of ['question', 'approval', 'plan', 'ask']) await tell(page, sid, { state: 'working', waiting: [] });
    await expect.poll(() => page.title()).toMatch(/^[^(]/);
    await expect.poll(icon).toBe('/icon.svg');
    await page.close();
  });
});

/** What could be clicked if no toast lay over it, by its name. What lies behind an open dialog does not count. */
const coveredByToasts = (page: Page) =>
  page.evaluate(() => {
    const dialog = document.querySelector('[role=dialog]');
    const controls = (dialog ?? document).querySelectorAll('a, button, input, textarea, [role=menuitem]');
    const isCovered = (control: Element) => {
      const { left, top, width, height } = control.getBoundingClientRect();
      return [0.1, 0.5, 0.9].some((part) => {
        const stack = document.elementsFromPoint(left + width * part, top + height * part);
        const toast = stack[0]?.closest('[role=status] > div');
        return stack.includes(control) && toast != null && !toast.contains(control);
      });
    };
    return [...controls].filter(isCovered).map((control) => control.getAttribute('aria-label') ?? control.textContent);
  });

describe.each([{ width: 1440, height: 900 }, PHONE])('toasts on a screen that is $width px wide', (viewport) => {
  it('cover nothing that can be clicked, in the page and in a dialog', async () => {
    const page = await scripted.open('/s/fresh', '', viewport);
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
    await watches(page);
    // The toasts of a tab that is out of sight stay.
    await look(page, false);
    for (const sid of ['hostile', 'whole-open', 'paragraphs', 'lost'])
      await tell(page, sid, { state: 'ended', endReason: 'error', busy: false });
    const shown = page.getByRole('status').getByRole('button', { name: 'Dismiss' });
    await expect.poll(() => shown.count()).toBe(3);
    expect(await coveredByToasts(page)).toEqual([]);
    await page.getByRole('textbox', { name: 'Message' }).click();
    await page.keyboard.type('Written below toasts');
    await button(page, 'Share').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Dismiss' }).first().waitFor();
    expect(await coveredByToasts(page)).toEqual([]);
    await shown.first().click();
    await expect.poll(() => shown.count()).toBe(2);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await button(page, 'More').click();
    await page.getByRole('menuitem').first().waitFor();
    await page.keyboard.press('Escape');
    expect(await shown.count()).toBe(2);
    if (viewport === PHONE) {
      await button(page, 'All sessions').click();
      await page.getByRole('navigation', { name: 'Sessions' }).waitFor();
      expect(await shown.count()).toBe(2);
      expect(await coveredByToasts(page)).toEqual([]);
    }
    await page.close();
  });
});

describe('who waits', () => {
  it('stands on top with what is asked, those that wait longest first, and is answered there', async () => {
    const page = await scripted.open('/', 'scene=waiting');
    const cards = waitingList(page).getByRole('article');
    await expect.poll(() => cards.count()).toBe(4);
    expect(await cards.first().getByRole('link', { name: 'Choose a store' }).count()).toBe(1);
    await cards.filter({ hasText: 'Release 2.4' }).getByText('git push --force-with-lease').waitFor();
    await cards.filter({ hasText: 'Release 2.4' }).getByRole('button', { name: 'Allow once' }).click();
    await expect.poll(() => cards.count()).toBe(3);
    const answers = await page.evaluate(() =>
      (globalThis as unknown as Played).sent.flatMap(({ sid, frame }) => (frame.args ? [{ sid, ...frame.args }] : [])),
    );
    expect(answers).toEqual([{ sid: 'approval', dialogId: 'a1', value: 'approve' }]);
    await tell(page, 'plan', { state: 'working', waiting: [] });
    await expect.poll(() => cards.count()).toBe(2);
    await cards
      .filter({ hasText: 'Where should the projection live?' })
      .getByRole('button', { name: 'Postgres' })
      .waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('stands on top on a phone as well, and leads to the whole question', async () => {
    const page = await scripted.open('/', 'scene=waiting', PHONE);
    await waitingList(page).getByRole('link', { name: 'Answer in your own words' }).first().click();
    await page.getByRole('heading', { name: 'Choose a store' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
    await page.close();
  });
});

describe('a session', () => {
  it('tells the gateway whether somebody looks at it, on every connection', async () => {
    const page = await scripted.open('/s/story');
    await page.getByText('To-dos').waitFor();
    const said = () =>
      page.evaluate(() =>
        (globalThis as unknown as Played).sent.flatMap(({ frame }) =>
          frame.type === 'resume' || frame.type === 'visible' ? [frame.visible ?? frame.type] : [],
        ),
      );
    await expect.poll(said).toEqual(['resume', true]);
    await look(page, false);
    await expect.poll(said).toEqual(['resume', true, false]);
    await page.evaluate(() => (globalThis as unknown as Played).closeSockets(1006));
    await expect.poll(said).toEqual(['resume', true, false, 'resume', false]);
    await look(page, true);
    await expect.poll(said).toEqual(['resume', true, false, 'resume', false, true]);
    await page.close();
  });

  it('is muted in its menu, which shows in its header and in the list', async () => {
    const page = await scripted.open('/s/story');
    await button(page, 'More').click();
    await page.getByRole('menuitem', { name: 'Mute notifications' }).click();
    await page.locator('header').getByLabel('Muted').waitFor();
    await page.getByRole('link', { name: 'Resume viewers' }).getByLabel('Muted').waitFor();
    await button(page, 'More').click();
    await page.getByRole('menuitem', { name: 'Unmute' }).click();
    await page.locator('header').getByLabel('Muted').waitFor({ state: 'detached' });
    await page.close();
  });
});
