import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { focused } from './testing/accessibility.js';
import { DESK, PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';
import { AT_WORK } from './testing/views.js';

/** The real page in Chromium, under the gateway's policy, with a gateway that plays a script. */
let scripted: ScriptedPage;
const complaints = () => scripted.complaints;

beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

describe.each([DESK, PHONE])('a search in a session, at $width px', (viewport) => {
  const field = (page: Page) => page.getByRole('textbox', { name: 'Search this session' });
  const status = (page: Page) => page.getByRole('search').getByRole('status').first();
  /** The text of the match that is marked as the current one. */
  const current = (page: Page) =>
    page.evaluate(() => {
      const ranges = [...(CSS.highlights.get('search-current') ?? [])] as Range[];
      const log = document.querySelector('[role=log]')!.getBoundingClientRect();
      const box = ranges[0]?.getBoundingClientRect();
      const isInSight = box !== undefined && box.top >= log.top && box.bottom <= log.bottom;
      return isInSight ? ranges[0]!.toString() : undefined;
    });

  it('finds what is neither loaded nor drawn, steps to the next and the previous match, and gives the focus back on Escape', async () => {
    const page = await scripted.open('/s/long', 'messages=2000', viewport);
    await page.getByText('Line 4 of message 1999').waitFor();
    await page.getByRole('textbox', { name: 'Message' }).focus();
    await page.keyboard.press('Control+f');
    await page.keyboard.type('question 1');
    // 1, 1x, 1xx and 1xxx, as far as they divide by four.
    await expect.poll(() => status(page).innerText()).toMatch(/^\d+ of 277$/);
    await field(page).fill('message 5, with CODE and weight');
    await expect.poll(() => status(page).innerText()).toBe('1 of 1');
    await expect.poll(() => current(page)).toBe('message 5, with code and weight');
    await field(page).fill('message 5');
    await expect.poll(() => status(page).innerText()).toMatch(/ of \d+$/);
    const [at, total] = (await status(page).innerText()).split(' of ').map(Number) as [number, number];
    await page.keyboard.press('Enter');
    await expect.poll(() => status(page).innerText()).toBe(`${(at % total) + 1} of ${total}`);
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.press('Shift+Enter');
    await expect.poll(() => status(page).innerText()).toBe(`${at === 1 ? total : at - 1} of ${total}`);
    await expect.poll(() => current(page)).toBe('message 5');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
    await page.keyboard.press('Escape');
    await field(page).waitFor({ state: 'detached' });
    expect(await focused(page)).toBe('Message');
    expect(await page.evaluate(() => CSS.highlights.size)).toBe(0);
    expect(complaints()).toEqual([]);
    await page.close();
  });

  it('opens the folded output that has the match, from the menu of the session', async () => {
    const page = await scripted.open(AT_WORK, '', viewport);
    await page.getByText('off-by-one').waitFor();
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Search…' }).click();
    await field(page).waitFor();
    await expect.poll(() => focused(page)).toBe('Search this session');
    await page.keyboard.type('send(resumeAt(cursor');
    await expect.poll(() => current(page)).toBe('send(resumeAt(cursor');
    await field(page).fill('no such text');
    await expect.poll(() => status(page).innerText()).toBe('No match');
    // The second Ctrl+F is for the browser.
    await page.evaluate(() =>
      addEventListener('keydown', ({ defaultPrevented }) => Object.assign(globalThis, { isOurs: defaultPrevented })),
    );
    await page.keyboard.press('Control+f');
    await expect.poll(() => page.evaluate(() => (globalThis as { isOurs?: boolean }).isOurs)).toBe(false);
    await page.close();
  });
});

it('goes to the beginning of a session that is not loaded, and to its end, by one key or one button', async () => {
  const page = await scripted.open('/s/long', 'messages=2000');
  await page.getByText('Line 4 of message 1999').waitFor();
  await page.keyboard.press('Home');
  const first = page.getByText('Question 0: what does step 0 do?');
  await first.waitFor();
  await expect.poll(() => page.getByRole('log').evaluate((node) => node.scrollTop)).toBe(0);
  await page.keyboard.press('End');
  await page.getByText('Line 4 of message 1999').waitFor();
  await page.getByRole('log').hover();
  await page.mouse.wheel(0, -900);
  await page.getByRole('button', { name: 'Beginning' }).click();
  await first.waitFor();
  await page.getByRole('button', { name: 'Jump to latest' }).click();
  await page.getByText('Line 4 of message 1999').waitFor();
  await page.close();
});

it('? lists the shortcuts, by key and by button, but not while a text is written, and gives the focus back', async () => {
  const page = await scripted.open(AT_WORK);
  const list = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await page.getByRole('textbox', { name: 'Message' }).fill('Why');
  await page.keyboard.type('?');
  expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('Why?');
  expect(await list.count()).toBe(0);
  await page.getByRole('link', { name: /^Working Resume viewers/ }).focus();
  await page.keyboard.press('?');
  await list.getByText('Search in the session').waitFor();
  await page.keyboard.press('Escape');
  await list.waitFor({ state: 'detached' });
  await expect.poll(() => focused(page)).toMatch(/^Resume viewers/);
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  await list.waitFor();
  await page.close();
});

it('the list of sessions is one stop of the Tab key, and arrow keys go through it and its branches', async () => {
  const page = await scripted.open('/', 'scene=linked');
  await page.getByRole('heading', { name: 'Sessions' }).waitFor();
  const nav = page.getByRole('navigation', { name: 'Sessions' });
  const links = nav.locator('[data-roving] a');
  await links.first().waitFor();
  expect(await nav.locator('[data-roving] :is(a, button)[tabindex="0"]').count()).toBe(1);
  await links.first().focus();
  const before = await focused(page);
  await page.keyboard.press('ArrowDown');
  expect(await focused(page)).not.toBe(before);
  await page.keyboard.press('End');
  expect(await links.last().evaluate((node) => node === document.activeElement)).toBe(true);
  // Branches open and close by the arrows to the sides.
  const toggle = nav.getByRole('button', { name: /^(Show|Hide) .*child session/ }).first();
  await toggle.locator('xpath=preceding-sibling::div//a').focus();
  const isOpen = async () => (await toggle.getAttribute('aria-expanded')) === 'true';
  if (await isOpen()) await page.keyboard.press('ArrowLeft');
  await expect.poll(isOpen).toBe(false);
  await page.keyboard.press('ArrowRight');
  await expect.poll(isOpen).toBe(true);
  await page.keyboard.press('Enter');
  // The page of the session has the focus, and the Tab key continues from there.
  await expect.poll(() => focused(page)).toBe('page');
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('Skip to the message');
  await page.keyboard.press('Enter');
  expect(await focused(page)).toBe('Message');
  await page.close();
});

it('the first stop of the Tab key skips the list of sessions, and groups of choices have arrow keys', async () => {
  const page = await scripted.open(AT_WORK);
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  await page.keyboard.press('Tab');
  expect(await focused(page)).toBe('Skip to the content');
  await page.keyboard.press('Enter');
  expect(await focused(page)).toBe('page');
  for (const [group, keys] of [
    ['Which sessions', ['All', 'Active', 'Waiting']],
    ['How it is delivered', ['Steer', 'After']],
  ] as const) {
    const radio = (name: string) => page.getByRole('radiogroup', { name: group }).getByRole('radio', { name });
    await radio(keys[0]).focus();
    for (const [key, name] of [
      ['ArrowRight', keys[1]],
      ['End', keys.at(-1)!],
      ['ArrowDown', keys[0]],
      ['ArrowLeft', keys.at(-1)!],
      ['Home', keys[0]],
    ] as const) {
      await page.keyboard.press(key);
      expect(await radio(name).getAttribute('aria-checked'), `${key} in ${group}`).toBe('true');
      expect(await radio(name).evaluate((node) => node === document.activeElement)).toBe(true);
    }
    expect(await page.getByRole('radiogroup', { name: group }).locator('[tabindex="0"]').count()).toBe(1);
  }
  await page.close();
});

it('the controls of a transcript are one stop of the Tab key, and arrow keys go through them', async () => {
  const page = await scripted.open(AT_WORK);
  const log = page.getByRole('log');
  await log.getByText('opens a viewer at offset').waitFor();
  // The transcript has been scrolled to its end: the stop is in sight.
  const isStopInSight = () =>
    log.evaluate((list) => {
      const stops = [...list.querySelectorAll(':is(a, button)[tabindex="0"]')].map((node) =>
        node.getBoundingClientRect(),
      );
      const { top, bottom } = list.getBoundingClientRect();
      const isAtEnd = list.scrollHeight - list.clientHeight - list.scrollTop < 2;
      return isAtEnd && stops.length === 1 && stops[0]!.bottom > top && stops[0]!.top < bottom;
    });
  await expect.poll(isStopInSight).toBe(true);
  await page
    .getByRole('button', { name: 'Show details' })
    .or(page.getByRole('button', { name: 'Hide details' }))
    .focus();
  await page.keyboard.press('Tab');
  expect(await log.evaluate((node) => node === document.activeElement)).toBe(true);
  // Texts that scroll are stops of their own, before the one of the controls.
  const control = log.locator(':is(a, button):focus');
  // A text that gets the focus scrolls into sight. Where no control is drawn after it, the stop is before it.
  const wayToStop = () =>
    log.evaluate((list) => {
      const stop = list.querySelector(':is(a, button)[tabindex="0"]');
      if (stop === null) return undefined;
      const order = document.activeElement!.compareDocumentPosition(stop);
      return (order & Node.DOCUMENT_POSITION_FOLLOWING) !== 0 ? 'Tab' : 'Shift+Tab';
    });
  for (let stops = 0; stops < 12 && (await control.count()) === 0; stops++) {
    await expect.poll(wayToStop).toBeDefined();
    await page.keyboard.press((await wayToStop()) ?? 'Tab');
  }
  expect(await control.count()).toBe(1);
  const before = await control.elementHandle();
  await page.keyboard.press('ArrowUp');
  expect(await log.evaluate((node) => node.contains(document.activeElement))).toBe(true);
  expect(await before.evaluate((node) => node === document.activeElement)).toBe(false);
  // Only a text that scrolls is a stop besides.
  await page.keyboard.press('Tab');
  expect(await log.locator(':is(a, button):focus').count()).toBe(0);
  await page.close();
});

it('a dialog, a menu and a field in its place give the focus back to what opened them', async () => {
  const page = await scripted.open(AT_WORK);
  const title = page.getByRole('button', { name: 'Resume viewers from their offset', exact: true });
  const share = page.getByRole('button', { name: 'Share', exact: true });
  const more = page.getByRole('button', { name: 'More', exact: true });
  for (const [opener, opened] of [
    [title, page.getByRole('textbox', { name: 'Name of the session' })],
    [share, page.getByRole('dialog')],
    [more, page.getByRole('menu')],
  ] as const) {
    await opener.focus();
    await page.keyboard.press('Enter');
    await opened.waitFor();
    await page.keyboard.press('Escape');
    await opened.waitFor({ state: 'detached' });
    await expect.poll(() => opener.evaluate((node) => node === document.activeElement)).toBe(true);
  }
  await more.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Delete…' }).focus();
  await page.keyboard.press('Enter');
  // The dialog takes the focus a moment after it is drawn.
  await page.locator('[role=alertdialog]:focus, [role=alertdialog] :focus').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
  await expect.poll(() => focused(page)).toBe('More');
  await page.close();
});
