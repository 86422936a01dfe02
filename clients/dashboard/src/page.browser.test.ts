import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { AT_WORK, guestLink } from './testing/views.js';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';

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

/** The first row whose top is in sight, as a person sees it: after a frame is drawn, not while it is prepared. */
const firstInSight = (page: Page) =>
  page.evaluate(async () => {
    const drawn = () => new Promise<void>((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    for (;;) {
      await drawn();
      const log = document.querySelector('[role=log]')!.getBoundingClientRect();
      const rows = [...document.querySelectorAll<HTMLElement>('[data-seq]')];
      const row = rows.find((candidate) => candidate.getBoundingClientRect().top >= log.top);
      if (row !== undefined) return { seq: Number(row.dataset['seq']) };
    }
  });

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

it('shows which pi the sessions of a runner and a session run on, and where it is to the owner only', async () => {
  const runsOn = 'pi 1.6.0 on Node 22.23.5';
  const limited = await open('/', 'scene=limited');
  await limited.getByText('pi 0.73.1 on Node 20.20.2, part of PizzaPi').waitFor();
  await limited.getByText(/^pi 1\.6\.0 at .* cannot be used: .*`pizzapi pi install-node`/).waitFor();
  await limited.getByRole('main').hover();
  await limited.mouse.wheel(0, 20_000);
  await limited.getByText(/^pi 2\.0\.0 on Node 22\.23\.5 \(not tested\), ~\/\.local\/lib\/node_modules\//).waitFor();
  await limited.setViewportSize(PHONE);
  await limited.getByText('pi 0.73.1 on Node 20.20.2, part of PizzaPi').waitFor();
  await limited.close();
  const session = await open(AT_WORK);
  await session.getByRole('complementary', { name: 'Details' }).getByText(runsOn, { exact: true }).waitFor();
  await session.close();
  const guest = await open(guestLink('read'));
  await guest.getByRole('button', { name: 'Skip', exact: true }).click();
  await guest.getByRole('complementary', { name: 'Details' }).getByText(runsOn, { exact: true }).waitFor();
  expect(await guest.locator('body').innerText()).not.toContain('node_modules');
  await guest.close();
});

it('shows the calls of a script inside its card: open while they run, folded afterwards', async () => {
  const page = await open('/s/nested', 'scene=nested');
  const calls = page.getByRole('list', { name: 'Calls' });
  await calls.getByText('docs: search').waitFor();
  expect(await calls.count()).toBe(1);
  expect(await calls.getByRole('listitem').allInnerTexts()).toEqual([
    expect.stringContaining('docs: search'),
    expect.stringContaining('There is no file src/gone.ts'),
    expect.stringContaining('wc -l'),
  ]);
  await page.getByRole('button', { name: /^Run a script of calls.*1 call/ }).click();
  await calls.getByText('src/ovens.ts').waitFor();
  await page.keyboard.press('Control+f');
  await page.keyboard.type('Dough');
  await calls.getByText('Dough').waitFor();
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

it('names a model that is not there any more above the message, until a person chooses another one', async () => {
  const page = await open('/s/model-gone', 'scene=model-gone');
  await page.getByText('The runner has no model openai/gpt-4-0314.').waitFor();
  await page.getByRole('button', { name: 'Choose a model' }).click();
  await page.getByRole('menuitem').and(page.locator(':not([data-disabled])')).first().click();
  await expect.poll(() => page.getByText('The runner has no model').count()).toBe(0);
  expect(complaints()).toEqual([]);
});

it('loads earlier messages on the way up and keeps what is read where it is', async () => {
  // The wheel moves the page smoothly, as for most people.
  const context = await scripted.context({ reducedMotion: 'no-preference' });
  const page = await context.newPage();
  await page.goto(`${url}/?at=/s/long&messages=10000`);
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
    const { seq } = await firstInSight(page);
    expect(seq).toBeLessThanOrEqual(lowest);
    expect(lowest - seq).toBeLessThan(25);
    lowest = seq;
  }
  expect(lowest).toBeLessThan(9_400);
  await page.getByRole('button', { name: 'Jump to latest' }).click();
  await page.getByText('Line 4 of message 9999').waitFor();
  await context.close();
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
  await page.getByRole('combobox', { name: 'Folder' }).fill('/home/ada/wrok');
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
  expect(await page.getByRole('combobox', { name: 'Folder' }).inputValue()).toBe('/home/ada/wrok');
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

it('lists 300 sessions on the first page and in the sidebar, with one filter, in groups that stay folded', async () => {
  const page = await open('/', 'sessions=300');
  const [main, nav] = [page.getByRole('main'), page.getByRole('navigation', { name: 'Sessions' })];
  const tasks = (where: typeof main) => where.getByRole('link', { name: /Task \d/ });
  const first = (where: typeof main) => where.getByRole('link', { name: /Task 0\b/ });
  await first(nav).waitFor();
  // Only the lines near the window are drawn.
  expect(await tasks(nav).count()).toBeLessThan(60);
  const folder = nav.getByRole('button', { name: 'project0', exact: true });
  await folder.click();
  await expect.poll(() => first(nav).count()).toBe(0);
  await nav.getByRole('link', { name: /Task 1\b/ }).waitFor();
  // A folded group hides nothing that is looked for.
  await main.getByRole('searchbox', { name: 'Filter all sessions' }).fill('project0 task 192');
  await expect.poll(() => tasks(nav).allInnerTexts()).toEqual([expect.stringContaining('Task 192')]);
  expect(await tasks(main).count()).toBe(1);
  await nav.getByRole('searchbox', { name: 'Filter sessions' }).fill('no such task');
  await main.getByText('No match for “no such task”.').waitFor();
  await page.goto(`${url}/?at=/&sessions=300`);
  await nav.getByRole('link', { name: /Task 1\b/ }).waitFor();
  expect(await first(nav).count()).toBe(0);
  await main.getByRole('button', { name: 'ada-laptop', exact: true }).click();
  await expect.poll(() => tasks(nav).count()).toBe(0);
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
  const nav = page.getByRole('navigation', { name: 'Sessions' });
  const runner = (name: string) => nav.getByRole('button', { name, exact: true });
  const twin = runner('bench-box (4f2a)');
  await twin.waitFor();
  await runner('bench-box (r2)').waitFor();
  expect(await page.getByRole('button', { name: 'Forget ada-laptop' }).count()).toBe(0);
  await twin.hover();
  await nav.getByRole('button', { name: 'Forget bench-box (4f2a)' }).click();
  const question = page.getByRole('alertdialog', { name: 'Forget “bench-box (4f2a)”?' });
  await question.getByRole('button', { name: 'Forget runner' }).click();
  await twin.waitFor({ state: 'detached' });
  await runner('bench-box').waitFor();
  expect(scripted.complaints).toEqual([]);
  await page.close();
});
