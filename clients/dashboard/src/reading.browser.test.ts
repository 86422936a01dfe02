import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

const DESK = { width: 1440, height: 900 };
const TURNED = { width: 844, height: 390 };
/** A phone with a keyboard on its screen. */
const TYPING = { width: 390, height: 494 };
const message = (page: Page) => page.getByRole('textbox', { name: 'Message' });
/** The part of an element that is inside the window, from 0 to 1, and that nothing covers at its middle. */
const shownPart = (page: Page, name: string | RegExp) =>
  page.getByRole('button', { name, exact: typeof name === 'string' }).evaluate((node) => {
    const { top, bottom, left, right, height } = node.getBoundingClientRect();
    const inside = Math.min(bottom, innerHeight) - Math.max(top, 0);
    const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
    return node.contains(hit) ? inside / height : 0;
  });

describe('on a phone', () => {
  it.each(['/', '/settings', '/s/ask-six', '/s/ask-several', '/s/ask-plan', '/s/ask-edit'])(
    'no field at %s is so small that iOS zooms into it',
    async (at) => {
      const page = await scripted.open(at, 'scene=prompts', PHONE);
      await page.getByRole('heading').first().waitFor();
      if (at === '/')
        await page
          .getByRole('button', { name: /^New session/ })
          .first()
          .click();
      if (at === '/s/ask-plan') await page.getByRole('button', { name: 'Edit…' }).click();
      if (at === '/s/ask-edit') await page.getByRole('button', { name: 'Deny with a reason…' }).click();
      if (at === '/s/ask-six') await page.getByRole('button', { name: 'Choose the toppings' }).click();
      const fields = page.locator('input:not([type=file], [type=radio], [type=checkbox]), textarea, select');
      if (at !== '/settings') await fields.first().waitFor();
      const sizes = await fields.evaluateAll((found) =>
        found.map((node) => parseFloat(getComputedStyle(node).fontSize)),
      );
      expect(Math.min(16, ...sizes)).toBe(16);
      await page.close();
    },
  );

  it.each([TYPING, TURNED, PHONE])(
    'Send and Stop stay in sight beside a question of six options and a draft of twelve lines, at $width × $height',
    async (viewport) => {
      const page = await scripted.open('/s/ask-six', 'scene=prompts', viewport);
      await page.getByRole('button', { name: /Anchovies/ }).waitFor();
      await message(page).fill(Array.from({ length: 12 }, (_, i) => `Line ${i}`).join('\n'));
      expect(await shownPart(page, 'Send')).toBe(1);
      expect(await shownPart(page, /^Stop/)).toBe(1);
      expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(viewport.height);
      // The options are reached by scrolling.
      await page.getByRole('button', { name: /Anchovies/ }).scrollIntoViewIfNeeded();
      expect(await shownPart(page, /Anchovies/)).toBe(1);
      await page.close();
    },
  );

  it('the page ends above a keyboard that covers it, and so does a dialog', async () => {
    const page = await scripted.open('/s/ask-six', 'scene=prompts', PHONE);
    await message(page).waitFor();
    const bottomOf = (name: string) =>
      page.getByRole('button', { name, exact: true }).evaluate((node) => node.getBoundingClientRect().bottom);
    // Chromium shrinks the page itself; this is what iOS does instead.
    await page.evaluate(() => {
      const viewport = window.visualViewport!;
      Object.defineProperty(viewport, 'height', { get: () => 494, configurable: true });
      viewport.dispatchEvent(new Event('resize'));
    });
    await expect.poll(() => bottomOf('Send')).toBeLessThanOrEqual(494);
    await page.getByRole('button', { name: 'All sessions' }).click();
    await page
      .getByRole('button', { name: /^New session/ })
      .first()
      .click();
    await expect.poll(() => bottomOf('Start session')).toBeLessThanOrEqual(494);
    await page.close();
  });
});

/** Resolves when neither the height nor the place of the transcript has changed for some frames. */
const settled = (page: Page) =>
  page.evaluate(async () => {
    const log = document.querySelector('[role=log]')!;
    let before = '';
    for (let steady = 0; steady < 40; steady++) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = `${log.clientWidth} ${log.scrollHeight} ${log.scrollTop}`;
      if (now !== before) steady = 0;
      before = now;
    }
  });

/** The number of the paragraph at the upper edge of the transcript. */
const paragraphAtTop = (page: Page) =>
  page.evaluate(() => {
    const edge = document.querySelector('[role=log]')!.getBoundingClientRect().top;
    const all = [...document.querySelectorAll('[role=log] p')].filter((node) =>
      node.textContent.startsWith('Paragraph'),
    );
    const found = all.find((node) => node.getBoundingClientRect().bottom > edge + 1);
    return Number(/\d+/.exec(found?.textContent ?? '')?.[0] ?? NaN);
  });

it.each([PHONE, DESK])(
  'a reader keeps the paragraph when the width or the font changes, from $width px on',
  async (from) => {
    const page = await scripted.open('/s/paragraphs', '', from);
    await page.getByText('Paragraph 59.').waitFor();
    await page.getByRole('log').hover();
    for (let i = 0; i < 200 && !((await paragraphAtTop(page)) <= 22); i++) {
      await page.mouse.wheel(0, -120);
      await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    }
    const read = await paragraphAtTop(page);
    expect(read).toBeGreaterThan(15);
    for (const viewport of [TURNED, { width: 700, height: 800 }, PHONE, DESK, from]) {
      await page.setViewportSize(viewport);
      await page.waitForFunction((width) => innerWidth === width, viewport.width);
      await settled(page);
      expect(await paragraphAtTop(page), `at ${viewport.width} px`).toBe(read);
    }
    for (const size of ['24px', '13px', '']) {
      await page.evaluate((value) => (document.documentElement.style.fontSize = value), size);
      await settled(page);
      expect(await paragraphAtTop(page), `with a font of ${size || 'the usual size'}`).toBe(read);
    }
    await page.close();
  },
);

describe.each([PHONE, DESK])('an answer that is too long for the log, at $width px', (viewport) => {
  const call = (page: Page, name: string) =>
    page.evaluate((key) => (globalThis as unknown as Record<string, () => void>)[key]!(), name);

  it('is read whole, does not shrink when it ends, and is copied whole', async () => {
    const context = await scripted.context({ permissions: ['clipboard-read', 'clipboard-write'] });
    const page = await context.newPage();
    await page.setViewportSize(viewport);
    await page.goto(`${scripted.url}/?at=/s/whole-open`);
    const log = page.getByRole('log');
    await log.getByText('Paragraph 300 of').waitFor();
    await call(page, 'endWhole');
    await log.getByText('Loading the whole text').waitFor();
    expect(await log.getByText('Paragraph 300 of').count()).toBe(1);
    await call(page, 'releaseBlobs');
    await log.getByText('Paragraph 2499 of').waitFor();
    await log.getByText('Paragraph 2499 of').hover();
    await page.getByRole('button', { name: 'Copy text' }).last().focus();
    await page.keyboard.press('Enter');
    await page.getByText('Text copied.').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    expect(copied.split('\n\n')).toHaveLength(2_500);
    expect(copied.startsWith('Paragraph 0 of')).toBe(true);
    expect(scripted.complaints).toEqual([]);
    await context.close();
  });

  it('is read when a page is opened later', async () => {
    const page = await scripted.open('/s/whole', '', viewport);
    const log = page.getByRole('log');
    await log.getByText('Paragraph 0 of').waitFor();
    await call(page, 'releaseBlobs');
    await log.getByText('Paragraph 2499 of').waitFor();
    expect(await log.getByText('Loading the whole text').count()).toBe(0);
    await page.close();
  });
});

describe.each([PHONE, DESK])('texts of others, at $width px', (viewport) => {
  /** What the page shows or says to a screen reader, where a text controls, turns or hides. */
  const litter = (page: Page) =>
    page.evaluate(() => {
      const bad = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066\u2067\u2069]|\[31m/u;
      const found: string[] = bad.test(document.title) ? [`title: ${document.title}`] : [];
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (texts.nextNode() !== null) {
        const { textContent, parentElement } = texts.currentNode;
        if (bad.test(textContent ?? '')) found.push(parentElement!.outerHTML);
      }
      for (const node of document.querySelectorAll('[title],[aria-label],[alt],[placeholder]'))
        for (const name of ['title', 'aria-label', 'alt', 'placeholder'])
          if (bad.test(node.getAttribute(name) ?? '')) found.push(`${name} of ${node.outerHTML.slice(0, 120)}`);
      return found;
    });

  it('control nothing, turn nothing and hide nothing, wherever they are shown', async () => {
    const page = await scripted.open('/', 'scene=turned', viewport);
    await page.getByText('Pizza').first().waitFor();
    expect(await litter(page)).toEqual([]);
    // A name of nothing that can be seen is no name. The list draws what is in sight.
    await page.setViewportSize({ ...viewport, height: 3_000 });
    expect(await page.locator('[href="/s/turned-empty"]').first().innerText()).toContain('New session');
    await page.setViewportSize(viewport);
    await page.goto(`${scripted.url}/?at=/s/turned&scene=turned`);
    await page.getByRole('button', { name: 'Wood' }).waitFor();
    await page.getByText('Thought', { exact: true }).click();
    await page.getByText('block', { exact: true }).waitFor();
    await page.getByText('output').first().waitFor();
    expect(await litter(page)).toEqual([]);
    expect(await page.title()).toContain('Pizza · PizzaPi');
    await page.getByRole('button', { name: 'Wood' }).click();
    await page.getByText('Delivered: “Wood”.').waitFor();
    expect(await litter(page)).toEqual([]);
    // The host gets the option as it gave it.
    const answer = await page.evaluate(() =>
      JSON.stringify((globalThis as unknown as { sent: { frame: { args?: object } }[] }).sent.at(-1)?.frame.args),
    );
    expect(answer).toContain('\\u001b[31mWood\u202e');
    await page.close();
  });
});

describe.each([PHONE, DESK])('formulas, at $width px', (viewport) => {
  it('are drawn with fonts of this origin, and prices and arrows of text are left alone', async () => {
    const page = await scripted.open('/', '', viewport);
    const requests: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    await page
      .getByText('Pizza')
      .or(page.getByRole('heading', { name: 'Sessions' }))
      .first()
      .waitFor();
    expect(requests.filter((url) => /katex/i.test(url))).toEqual([]);
    await page.goto(`${scripted.url}/?at=/s/formulas`);
    const log = page.getByRole('log');
    await log.locator('.katex').nth(2).waitFor();
    expect(await log.locator('.math-display .katex-display').count()).toBe(1);
    await expect.poll(() => requests.some((url) => /KaTeX[^/]*\.woff2$/.test(url))).toBe(true);
    expect(requests.filter((url) => !url.startsWith(scripted.url))).toEqual([]);
    expect(await log.innerText()).toContain('costs from $10K to $8K');
    expect(await log.locator('.math').nth(2).innerText()).toBe('\\(\\broken{\\)');
    // The height of a fraction comes from styles that the policy would refuse in markup.
    const fraction = log.locator('.katex .mfrac').first();
    expect((await fraction.boundingBox())!.height).toBeGreaterThan(15);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
    // An arrow would be narrower or wider than its two characters.
    const widths = await log.evaluate((node) =>
      ['->', '-', '>'].map((text) => {
        const span = document.createElement('span');
        span.textContent = text;
        node.append(span);
        const { width } = span.getBoundingClientRect();
        span.remove();
        return width;
      }),
    );
    expect(widths[0]).toBeCloseTo(widths[1]! + widths[2]!, 0);
    expect(await log.evaluate((node) => getComputedStyle(node).fontVariantLigatures)).toBe('no-contextual');
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });
});
