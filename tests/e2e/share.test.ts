import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser, shot } from '../support/browser.js';
import { CLI } from '../support/cli.js';
import { shareLocalStack, type SharedStack } from '../support/localStack.js';
import { openGuest, readWhole, recordGrowth, recordNotes, sessionPage, type WatchedPage } from '../support/page.js';
import { letters, missingIn } from '../support/text.js';
import { startTmux } from '../support/tmux.js';
import { startTui, type Tui } from '../support/tui.js';
import { until } from '../support/until.js';

const APPEARS_MS = 30_000;
/** The question of an extension, and the question of the agent. */
const ASKS = 'Pineapple?';
const OVEN = 'Which oven?';
const ASKS_OVEN = `/demo call ask_user_question {"questions":[{"question":"${OVEN}","options":["Wood","Gas"]}]}`;

const chromium = findChromium();
if (chromium === undefined) console.warn('SKIPPED: /share in a browser. There is no Chromium; set PIZZAPI_CHROMIUM.');

describe.skipIf(chromium === undefined)('a session in a terminal, and its guests in a browser', () => {
  const tmux = startTmux();
  const guests: WatchedPage[] = [];
  let stage: SharedStack;
  let browser: Browser;
  let tui: Tui;
  let link: string;
  /** Grace has the read-only link, Ada the read-write link. */
  let grace: ReturnType<typeof sessionPage>;
  let ada: ReturnType<typeof sessionPage>;

  async function enter(url: string, name: string): Promise<ReturnType<typeof sessionPage>> {
    const guest = await openGuest(browser, url, name);
    guest.page.setDefaultTimeout(APPEARS_MS);
    guests.push(guest);
    return sessionPage(guest.page);
  }

  /** Returns the rows of a message, without the answer that repeats it. */
  const messageRow = (view: ReturnType<typeof sessionPage>, text: string): Locator =>
    view.rows.filter({ hasText: text, hasNotText: 'You wrote' });

  beforeAll(async () => {
    stage = await shareLocalStack();
    for (const name of ['dough.md', 'sauce.md']) writeFileSync(join(stage.project, name), `# ${name}\n`);
    browser = await openBrowser();
    // So slow that a busy browser shows an answer before its end.
    tui = await startTui(tmux, stage, { env: { PIZZAPI_DEMO_SPEED: '300' } });
  }, 120_000);
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') {
      console.error(tui.text());
      for (const [n, { page }] of guests.entries())
        await page.screenshot({ path: shot(`share-failed-${task.id}-${n}`) });
    }
    expect(guests.flatMap(({ complaints }) => complaints.splice(0))).toEqual([]);
  });
  afterAll(async () => {
    tmux.kill();
    await closePages();
    await stage?.release();
  });

  it('a page that opens a share link shows the transcript so far, and then follows the terminal live', async () => {
    await tui.say('Written before **any** guest came');
    await tui.shows('Try /demo help');
    link = (await tui.share()).url;
    grace = await enter(link, 'Grace');
    const { page } = guests[0]!;
    await page.getByText('Shared by link, read only').waitFor();
    await grace.log.getByText('Try /demo help').waitFor();
    await page.locator('[role=log][aria-busy=false]').waitFor();
    const rows = await readWhole(page);
    expect(rows.map(({ kind }) => kind)).toEqual(['prose', 'prose', 'prose', 'output', 'prose']);
    const [prompt, thought, intro, output, summary] = rows.map(({ text }) => text);
    expect(prompt).toBe('Written before any guest came');
    expect(thought).toContain('Somebody tries me out');
    expect(intro).toMatch(/^You wrote:\s+Written before/);
    expect(output).toBe('dough.md\nsauce.md');
    expect(summary).toContain('I found 2 entries in this folder');

    const growth = await recordGrowth(page, '[role=log] .prose');
    await tui.say('Written while a guest looks on');
    await grace.rows.filter({ hasText: 'You wrote' }).filter({ hasText: 'while a guest looks on' }).waitFor();
    await page.locator('[role=log][aria-busy=false]').waitFor();
    // The text was shown while it was written, not only at its end.
    const lengths = (await growth()).filter((text) => text.startsWith('You wrote')).map(({ length }) => length);
    expect(lengths.length).toBeGreaterThan(3);
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b));
    await messageRow(grace, 'Written while a guest looks on').getByText('terminal').waitFor();
    expect(await grace.input.count()).toBe(0);
  });

  it('pizzapi attach shows the same text as the page', async () => {
    const { home, project, url } = stage;
    const words = [process.execPath, CLI, 'attach', new URL(link).pathname.split('/').at(-1)!, '--relay-url', url];
    const window = tmux.open(words, { PIZZAPI_HOME: home, HOME: home }, project);
    await window.shows('Live');
    const shown = await readWhole(guests[0]!.page);
    const texts = shown.flatMap(({ text }) => text.split(/[\n\t]+/).map(letters)).filter((text) => text !== '');
    expect(texts.length).toBeGreaterThan(30);
    await until('all of it is in the window', () => missingIn(letters(window.text()), texts).length === 0);
    window.close();
  });

  it("a message that a guest writes on the page appears in the terminal under the guest's name, and is answered", async () => {
    const { url } = await tui.share('--collab');
    ada = await enter(url, 'Ada');
    await guests[1]!.page.getByText('Shared by link, you can write').waitFor();
    await ada.say('Written on a page');
    await tui.shows(/Ada \(guest\) says:\s+Written on a page/);
    await tui.shows(/You wrote:\s+│ Written on a page/);
    await messageRow(ada, 'Written on a page').getByText('Delivered', { exact: true }).waitFor();
    await messageRow(grace, 'Written on a page').getByText('Ada', { exact: true }).waitFor();
    for (const view of [ada, grace])
      await view.rows.filter({ hasText: 'You wrote' }).filter({ hasText: 'Written on a page' }).waitFor();
    for (const { page } of guests) await page.locator('[role=log][aria-busy=false]').waitFor();
  });

  it('a question that is answered on the page closes in the terminal', async () => {
    await tui.say(ASKS_OVEN);
    await tui.shows('→ Wood');
    await grace.question(OVEN).getByText('This link is read-only').waitFor();
    const [watching, writing] = await Promise.all(guests.map(({ page }) => recordNotes(page)));
    await ada.question(OVEN).getByRole('button', { name: 'Wood' }).click();
    await tui.hides('→ Wood');
    await writing!(/Delivered: “Wood”/);
    await watching!(/Ada answered: “Wood”/);
    for (const view of [ada, grace]) await view.question(OVEN).waitFor({ state: 'detached' });
  });

  it('a question that is answered in the terminal closes on the page, which shows who answered and the answer', async () => {
    await tui.say('/demo question confirm');
    await tui.shows('→ Yes');
    // Only the owner may answer an extension: a guest with write access sees that the question is open.
    await grace.question(ASKS).waitFor();
    await guests[1]!.page.getByText('Waiting for the owner: only the owner answers extensions.').waitFor();
    expect(await ada.question(ASKS).count()).toBe(0);
    const noted = await Promise.all(guests.map(({ page }) => recordNotes(page)));
    tui.press('Down', 'Enter');
    await tui.shows('pineapple: no');
    for (const [n, view] of [grace, ada].entries()) {
      await noted[n]!(/answered in a terminal: “No”/);
      await view.question(ASKS).waitFor({ state: 'detached' });
      await view.log.getByText('pineapple: no').waitFor();
    }
  });

  it('the session ends with its terminal, for guests who are connected and for guests who connect later', async () => {
    await tui.quit();
    await enter(link, 'Late');
    for (const { page } of guests) {
      await page.getByText('This session has ended.').waitFor();
      await page.locator('header').getByText('Ended', { exact: true }).waitFor();
      await page.getByText('pineapple: no').last().waitFor();
      expect(await page.locator('[data-composer]:enabled').count()).toBe(0);
    }
  });
});
