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
const WIDTHS = [DESK, PHONE];
const message = (page: Page) => page.getByRole('textbox', { name: 'Message' });
/** Names of the frames that the page has sent for a session. */
const sent = (page: Page) =>
  page.evaluate(() =>
    (globalThis as unknown as { sent: { frame: { type: string; name?: string } }[] }).sent
      .map(({ frame }) => frame.name ?? frame.type)
      .filter((name) => ['input', 'abort', 'set_name', 'dialog_response'].includes(name)),
  );
/** Arguments of a command that the page has sent. */
const argumentsOf = (page: Page, command: string) =>
  page.evaluate(
    (name) =>
      (globalThis as unknown as { sent: { frame: { name?: string; args?: object } }[] }).sent
        .filter(({ frame }) => frame.name === name)
        .map(({ frame }) => frame.args),
    command,
  );

/** Lets an input method begin to compose a text in the field that has the focus. */
async function compose(page: Page, text: string) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  return devtools;
}
/** Presses a key as Safari reports the one that ended a composition. */
const pressAfterComposition = (page: Page, key: string) =>
  page.evaluate((name) => {
    const event = new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true });
    Object.defineProperty(event, 'keyCode', { value: 229 });
    document.activeElement!.dispatchEvent(event);
  }, key);
const rename = async (page: Page, name: string) => {
  await page.getByRole('button', { name, exact: true }).click();
  return page.getByRole('textbox', { name: 'Name of the session' });
};

describe('an input method', () => {
  it('keeps its Escape and its Enter from the agent, from dialogs and from fields', async () => {
    const page = await scripted.open('/s/story');
    await message(page).focus();
    await compose(page, 'にほん');
    await page.keyboard.press('Escape');
    await pressAfterComposition(page, 'Enter');
    expect(await message(page).inputValue()).toBe('にほん');

    const field = await rename(page, 'Resume viewers from their offset');
    await field.fill('');
    await compose(page, '名前');
    await page.keyboard.press('Enter');
    await pressAfterComposition(page, 'Enter');
    await page.keyboard.press('Escape');
    expect(await field.isVisible()).toBe(true);
    expect(await sent(page)).toEqual([]);

    await page.goto(`${scripted.url}/?at=/`);
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await page.keyboard.press('n');
    const prompt = page.getByRole('textbox', { name: 'First prompt' });
    await prompt.focus();
    await compose(page, 'ピザ');
    await page.keyboard.press('Escape');
    await page.getByLabel('Folder', { exact: true }).focus();
    await page.getByRole('option', { name: /pizzapi-docs/ }).waitFor();
    await page.keyboard.press('ArrowDown');
    const folder = await page.getByLabel('Folder', { exact: true }).inputValue();
    await pressAfterComposition(page, 'Enter');
    expect(await page.getByLabel('Folder', { exact: true }).inputValue()).toBe(folder);
    expect(await prompt.inputValue()).toBe('ピザ');
    await page.getByRole('dialog', { name: 'New session' }).waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('reaches no key handler of the page or of its libraries, whichever field composes', async () => {
    const context = await scripted.context();
    // Names every listener that gets a key while a text is composed.
    await context.addInitScript(() => {
      const reached = new Set<string>();
      Object.assign(globalThis, { reached });
      // Called below with the target that listens.
      // eslint-disable-next-line @typescript-eslint/unbound-method
      const add = EventTarget.prototype.addEventListener;
      EventTarget.prototype.addEventListener = function (kind, listener, options) {
        if (!kind.startsWith('key') || listener === null) return add.call(this, kind, listener, options);
        const named = function (this: EventTarget, event: Event) {
          if (typeof listener === 'function') listener.call(this, event);
          else listener.handleEvent(event);
          // The guard is the listener that stops the event.
          if ((event as KeyboardEvent).isComposing && !event.cancelBubble)
            reached.add(`${kind} of ${this instanceof Element ? this.outerHTML.slice(0, 80) : 'the page'}`);
        };
        return add.call(this, kind, named, options);
      };
    });
    const page = await context.newPage();
    /** Sends keys of a composition to every element that is shown. */
    const pressEverywhere = () =>
      page.evaluate(() => {
        let elements = 0;
        for (const target of document.querySelectorAll('*'))
          for (const key of ['Enter', 'Escape', 'Tab', 'ArrowDown', '1', 'n', '/'])
            for (const kind of ['keydown', 'keypress', 'keyup']) {
              const init = { key, isComposing: true, bubbles: true, cancelable: true };
              target.dispatchEvent(new KeyboardEvent(kind, init));
              elements++;
            }
        return elements;
      });
    const views: [string, (() => Promise<unknown>)?][] = [
      ['/s/story', () => rename(page, 'Resume viewers from their offset')],
      ['/s/ask-several'],
      ['/s/ask-plan', () => page.getByRole('button', { name: 'Edit…' }).click()],
      ['/s/ask-edit', () => page.getByRole('button', { name: 'Deny with a reason…' }).click()],
      ['/', () => page.keyboard.press('n').then(() => page.getByRole('dialog').waitFor())],
      ['/', () => page.keyboard.press('/').then(() => page.getByRole('combobox').first().waitFor())],
      ['/settings'],
    ];
    for (const [at, act] of views) {
      await page.goto(`${scripted.url}/?at=${at}&scene=prompts`);
      await page.getByRole('heading').first().waitFor();
      await act?.();
      expect(await pressEverywhere()).toBeGreaterThan(0);
      const reached = await page.evaluate(() => [...(globalThis as unknown as { reached: Set<string> }).reached]);
      expect(reached, at).toEqual([]);
    }
    await context.close();
  });
});

describe.each(WIDTHS)('a field that is changed in its place, at $width px', (viewport) => {
  it('keeps no change on Escape, keeps it on Enter, and keeps it without a question when it is left', async () => {
    const page = await scripted.open('/s/story', '', viewport);
    const name = 'Resume viewers from their offset';
    let field = await rename(page, name);
    await field.fill('Never');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name, exact: true }).waitFor();
    field = await rename(page, name);
    await field.fill('By Enter');
    await page.keyboard.press('Enter');
    field = await rename(page, name);
    await field.fill('By leaving');
    await message(page).click();
    await field.waitFor({ state: 'detached' });
    await expect.poll(() => argumentsOf(page, 'set_name')).toEqual([{ name: 'By Enter' }, { name: 'By leaving' }]);
    expect(await page.getByRole('alertdialog').count()).toBe(0);
    await page.close();
  });
});

it('Escape in the filter of sessions empties it and does not stop the agent', async () => {
  const page = await scripted.open('/s/story');
  const filter = page.getByRole('searchbox', { name: 'Filter sessions' });
  await filter.fill('bench');
  await page.keyboard.press('Escape');
  expect(await filter.inputValue()).toBe('');
  expect(await sent(page)).toEqual([]);
  // Outside of fields it does.
  await page.keyboard.press('Escape');
  await expect.poll(() => sent(page)).toEqual(['abort']);
  await page.close();
});
