import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser, shot } from '../support/browser.js';
import { CLI } from '../support/cli.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import {
  openGuest,
  openPage,
  PHONE,
  readWhole,
  recordGrowth,
  recordNotes,
  sessionPage,
  type WatchedPage,
} from '../support/page.js';
import { openSignedIn } from '../support/signIn.js';
import { letters, missingIn } from '../support/text.js';
import { startTmux } from '../support/tmux.js';
import { startTui, type Tui } from '../support/tui.js';
import { until } from '../support/until.js';

const LAN = '127.0.0.2';
/** The question of an extension, and the question of the agent. */
const ASKS = 'Pineapple?';
const OVEN = 'Which oven?';
const ASKS_OVEN = `/demo call ask_user_question {"questions":[{"question":"${OVEN}","options":["Wood","Gas"]}]}`;

const chromium = findChromium();
if (chromium === undefined) console.warn('SKIPPED: /share in a browser. There is no Chromium; set PIZZAPI_CHROMIUM.');

describe.skipIf(chromium === undefined)('a session in a terminal, and its guests in a browser', () => {
  const tmux = startTmux();
  const guests: WatchedPage[] = [];
  let stage: LocalStack;
  let browser: Browser;
  let tui: Tui;
  let owner: WatchedPage;
  let link: string;
  let sid: string;
  /** Grace has the read-only link, Ada the read-write link. */
  let grace: ReturnType<typeof sessionPage>;
  let ada: ReturnType<typeof sessionPage>;

  async function enter(url: string, name: string): Promise<ReturnType<typeof sessionPage>> {
    const guest = await openGuest(browser, url, name);
    guests.push(guest);
    return sessionPage(guest.page);
  }

  /** Returns the rows of a message, without the answer that repeats it. */
  const messageRow = (view: ReturnType<typeof sessionPage>, text: string): Locator =>
    view.rows.filter({ hasText: text, hasNotText: 'You wrote' });

  beforeAll(async () => {
    // As `npm start -- --lan` in a network where this machine has the address 127.0.0.2.
    stage = await startLocalStack({ PIZZAPI_LAN: 'true', PIZZAPI_LAN_ADDRESSES: LAN });
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
    await stage?.clear();
  });

  it('a page that opens a share link shows the transcript so far, and then follows the terminal live', async () => {
    await tui.say('Written before **any** guest came');
    await tui.shows('Try /demo help');
    ({ url: link, sid } = await tui.share());
    expect(new URL(link).hostname).toBe(LAN);
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
    const words = [process.execPath, CLI, 'attach', sid, '--relay-url', url];
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

  it('the owner continues on the phone by a code that the page shows, which signs the phone in once', async () => {
    owner = await openSignedIn(stage, browser, '/');
    guests.push(owner);
    const { page } = owner;
    await page.getByRole('button', { name: 'Continue on your phone' }).click();
    await page.getByRole('img', { name: 'QR code that signs your phone in' }).waitFor();
    const url = await page.getByText(`http://${LAN}:`).first().innerText();
    const phone = await openPage(browser, { viewport: PHONE, isMobile: true, hasTouch: true });
    await phone.page.goto(url);
    await phone.page.getByRole('navigation', { name: 'Sessions' }).getByRole('link').nth(1).click();
    await phone.page.getByRole('log').getByText('pineapple: no').last().waitFor();
    expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
    expect(await phone.page.evaluate(() => location.href)).not.toContain('login');
    await phone.context.close();
    const again = await openPage(browser);
    await again.page.goto(url);
    await again.page.getByRole('alert').getByText('The sign-in link was used or has expired').waitFor();
    await again.context.close();
    await page.keyboard.press('Escape');
  });

  it('a person who is invited creates an account, and has a session that the owner shares until it is withdrawn', async () => {
    const { page } = owner;
    await page.goto(`${stage.pageUrl}/settings/people`);
    await page.getByRole('button', { name: 'Invite a person' }).click();
    await page.getByRole('button', { name: 'Create invitation' }).click();
    const invitation = await page.getByText(`http://${LAN}:`).first().innerText();
    await page.getByRole('button', { name: 'Done' }).click();

    const bob = await openPage(browser);
    guests.push(bob);
    await bob.page.goto(invitation);
    await bob.page.getByLabel('Name', { exact: true }).fill('Bob');
    await bob.page.getByLabel('E-mail').fill('bob@example.com');
    await bob.page.getByLabel('Password', { exact: true }).fill('Correct1horse');
    await bob.page.getByRole('button', { name: 'Create account' }).click();
    await bob.page.getByRole('navigation', { name: 'Sessions' }).waitFor();

    // A link is opened under the name of the account: no other name can be typed.
    await bob.page.goto(link);
    await bob.page.getByText('Shared by link, read only').waitFor();
    await bob.page.getByRole('status').getByText('Bob', { exact: true }).waitFor();
    expect(await bob.page.getByLabel('Your name').count()).toBe(0);
    await tui.shows('Bob (read-only) joined');
    await bob.page.goto(new URL('/', invitation).href);

    await page.goto(`${stage.pageUrl}/s/${sid}`);
    await page.getByRole('button', { name: 'Share', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('With a person', { exact: true }).click();
    await dialog.getByLabel('E-mail address or account id').fill('bob@example.com');
    await dialog.getByText('Collaborate', { exact: true }).click();
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await dialog.getByText('bob@example.com · Can write').waitFor();

    const group = bob.page.getByRole('button', { name: 'Shared with me', exact: true }).first();
    await group.waitFor();
    await bob.page.locator('nav [data-roving]').getByRole('link').click();
    await bob.page.getByText('Shared by Owner, you can write').waitFor();
    const view = sessionPage(bob.page);
    await view.say('Written by Bob');
    await tui.shows(/Bob \(guest\) says:\s+Written by Bob/);
    await messageRow(grace, 'Written by Bob').getByText('signed in', { exact: true }).waitFor();

    await dialog.getByRole('button', { name: 'Stop sharing with Bob' }).click();
    await bob.page.getByText('The owner no longer shares this session with you.').waitFor();
    await group.waitFor({ state: 'detached' });
    guests.splice(guests.indexOf(bob), 1);
    guests.splice(guests.indexOf(owner), 1);
    await Promise.all([bob.context.close(), owner.context.close()]);
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
