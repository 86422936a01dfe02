import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cutOffControls, doubleStops, focused, violationsOf } from './testing/accessibility.js';
import { STORY, VIEWS } from './testing/views.js';
import { DESK, PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';

/** The real page in Chromium, under the gateway's policy, with a gateway that plays a script. */
let scripted: ScriptedPage;
let url: string;
const complaints = () => scripted.complaints;
const open = (at: string, query?: string, viewport?: { width: number; height: number }) =>
  scripted.open(at, query, viewport);

beforeAll(async () => {
  scripted = await startScriptedPage();
  ({ url } = scripted);
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

/** The first row whose top is in sight, once the page has drawn what a wheel asked for. */
const firstInSight = async (page: Page) => {
  const seen = await page.waitForFunction(() => {
    const log = document.querySelector('[role=log]')!.getBoundingClientRect();
    const rows = [...document.querySelectorAll<HTMLElement>('[data-seq]')];
    const row = rows.find((candidate) => candidate.getBoundingClientRect().top >= log.top);
    return row === undefined ? undefined : { seq: Number(row.dataset['seq']) };
  });
  return (await seen.jsonValue())!;
};

it('shows hostile Markdown without running, loading or following any of it', async () => {
  const page = await open('/s/hostile');
  const elsewhere: string[] = [];
  page.on(
    'request',
    (request) => request.url().startsWith(url) || request.url().startsWith('blob:') || elsewhere.push(request.url()),
  );
  await page.getByText('Hello <script>').first().waitFor();
  const log = page.getByRole('log');
  await log.locator('.sk-keyword, .sk-string, .sk-type, .hljs-name, .hljs-tag').first().waitFor();
  expect(await page.evaluate(() => (globalThis as { pwned?: number }).pwned)).toBeUndefined();
  expect(await log.locator('script, style, img, iframe, [onclick], [onerror]').count()).toBe(0);
  const links = await log.locator('a').evaluateAll((found) => found.map((link) => link.getAttribute('href')));
  expect(new Set(links.map((href) => new URL(href!).protocol))).toEqual(new Set(['https:']));
  expect(elsewhere).toEqual([]);
  expect(complaints()).toEqual([]);
  await page.close();
});

it('opens a session of 10,000 messages at its end, with few rows on the page', async () => {
  const page = await open('/s/long', 'messages=10000');
  await page.getByText('Line 4 of message 9999').waitFor();
  const log = page.getByRole('log');
  await expect
    .poll(() => log.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight))
    .toBeLessThan(2);
  expect(await page.locator('[data-seq]').count()).toBeLessThan(60);
  await page.close();
});

it('shows that the host was stopped while the agent wrote, and has the agent continue by one button', async () => {
  const page = await open('/s/interrupted', 'scene=interrupted');
  const log = page.getByRole('log');
  await log.getByText('The host was stopped while the agent wrote.').waitFor();
  expect(await log.getByText('Stopped.', { exact: true }).count()).toBe(0);
  await page.locator('header').getByText('Interrupted', { exact: true }).waitFor();
  await page
    .getByRole('navigation', { name: 'Sessions' })
    .getByRole('link', { name: /Write the release notes/ })
    .getByRole('img', { name: 'Interrupted' })
    .waitFor();
  await log.getByText('via terminal', { exact: true }).waitFor();
  await log.getByRole('button', { name: 'Continue' }).click();
  await log.getByText('Continue where you stopped.').waitFor();
  await page.evaluate(() =>
    (globalThis as unknown as { happen(sid: string, events: object[]): void }).happen('interrupted', [
      { type: 'agent_start', at: Date.now() },
    ]),
  );
  await log.getByRole('button', { name: 'Continue' }).waitFor({ state: 'detached' });
  expect(complaints()).toEqual([]);
  await page.close();
});

it('loads earlier messages on the way up and keeps what is read where it is', async () => {
  const page = await open('/s/long', 'messages=10000');
  await page.getByText('Line 4 of message 9999').waitFor();
  const log = page.getByRole('log');
  await log.hover();
  const top = () =>
    page
      .locator('[data-seq]')
      .first()
      .evaluate((row) => Number((row as HTMLElement).dataset['seq']));
  // 400 events come first: whoever goes up meets those before them, one after another, without a jump.
  let lowest = (await firstInSight(page)).seq;
  for (let i = 0; i < 400 && (await top()) > 9_300; i++) {
    await page.mouse.wheel(0, -900);
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const { seq } = await firstInSight(page);
    expect(seq).toBeLessThanOrEqual(lowest);
    expect(lowest - seq).toBeLessThan(25);
    lowest = seq;
  }
  expect(lowest).toBeLessThan(9_400);
  await page.getByRole('button', { name: 'Jump to latest' }).click();
  await page.getByText('Line 4 of message 9999').waitFor();
  await page.close();
});

it('goes to the message that a link names, far before what was loaded first', async () => {
  const page = await open('/s/long#e2001', 'messages=10000');
  await page.getByText('Question 2000: what does step 500 do?').waitFor();
  expect(await page.locator('[data-seq="2001"]').evaluate((row) => row.getBoundingClientRect().top)).toBeGreaterThan(0);
  await page.close();
});

it('is used by keyboard: n starts, / finds, Escape leaves, and nothing breaks the page’s policy', async () => {
  const page = await open('/');
  await page.getByRole('heading', { name: 'Sessions' }).waitFor();
  await page.keyboard.press('n');
  await page.getByRole('dialog', { name: 'New session' }).waitFor();
  await page.getByLabel('Show models').click();
  await page.getByRole('option', { name: 'Claude Opus 4.5' }).click();
  await page.getByLabel('Folder').fill('/home/ada/wrok');
  await page.getByRole('textbox', { name: 'First prompt' }).fill('Bake');
  // Runners that are told of anew take nothing from what was typed.
  await page.evaluate(() => (globalThis as unknown as { closeSockets(code: number): void }).closeSockets(1006));
  await page
    .getByText(/Not connected|Connecting/)
    .first()
    .waitFor();
  await page
    .getByText(/Not connected|Connecting/)
    .first()
    .waitFor({ state: 'detached' });
  expect(await page.getByLabel('Folder').inputValue()).toBe('/home/ada/wrok');
  expect(await page.getByRole('textbox', { name: 'First prompt' }).inputValue()).toBe('Bake');
  await page.keyboard.press('Control+Enter');
  await page.getByText('cwd_not_found').waitFor();
  await page.getByRole('textbox', { name: 'First prompt' }).focus();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('/');
  await page.getByRole('combobox', { name: 'Go to a session' }).waitFor();
  await page.keyboard.type('database');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Which database' }).waitFor();
  await page.getByLabel('More').click();
  await page.getByRole('menuitem', { name: 'Delete…' }).click();
  await page.getByRole('alertdialog').waitFor();
  expect(complaints()).toEqual([]);
  await page.close();
});

it('shows list, session and details one at a time on a phone', async () => {
  const page = await open('/', '', { width: 390, height: 844 });
  await page.getByRole('link', { name: 'Resume viewers' }).click();
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await page.getByRole('button', { name: 'Show details' }).click();
  await page.getByText('Measure a resume of 10,000 events').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'All sessions' }).click();
  await page.getByRole('navigation', { name: 'Sessions' }).waitFor();
  await page.close();
});

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
    const page = await scripted.open(STORY, '', viewport);
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
    const isOurs = page.evaluate(
      () => new Promise((resolve) => addEventListener('keydown', (event) => resolve(event.defaultPrevented))),
    );
    await page.keyboard.press('Control+f');
    expect(await isOurs).toBe(false);
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
  const page = await scripted.open(STORY);
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
  const page = await scripted.open(STORY);
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
  const page = await scripted.open(STORY);
  const log = page.getByRole('log');
  await log.getByText('opens a viewer at offset').waitFor();
  await page
    .getByRole('button', { name: 'Show details' })
    .or(page.getByRole('button', { name: 'Hide details' }))
    .focus();
  await page.keyboard.press('Tab');
  expect(await log.evaluate((node) => node === document.activeElement)).toBe(true);
  await page.keyboard.press('Tab');
  const isInside = () =>
    log.evaluate((node) => node !== document.activeElement && node.contains(document.activeElement));
  expect(await isInside()).toBe(true);
  const at = await focused(page);
  await page.keyboard.press('ArrowUp');
  expect(await isInside()).toBe(true);
  expect(await focused(page)).not.toBe(at);
  // Only a text that scrolls is a stop besides.
  await page.keyboard.press('Tab');
  expect(await log.locator(':is(a, button):focus').count()).toBe(0);
  await page.close();
});

it('a dialog, a menu and a field in its place give the focus back to what opened them', async () => {
  const page = await scripted.open(STORY);
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
  await page.getByRole('alertdialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('alertdialog').waitFor({ state: 'detached' });
  await expect.poll(() => focused(page)).toBe('More');
  await page.close();
});

it.each([
  { colorScheme: 'dark' as const, viewport: DESK },
  { colorScheme: 'light' as const, viewport: PHONE },
])(
  'every page, dialog and state is free of violations that axe finds, in $colorScheme colours at $viewport.width px',
  async ({ colorScheme, viewport }) => {
    const page = await scripted.open('/nowhere', '', viewport);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const found: Record<string, string[]> = {};
    for (const { name, at, query, enter } of VIEWS) {
      await page.goto(`${url}/?at=${encodeURIComponent(at)}&${query ?? ''}`);
      await enter(page);
      const wrong = [...(await violationsOf(page)), ...(await doubleStops(page))];
      if (viewport === PHONE) wrong.push(...(await cutOffControls(page)));
      if (wrong.length > 0) found[name] = wrong;
    }
    expect(found).toEqual({});
    await page.close();
  },
  600_000,
);

it('a page in the colours of the system shows what is chosen and what has the focus, and moves nothing without need', async () => {
  const page = await scripted.open(STORY);
  await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  const radio = page.getByRole('radio', { name: 'All', exact: true });
  const other = page.getByRole('radio', { name: 'Active', exact: true });
  const background = (one: typeof radio) => one.evaluate((node) => getComputedStyle(node).backgroundColor);
  expect(await background(radio)).not.toBe(await background(other));
  await radio.focus();
  await page.keyboard.press('ArrowRight');
  expect(await other.evaluate((node) => getComputedStyle(node).outlineStyle)).toBe('solid');
  const moving = () =>
    page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === 'running').length);
  await expect.poll(moving).toBe(0);
  await page.close();
});

it('lists 300 sessions on the first page and in the sidebar, with one filter, in groups that stay folded', async () => {
  const page = await open('/', 'sessions=300');
  const [main, nav] = [page.getByRole('main'), page.getByRole('navigation', { name: 'Sessions' })];
  const tasks = (where: typeof main) => where.getByRole('link', { name: /Task \d/ });
  await expect.poll(() => tasks(main).count()).toBe(300);
  expect(await tasks(nav).count()).toBe(300);
  const folder = main.getByRole('button', { name: 'project7', exact: true });
  await folder.click();
  await expect.poll(() => tasks(main).count()).toBe(275);
  expect(await tasks(nav).count()).toBe(275);
  // A folded group hides nothing that is looked for.
  await main.getByRole('searchbox', { name: 'Filter all sessions' }).fill('project7 task 199');
  await expect.poll(() => tasks(nav).allInnerTexts()).toEqual([expect.stringContaining('Task 199')]);
  expect(await tasks(main).count()).toBe(1);
  await nav.getByRole('searchbox', { name: 'Filter sessions' }).fill('no such task');
  await main.getByText('No match for “no such task”.').waitFor();
  await page.goto(`${url}/?at=/&sessions=300`);
  await expect.poll(() => tasks(main).count()).toBe(275);
  await main.getByRole('button', { name: 'ada-laptop', exact: true }).click();
  await expect.poll(() => tasks(main).count()).toBe(0);
  expect(complaints()).toEqual([]);
  await page.close();
});

it('keeps the width of the sidebar that a person chose by dragging or by keys, within limits', async () => {
  const page = await open('/');
  const edge = page.getByRole('separator', { name: 'Width of the sidebar' });
  const width = async () => Math.round((await page.getByRole('navigation', { name: 'Sessions' }).boundingBox())!.width);
  await edge.waitFor();
  const usual = await width();
  const drag = async (to: number) => {
    const box = (await edge.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, 400);
    await page.mouse.down();
    await page.mouse.move(to, 400, { steps: 4 });
    await page.mouse.up();
  };
  await drag(400);
  await expect.poll(width).toBe(399);
  await drag(1_300);
  await expect.poll(() => edge.getAttribute('aria-valuenow')).toBe('520');
  await edge.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => edge.getAttribute('aria-valuenow')).toBe('236');
  await page.goto(`${url}/?at=/`);
  await expect.poll(() => edge.getAttribute('aria-valuenow')).toBe('236');
  await edge.dblclick();
  await expect.poll(width).toBe(usual);
  expect(complaints()).toEqual([]);
  await page.close();
});

it('runners with equal names are told apart in the list and in the form, and one that is gone can be forgotten', async () => {
  const page = await scripted.open('/', 'scene=twins');
  const twin = page.getByRole('region', { name: 'Runner bench-box (4f2a)' });
  await twin.waitFor();
  const other = page.getByRole('region', { name: 'Runner bench-box (r2)' });
  await other.waitFor();
  expect(await page.getByRole('button', { name: 'Forget ada-laptop' }).count()).toBe(0);
  await twin.hover();
  await twin.getByRole('button', { name: 'Forget bench-box (4f2a)' }).click();
  const question = page.getByRole('alertdialog', { name: 'Forget “bench-box (4f2a)”?' });
  await question.getByRole('button', { name: 'Forget runner' }).click();
  await twin.waitFor({ state: 'detached' });
  await page.getByRole('region', { name: 'Runner bench-box', exact: true }).waitFor();
  expect(scripted.complaints).toEqual([]);
  await page.close();
});
