import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';
import { AT_WORK } from './testing/views.js';

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

const notice = (page: Page) => page.getByRole('status').filter({ hasText: /of at most/ });
const fits = async (page: Page) =>
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);

/** A link to the session of the script. Nobody has signed it. */
function link(mode: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  return `/s/story#share=${part({ alg: 'HS256' })}.${part({ sub: 'story', jti: 'x1', mode, exp })}.c2ln`;
}

describe('who writes to a session', () => {
  it('is told before it has no room, and where to see what takes it', async () => {
    const page = await scripted.open(AT_WORK, 'storage=nearly', PHONE);
    await notice(page).waitFor();
    expect(await notice(page).innerText()).toMatch(
      /^This session holds 1\.7 GiB of at most 2 GiB\. When the limit is reached, nothing more can be sent\./,
    );
    await fits(page);
    await page.getByRole('link', { name: 'Show storage use' }).click();
    await page.getByRole('heading', { name: 'Storage' }).waitFor();
    const largest = page.getByRole('list', { name: 'Largest sessions' }).getByRole('listitem');
    await largest.first().getByText('1.7 GiB of 2 GiB').waitFor();
    await fits(page);
    expect(await page.getByRole('meter', { name: /^The account holds/ }).getAttribute('aria-valuenow')).toBe('86');
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('is told when it has none, by a link too, which leads nowhere else', async () => {
    const page = await scripted.open(link('collab'), 'storage=full');
    await page.getByRole('button', { name: 'Skip' }).click();
    await notice(page).waitFor();
    expect(await notice(page).innerText()).toMatch(
      /^This session holds 2 GiB of at most 2 GiB\. Nothing more can be sent\. Ask the owner of the session\.$/,
    );
    expect(await page.getByRole('link', { name: 'Show storage use' }).count()).toBe(0);
    await page.close();
  });

  it('is told nothing while there is room', async () => {
    const page = await scripted.open(AT_WORK);
    await page.getByRole('textbox', { name: 'Message' }).fill('hello');
    await page.keyboard.press('Enter');
    await page.getByRole('log').getByText('hello', { exact: true }).waitFor();
    expect(await notice(page).count()).toBe(0);
    await page.close();
  });
});

describe('what this browser remembers', () => {
  it('of a person’s work goes when they sign out; how the page looks stays', async () => {
    const page = await scripted.open(AT_WORK);
    await page.getByRole('textbox', { name: 'Message' }).fill('a secret draft');
    const remembered = () => page.evaluate(() => ({ ...localStorage, ...sessionStorage }));
    await page.evaluate(() => localStorage.setItem('pizzapi.theme', 'dark'));
    expect(JSON.stringify(await remembered())).toContain('a secret draft');
    await page.evaluate(() => sessionStorage.setItem('pizzapi.share.other', 'token'));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await remembered()).toEqual({ 'pizzapi.theme': 'dark' });
    await page.close();
  });
});
