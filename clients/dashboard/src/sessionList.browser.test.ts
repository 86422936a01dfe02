import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { focused } from './testing/accessibility.js';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';

/** A person with 5,000 sessions, of which the gateway sends 100 with a page. */
const MANY = 'sessions=5000&page=100';
/** Elements that the sidebar has at most. */
const MAX_ELEMENTS = 1_500;

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

const list = (page: Page) => page.getByRole('navigation', { name: 'Sessions' });
const task = (page: Page, n: number) => list(page).getByRole('link', { name: new RegExp(`Task ${n}\\b`) });
const elements = (page: Page) => list(page).evaluate((node) => node.querySelectorAll('*').length);
const asked = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { pages: { asked: string[] } }).pages.asked);
const failPages = (page: Page, fail: boolean) =>
  page.evaluate((value) => Object.assign((globalThis as unknown as { pages: object }).pages, { fail: value }), fail);
const hasFocus = (page: Page, name: string) => expect.poll(() => focused(page)).toContain(name);

describe('the list of sessions', () => {
  it('names the model of a session, which a gateway sends in parts and the release before as a text', async () => {
    const page = await scripted.open('/');
    await page.getByText('claude-sonnet-4-5 · 12 messages').first().waitFor();
    await page.getByText('demo · 0 messages').first().waitFor();
    expect(await page.getByText('[object').count()).toBe(0);
    await page.close();
  });
});

describe('a list of 5,000 sessions', () => {
  it('is drawn near the window alone, fetches one page at a time at its end, and keeps its place then', async () => {
    const page = await scripted.open('/', MANY);
    await task(page, 0).waitFor();
    expect(await elements(page)).toBeLessThan(MAX_ELEMENTS);
    expect(await asked(page)).toEqual([]);
    await task(page, 0).hover();
    // What is read stays in its place while lines of the page come above it.
    await page.mouse.wheel(0, 60_000);
    await expect.poll(() => asked(page)).toEqual(['?limit=200&cursor=100']);
    const top = () => page.getByRole('navigation').getByText('project10', { exact: true }).boundingBox();
    await expect.poll(async () => (await top())?.y).toBeLessThan(900);
    await expect.poll(() => task(page, 190).count()).toBe(1);
    expect(await asked(page)).toHaveLength(1);
    await page.mouse.wheel(0, 60_000);
    await expect.poll(() => asked(page)).toHaveLength(2);
    expect(await elements(page)).toBeLessThan(MAX_ELEMENTS);
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('says at its end why a page did not come, and tries again by the same button', async () => {
    const page = await scripted.open('/', MANY);
    await task(page, 0).waitFor();
    await list(page).locator('[data-roving] a').first().focus();
    await failPages(page, true);
    await page.keyboard.press('End');
    await list(page).getByText('The list is not available now.').waitFor();
    await hasFocus(page, 'Try again');
    await failPages(page, false);
    await page.keyboard.press('Enter');
    await hasFocus(page, 'Show more');
    expect(await asked(page)).toHaveLength(2);
    await page.close();
  });

  it('is searched by the gateway for what is not here, and the filter of states too', async () => {
    const page = await scripted.open('/', MANY);
    await task(page, 0).waitFor();
    const field = list(page).getByRole('searchbox', { name: 'Filter sessions' });
    await field.fill('task 4321 project');
    await list(page).getByRole('status').filter({ hasText: 'Searching all sessions' }).waitFor();
    await task(page, 4321).waitFor();
    expect((await asked(page)).at(-1)).toBe('?limit=500&q=project&cursor=4500');
    await field.fill('no such task');
    await list(page).getByText('No match for “no such task”.').waitFor();
    await field.fill('');
    await list(page).getByRole('radio', { name: 'Active' }).click();
    await expect.poll(async () => (await asked(page)).at(-1)).toContain('state=live');
    // The switcher asks as well.
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Go to a session' }).fill('Task 4777');
    await page.getByRole('option', { name: /Task 4777/ }).click();
    await page.waitForURL('**/s/many4777');
    expect(scripted.complaints.filter((text) => !text.includes('503'))).toEqual([]);
    await page.close();
  });

  it('has the session that was opened in sight, also one from a later page, and folds', async () => {
    const page = await scripted.open('/s/many4000', MANY);
    const current = list(page).locator('a[aria-current=page]');
    await current.waitFor();
    expect(await current.innerText()).toContain('Task 4000');
    const isInSight = () =>
      current.evaluate((node) => {
        const { top, bottom } = node.getBoundingClientRect();
        return top > 0 && bottom < innerHeight;
      });
    await expect.poll(isInSight).toBe(true);
    await list(page).getByRole('button', { name: 'project4', exact: true }).click();
    await expect.poll(() => current.count()).toBe(0);
    await page.goto(`${scripted.url}/?at=/s/many4000&${MANY}`);
    await page.getByRole('heading', { name: 'Sessions' }).or(task(page, 0)).first().waitFor();
    await expect.poll(() => asked(page)).toEqual(['?q=many4000']);
    expect(await current.count()).toBe(0);
    await page.close();
  });

  it('is one stop of the Tab key, and the keys reach every line, drawn or not', async () => {
    const page = await scripted.open('/', MANY);
    await task(page, 0).waitFor();
    const stops = () => list(page).locator('[data-roving] :is(a, button)[tabindex="0"]').count();
    expect(await stops()).toBe(1);
    await list(page).locator('[data-roving] :is(a, button)').first().focus();
    await hasFocus(page, 'ada-laptop');
    await page.keyboard.press('End');
    await hasFocus(page, 'Show more');
    await page.keyboard.press('ArrowUp');
    await hasFocus(page, 'Nightly benchmark');
    await page.keyboard.press('Home');
    await hasFocus(page, 'ada-laptop');
    // Sixty lines are more than what is drawn.
    for (let presses = 0; presses < 60; presses++) await page.keyboard.press('ArrowDown');
    await expect
      .poll(() =>
        list(page)
          .locator('li:focus-within')
          .evaluate((node) => node.dataset['row']),
      )
      .toMatch(/^(session|folder)\./);
    expect(await stops()).toBe(1);
    await page.keyboard.press('ArrowLeft');
    await expect.poll(() => list(page).locator('li:focus-within[aria-level="2"]').count()).toBe(1);
    // What has the focus stays when it is scrolled out of sight.
    await page.mouse.move(100, 500);
    await page.mouse.wheel(0, 20_000);
    await expect.poll(() => list(page).locator('li:focus-within').count()).toBe(1);
    expect(await stops()).toBe(1);
    await page.close();
  });

  it('is fetched again as far as it was after the connection was lost, on a phone as well', async () => {
    const page = await scripted.open('/', MANY, PHONE);
    await list(page).locator('[data-roving] a').first().focus();
    await page.keyboard.press('End');
    await hasFocus(page, 'Show more');
    await expect.poll(() => asked(page)).toEqual(['?limit=200&cursor=100']);
    await page.evaluate(() => (globalThis as unknown as { closeSockets(code: number): void }).closeSockets(1006));
    await expect.poll(() => asked(page)).toEqual(['?limit=200&cursor=100', '?limit=500&cursor=100']);
    await hasFocus(page, 'Show more');
    await page.close();
  });
});
