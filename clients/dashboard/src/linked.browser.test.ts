import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

const open = (at: string, viewport?: { width: number; height: number }) => scripted.open(at, 'scene=linked', viewport);
const list = (page: Page) => page.getByRole('navigation', { name: 'Sessions' });

describe('linked sessions', () => {
  it('are a tree in the list, whose branches fold and stay as they were left', async () => {
    const page = await open('/');
    // A child is one level deeper than the sessions of a folder, and a grandchild two.
    const children = list(page).locator('li[aria-level="4"], li[aria-level="5"]');
    await children.getByRole('link', { name: /Load test/ }).waitFor();
    await children.getByRole('link', { name: /Fill the queues/ }).waitFor();
    await list(page)
      .getByRole('link', { name: /Child of a session that was deleted/ })
      .waitFor();
    const hide = page.getByRole('button', {
      name: 'Hide 4 child sessions, 1 waiting for you, 2 working of Prepare release 2.4',
    });
    await hide.click();
    await expect.poll(() => children.count()).toBe(0);
    await page.goto(`${scripted.url}/?at=/&scene=linked`);
    await page.getByRole('button', { name: /^Show 4 child sessions/ }).waitFor();
    expect(await children.count()).toBe(0);
    await page.keyboard.press('Control+k');
    await page
      .getByRole('option', { name: /Fill the queues/ })
      .getByLabel('Child')
      .waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('say which guest had them started, in the list, over the session and in what started them', async () => {
    const page = await open('/s/boss');
    await list(page)
      .getByRole('link', { name: /Load test/ })
      .getByRole('img', { name: 'Started by Bob, by share link' })
      .waitFor();
    expect(
      await list(page)
        .getByRole('img', { name: /^Started by/ })
        .count(),
    ).toBe(1);
    await page.getByRole('log').getByText('for Bob, by share link').waitFor();
    await list(page)
      .getByRole('link', { name: /Load test/ })
      .click();
    await page.locator('header').getByRole('img', { name: 'Started by Bob, by share link' }).waitFor();
    await page.getByRole('definition').filter({ hasText: 'Bob, by share link' }).waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('show what went between them, and lead from a child’s question to where it is answered', async () => {
    const page = await open('/s/boss');
    const log = page.getByRole('log');
    await log.getByText('Waiting for this agent or for you').waitFor();
    // What the agent read is named for people. Its words are for the agent, and folded.
    await log.getByRole('button', { name: 'Result from the child session “Change log of 2.4”' }).waitFor();
    expect(await log.getByText('tell_child').count()).toBe(0);
    await log.getByText('The answer was too late').waitFor();
    await page.getByRole('button', { name: '3 child sessions' }).click();
    await page.keyboard.press('Escape');
    await log.getByRole('link', { name: 'Answer it there' }).click();
    await page.getByRole('region', { name: 'Waiting for you: Which of the two queues may be dropped?' }).waitFor();
    await page.getByRole('link', { name: 'Parent session: Prepare release 2.4' }).click();
    await page.getByRole('heading', { name: 'Prepare release 2.4' }).waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('fit on a phone, with the way up in the header and the way down in the details', async () => {
    const page = await open('/s/kid-load', PHONE);
    await page.getByRole('link', { name: 'Parent session: Prepare release 2.4' }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
    await page.getByRole('button', { name: 'Show details' }).click();
    await page
      .getByRole('region', { name: 'Linked sessions' })
      .getByRole('link', { name: /Fill the queues/ })
      .click();
    await page.getByRole('heading', { name: 'Fill the queues' }).waitFor();
    await page.close();
  });

  it('are ended together by who started them', async () => {
    const page = await open('/s/boss');
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'End child sessions…' }).click();
    await page.getByRole('alertdialog', { name: 'End 2 child sessions?' }).waitFor();
    await page.close();
  });
});

describe('a session in somebody’s terminal', () => {
  it('says so, names by what way each message came, and is no place for another session', async () => {
    const page = await open('/s/terminal');
    await page.getByText('in a terminal on ada-laptop').first().waitFor();
    const log = page.getByRole('log');
    for (const mark of ['via terminal', 'via link', 'via API']) await log.getByText(mark, { exact: true }).waitFor();
    await expect.poll(() => log.getByText('You', { exact: true }).count()).toBe(2);
    await page.getByRole('button', { name: 'More' }).click();
    expect(await page.getByRole('menuitem', { name: 'Fork' }).getAttribute('aria-disabled')).toBe('true');
    await page.keyboard.press('Escape');
    await page.goto(`${scripted.url}/?at=/&scene=linked`);
    await page
      .getByRole('button', { name: /^New session/ })
      .first()
      .click();
    await page.getByRole('dialog').getByLabel('Runner').click();
    await expect.poll(() => page.getByRole('option').count()).toBe(2);
    await page.close();
  });
});

/** A link to a session of the script. Nobody has signed it: the page shows what a token says and proves nothing. */
function link(sid: string, mode: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  return `/s/${sid}#share=${part({ alg: 'HS256' })}.${part({ sub: sid, jti: 'x1', mode, exp })}.c2ln`;
}

describe('a guest', () => {
  it('reads the owner’s name over what the owner said, and sees what became of their own', async () => {
    const page = await open(link('terminal', 'collab'));
    await page.getByRole('button', { name: 'Skip' }).click();
    const log = page.getByRole('log');
    await log.getByText('Ada Lovelace', { exact: true }).nth(2).waitFor();
    expect(await log.getByText('You', { exact: true }).count()).toBe(0);
    await page.getByRole('textbox', { name: 'Message' }).fill('Thank you');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await log.getByText('Delivered', { exact: true }).waitFor();
    await page.close();
  });

  it('who may watch sees a question, and what was linked by name only, and can do nothing about either', async () => {
    const page = await open(link('kid-load', 'read'), PHONE);
    await page.getByRole('button', { name: 'Skip' }).click();
    await page.getByText('This link is read-only. Only people with write access can answer.').waitFor();
    expect(await page.getByRole('button', { name: 'Neither' }).isDisabled()).toBe(true);
    await page.getByRole('log').getByText('its parent', { exact: true }).first().waitFor();
    expect(await page.getByRole('main').getByRole('link').count()).toBe(0);
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });
});
