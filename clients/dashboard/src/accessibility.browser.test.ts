import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  colourViolationsOf,
  cutOffControls,
  doubleStops,
  structureViolationsOf,
  violationsOf,
} from './testing/accessibility.js';
import { DESK, PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';
import { AT_WORK, VIEWS } from './testing/views.js';

/** The real page in Chromium, under the gateway's policy, with a gateway that plays a script. */
let scripted: ScriptedPage;

beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

/** What is wrong with a state on a wide page: all that axe finds, in both colour schemes. */
async function wrongOnDesk(page: Page): Promise<string[]> {
  const wrong = [...(await doubleStops(page)), ...(await violationsOf(page))];
  await page.emulateMedia({ colorScheme: 'light' });
  return [...wrong, ...(await colourViolationsOf(page))];
}

/** The colours are the same at both widths, and the structure is the same in both colour schemes. */
async function wrongOnPhone(page: Page): Promise<string[]> {
  return [...(await doubleStops(page)), ...(await structureViolationsOf(page)), ...(await cutOffControls(page))];
}

/** The views in equal parts: looking at all of them takes minutes. */
const PARTS = 4;
const partOf = (part: number) => VIEWS.filter((_, at) => at % PARTS === part);

it.each(Array.from({ length: PARTS }, (_, part) => part))(
  `every page, dialog and state is free of violations that axe finds, at ${DESK.width} and at ${PHONE.width} px (part %i)`,
  async (part) => {
    const [desk, phone] = [await scripted.open('/nowhere'), await scripted.open('/nowhere', '', PHONE)];
    const found: Record<string, string[]> = {};
    for (const view of partOf(part)) {
      const show = async (page: Page) => {
        await page.emulateMedia({ colorScheme: 'dark' });
        await page.goto(`${scripted.url}/?at=${encodeURIComponent(view.at)}&${view.query ?? ''}`);
        await ('enter' in view ? view.enter(page) : view.shows(page));
      };
      await show(desk);
      const wrong = await wrongOnDesk(desk);
      if ('enter' in view) {
        await show(phone);
        wrong.push(...(await wrongOnPhone(phone)));
      } else {
        // Loading a page takes longer than to look at it: the same one becomes narrow.
        await desk.setViewportSize(PHONE);
        await view.shows(desk);
        wrong.push(...(await wrongOnPhone(desk)));
        await desk.setViewportSize(DESK);
      }
      if (wrong.length > 0) found[view.name] = wrong;
    }
    expect(found).toEqual({});
    await Promise.all([desk.close(), phone.close()]);
  },
  400_000,
);

it('a page in the colours of the system shows what is chosen and what has the focus, and moves nothing without need', async () => {
  const page = await scripted.open(AT_WORK);
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
