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
/** A session with an agent at work. */
const BUSY = 'story';
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
    const page = await scripted.open(`/s/${BUSY}`);
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
    await page.getByRole('combobox', { name: 'Folder' }).focus();
    await page.getByRole('option', { name: /pizzapi-docs/ }).waitFor();
    await page.keyboard.press('ArrowDown');
    const folder = await page.getByRole('combobox', { name: 'Folder' }).inputValue();
    await pressAfterComposition(page, 'Enter');
    expect(await page.getByRole('combobox', { name: 'Folder' }).inputValue()).toBe(folder);
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
      [`/s/${BUSY}`, () => rename(page, 'Resume viewers from their offset')],
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

/** Calls a function of the scripted gateway. */
const play = (page: Page, name: string, ...args: unknown[]) =>
  page.evaluate(
    ([key, values]) => (globalThis as unknown as Record<string, (...args: unknown[]) => void>)[key]!(...values),
    [name, args] as const,
  );
const firstPrompt = (page: Page) => page.getByRole('textbox', { name: 'First prompt' });
const newSession = async (page: Page) => {
  await page
    .getByRole('button', { name: /^New session/ })
    .first()
    .click();
  await firstPrompt(page).waitFor();
};
const reload = (page: Page, at: string, query = '') => page.goto(`${scripted.url}/?at=${at}&${query}`);

describe('the folder of a new session', () => {
  const folder = (page: Page) => page.getByRole('combobox', { name: 'Folder' });
  const dialog = (page: Page) => page.getByRole('dialog', { name: 'New session' });
  /** Folders of the sessions that the page has asked for. */
  const startedIn = (page: Page) =>
    page.evaluate(() => (globalThis as unknown as { started: { cwd?: string }[] }).started.map(({ cwd }) => cwd));

  it.each(['Enter', 'Tab'])('is the open suggestion on %s, and the next Enter starts the session', async (key) => {
    const page = await scripted.open('/');
    await newSession(page);
    // The list has not come yet when the key is pressed.
    await folder(page).fill('/home/ada/code/pizzapi-d');
    if (key === 'Tab') await page.getByRole('option', { name: /pizzapi-docs/ }).waitFor();
    await page.keyboard.press(key);
    await expect.poll(() => folder(page).inputValue()).toBe('/home/ada/code/pizzapi-docs/');
    expect(await page.getByRole('option').count()).toBe(0);
    expect(await startedIn(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await expect.poll(() => startedIn(page)).toEqual(['/home/ada/code/pizzapi-docs/']);
    await page.close();
  });

  it('keeps its dialog on the Escape that closes the suggestions', async () => {
    const page = await scripted.open('/');
    await newSession(page);
    await folder(page).fill('/home/ada/code/s');
    await page.getByRole('option', { name: /site/ }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('option').first().waitFor({ state: 'detached' });
    expect(await dialog(page).isVisible()).toBe(true);
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    await page.close();
  });
});

describe.each(WIDTHS)('a text that was written and not sent, at $width px', (viewport) => {
  it('of a new session outlives Escape and a reload', async () => {
    const page = await scripted.open('/', '', viewport);
    await newSession(page);
    await firstPrompt(page).fill('Bake a pizza');
    await page.getByLabel('Name').fill('Pizza');
    await page.getByRole('combobox', { name: 'Folder' }).fill('/home/ada/oven');
    await firstPrompt(page).focus();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await newSession(page);
    expect(await firstPrompt(page).inputValue()).toBe('Bake a pizza');
    await reload(page, '/');
    await newSession(page);
    expect(await firstPrompt(page).inputValue()).toBe('Bake a pizza');
    expect(await page.getByLabel('Name').inputValue()).toBe('Pizza');
    expect(await page.getByRole('combobox', { name: 'Folder' }).inputValue()).toBe('/home/ada/oven');
    await page.close();
  });

  it('is in sight when its session ends elsewhere, and is taken along to a new session', async () => {
    const page = await scripted.open(`/s/${BUSY}`, '', viewport);
    await message(page).fill('And then the oven');
    await play(page, 'happen', BUSY, [{ type: 'session_ended', at: Date.now(), reason: 'completed' }]);
    await page.getByRole('group', { name: 'Unsent text' }).getByText('And then the oven').waitFor();
    await page.getByRole('button', { name: 'Start a new session with it' }).click();
    expect(await firstPrompt(page).inputValue()).toBe('And then the oven');
    await page.close();
  });

  it('is in sight when its session is deleted elsewhere, there and in the list, with what was refused before', async () => {
    const page = await scripted.open(`/s/${BUSY}`, '', viewport);
    await message(page).fill('refuse this');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByText('Not delivered:').waitFor();
    await message(page).fill('And then the oven');
    await play(page, 'deleteSession', BUSY);
    const text = page.getByRole('group', { name: 'Unsent text' });
    await text.getByText('And then the oven').waitFor();
    expect(await text.innerText()).toContain('refuse this');
    await page.getByText('The session was deleted').first().waitFor();
    // A page that is opened later finds no such session.
    await page.evaluate(() => localStorage.setItem('pizzapi.draft.s_gone', 'Of long ago'));
    await reload(page, '/s/s_gone');
    await page.getByRole('heading', { name: 'Session not found' }).waitFor();
    await text.getByText('Of long ago').waitFor();
    await page.getByRole('button', { name: 'Discard' }).click();
    await reload(page, '/');
    await page
      .getByRole('link', { name: /ten thousand/ })
      .first()
      .waitFor();
    await play(page, 'deleteSession', BUSY);
    await text.getByText('And then the oven').waitFor();
    await page.getByRole('button', { name: 'Discard' }).click();
    await text.waitFor({ state: 'detached' });
    await page.close();
  });

  it('of an answer outlives a reload and an answer of another person, and moves to the message', async () => {
    const page = await scripted.open('/s/ask-several', 'scene=prompts', viewport);
    await page.getByLabel('Answer to question 2').fill('At night');
    await page.getByLabel('Answer to question 3').fill('rows');
    await reload(page, '/s/ask-several', 'scene=prompts');
    await page.getByLabel('Answer to question 3').waitFor();
    expect(await page.getByLabel('Answer to question 2').inputValue()).toBe('At night');
    const at = Date.now();
    const ann = { userId: 'guest_x1', via: 'collab', name: 'Ann' };
    await play(page, 'happen', 'ask-several', [
      { type: 'dialog_resolved', at, dialogId: 'd_q1', value: 'SQLite file', by: ann, outcome: 'answered' },
      { type: 'question_cleared', at, toolCallId: 'q1' },
    ]);
    await page.getByRole('region', { name: 'Your unsent answer' }).getByText('At night').waitFor();
    await page.getByRole('button', { name: 'Move to the message' }).click();
    expect(await message(page).inputValue()).toBe('At night\nrows');
    await page.close();
  });

  it('of a plan and of a reason outlives Escape and a reload', async () => {
    const page = await scripted.open('/s/ask-plan', 'scene=prompts', viewport);
    await page.getByRole('button', { name: 'Edit…' }).click();
    await page.getByRole('textbox', { name: 'The plan' }).fill('# Only the first step');
    await page.keyboard.press('Escape');
    await reload(page, '/s/ask-plan', 'scene=prompts');
    await page.getByRole('button', { name: 'Edit…' }).click();
    expect(await page.getByRole('textbox', { name: 'The plan' }).inputValue()).toBe('# Only the first step');
    await reload(page, '/s/ask-edit', 'scene=prompts');
    await page.getByRole('button', { name: 'Deny with a reason…' }).click();
    await page.keyboard.type('Not this file');
    await reload(page, '/s/ask-edit', 'scene=prompts');
    await page.getByLabel('Reason').waitFor();
    expect(await page.getByLabel('Reason').inputValue()).toBe('Not this file');
    // An answer that was delivered leaves nothing behind.
    await page.getByRole('button', { name: 'Deny', exact: true }).click();
    await page.getByText('Delivered: “denied: Not this file”.').waitFor();
    expect(await page.getByRole('region', { name: 'Your unsent answer' }).count()).toBe(0);
    await page.close();
  });
});

describe.each(WIDTHS)('a field that is changed in its place, at $width px', (viewport) => {
  it('keeps no change on Escape, keeps it on Enter, and keeps it without a question when it is left', async () => {
    const page = await scripted.open(`/s/${BUSY}`, '', viewport);
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

  it('does not make a name of the title that it shows when it is left as it was', async () => {
    const page = await scripted.open('/s/ask', '', viewport);
    const title = 'Which database should the projector use?';
    let field = await rename(page, title);
    await field.press('Enter');
    await field.waitFor({ state: 'detached' });
    field = await rename(page, title);
    await message(page).click();
    await field.waitFor({ state: 'detached' });
    field = await rename(page, title);
    await field.fill('A name');
    await page.keyboard.press('Enter');
    await expect.poll(() => argumentsOf(page, 'set_name')).toEqual([{ name: 'A name' }]);
    await page.close();
  });
});

it('a search for a model that ends by Escape or by leaving shows the model that is kept, and Enter takes another', async () => {
  const page = await scripted.open('/');
  await newSession(page);
  const model = page.getByRole('combobox', { name: 'Model' });
  const search = async (text: string) => {
    await model.click();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type(text);
    await page.getByRole('option', { name: /Opus/ }).waitFor();
  };
  await search('opus');
  await page.keyboard.press('Escape');
  await expect.poll(() => model.inputValue()).toBe('Claude Sonnet 4.5');
  await page.getByRole('dialog', { name: 'New session' }).waitFor();
  await search('opus');
  await page.keyboard.press('Tab');
  await expect.poll(() => model.inputValue()).toBe('Claude Sonnet 4.5');
  await search('opus');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect.poll(() => model.inputValue()).toBe('Claude Opus 4.5');
  await page.close();
});

it('Escape in the filter of sessions empties it and does not stop the agent', async () => {
  const page = await scripted.open(`/s/${BUSY}`);
  const filter = page.getByRole('searchbox', { name: 'Filter sessions' });
  await page.getByRole('button', { name: /^Stop/ }).waitFor();
  await filter.fill('bench');
  await page.keyboard.press('Escape');
  expect(await filter.inputValue()).toBe('');
  expect(await sent(page)).toEqual([]);
  // Outside of fields it does.
  await page.keyboard.press('Escape');
  await expect.poll(() => sent(page)).toEqual(['abort']);
  await page.close();
});

describe.each(WIDTHS)('a slash in the composer, at $width px', (viewport) => {
  it('offers commands, which keys and clicks complete, and Escape closes the list without stopping the agent', async () => {
    const page = await scripted.open(`/s/${BUSY}`, '', viewport);
    const list = page.getByRole('listbox', { name: 'Commands' });
    await message(page).fill('/');
    await list.getByRole('option', { name: '/plan' }).waitFor();
    const box = (await list.boundingBox())!;
    expect(box.x + box.width).toBeLessThanOrEqual(viewport.width);
    expect(box.y).toBeGreaterThanOrEqual(0);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Tab');
    expect(await message(page).inputValue()).toBe('/goal ');
    await message(page).fill('/de');
    await list.getByRole('option', { name: '/delink' }).click();
    expect(await message(page).inputValue()).toBe('/delink ');
    await message(page).fill('/p');
    await list.waitFor();
    await page.keyboard.press('Escape');
    await list.waitFor({ state: 'detached' });
    expect(await message(page).inputValue()).toBe('/p');
    expect(await sent(page)).toEqual([]);
    await message(page).fill('/etc/passwd is a path');
    expect(await list.count()).toBe(0);
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });
});

it('imported sessions are no sessions of a runner that is offline', async () => {
  const page = await scripted.open('/', 'scene=turned');
  const nav = page.getByRole('navigation', { name: 'Sessions' });
  await nav.getByText('Of an old file').waitFor();
  const group = nav.getByRole('listitem').filter({ has: page.getByRole('button', { name: 'Imported', exact: true }) });
  await group.waitFor();
  expect(await group.getByText('offline').count()).toBe(0);
  await page.close();
});
