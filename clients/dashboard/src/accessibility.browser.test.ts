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

it.each([DESK, PHONE])(
  'every page, dialog and state is free of violations that axe finds, at $width px',
  async (viewport) => {
    const page = await scripted.open('/nowhere', '', viewport);
    const found: Record<string, string[]> = {};
    for (const { name, at, query, enter } of VIEWS) {
      await page.emulateMedia({ colorScheme: 'dark' });
      await page.goto(`${scripted.url}/?at=${encodeURIComponent(at)}&${query ?? ''}`);
      await enter(page);
      const wrong = await doubleStops(page);
      // The colours are the same at both widths, and the structure is the same in both colour schemes.
      if (viewport === PHONE) wrong.push(...(await structureViolationsOf(page)), ...(await cutOffControls(page)));
      else {
        wrong.push(...(await violationsOf(page)));
        await page.emulateMedia({ colorScheme: 'light' });
        wrong.push(...(await colourViolationsOf(page)));
      }
      if (wrong.length > 0) found[name] = wrong;
    }
    expect(found).toEqual({});
    await page.close();
  },
  600_000,
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
