import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { DESK, PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';
import { AT_WORK } from './testing/views.js';

/** What `dev/terminals.ts` gives to a test. */
interface Played {
  terminals: {
    sent: { terminalId: string; type: string; text?: string; cols?: number; rows?: number; n?: number }[];
    print(terminalId: string, text: string): void;
    take(terminalId: string, name: string): void;
    end(terminalId: string, code: number | null, signal: string | null): void;
  };
  closeSockets(code: number): void;
  opened?: string[];
}

const BASH = 't_aaaaaaaaaaaa_r1';
const SERVER = 't_bbbbbbbbbbbb_r1';
const NOTES = 't_cccccccccccc_r1';
/** The first one that a page opens. */
const NEW = 't_mmmmmmmmmmmm_r1';

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const screen = (page: Page) => page.locator('.xterm-rows').innerText();
const input = (page: Page) => page.getByRole('textbox', { name: /^Terminal / });
const print = (page: Page, text: string, terminalId = BASH) =>
  page.evaluate(([id, what]) => (globalThis as unknown as Played).terminals.print(id, what), [
    terminalId,
    text,
  ] as const);
/** What was typed into a terminal, or what the terminal has answered. */
const typed = (page: Page, terminalId = BASH) =>
  page.evaluate(
    (id) =>
      (globalThis as unknown as Played).terminals.sent
        .filter((frame) => frame.type === 'terminal_input' && frame.terminalId === id)
        .map(({ text }) => text)
        .join(''),
    terminalId,
  );
const paste = (page: Page, text: string) =>
  input(page).evaluate((node, what) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', what);
    node.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
  }, text);

async function open(viewport = DESK, at = AT_WORK): Promise<Page> {
  const page = await scripted.open(at, 'scene=terminals', viewport);
  if (at !== AT_WORK) return page;
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  if (viewport === DESK) await button(page, 'Terminal').click();
  else {
    await button(page, 'More').click();
    await page.getByRole('menuitem', { name: 'Terminal' }).click();
  }
  await expect.poll(() => screen(page)).toContain('git status');
  return page;
}

it('a terminal stands beside the session, takes every key, and is left by a shortcut', async () => {
  const page = await open();
  await expect.poll(() => input(page).evaluate((node) => node === document.activeElement)).toBe(true);
  await page.keyboard.type('ls');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await expect.poll(() => typed(page)).toBe('ls\t\x1b\v');
  expect(await page.getByRole('dialog').count()).toBe(0);
  await page.keyboard.press('Control+`');
  await expect.poll(() => page.evaluate(() => document.activeElement?.id)).toBe('message');
  await page.keyboard.press('Control+`');
  await expect.poll(() => input(page).evaluate((node) => node === document.activeElement)).toBe(true);
  const edge = page.getByRole('separator', { name: 'Width of the host panel' });
  const width = Number(await edge.getAttribute('aria-valuenow'));
  await edge.focus();
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => edge.getAttribute('aria-valuenow')).toBe(String(width - 32));
  // The host gets the size of the screen, and a reload brings the panel back.
  const sizes = () => page.evaluate(() => (globalThis as unknown as Played).terminals.sent.filter(({ cols }) => cols));
  await expect.poll(async () => (await sizes()).length).toBeGreaterThan(1);
  const [before, after] = (await sizes()).slice(-2);
  expect(after!.cols).toBeLessThan(before!.cols!);
  await page.goto(`${scripted.url}/?at=${AT_WORK}&scene=terminals`);
  await expect.poll(() => screen(page)).toContain('git status');
  await button(page, 'Close the host panel').click();
  expect(await input(page).isVisible()).toBe(false);
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a program gets an answer from the writer alone, and none for what is shown again', async () => {
  const page = await open();
  const queries = '\x1b[c\x1b[>c\x1b[6n\x1b[?6n\x1b[5n\x1b[?2004$p\x1b[4$p\x1bP$qm\x1b\\\x1b]10;?\x07\x1b]4;1;?\x07';
  await print(page, queries);
  const answered = '\x1b]4;1;rgb:';
  await expect.poll(() => typed(page)).toContain(answered);
  const once = await typed(page);
  expect(once).toContain('\x1b[?1;2c');
  // The connection breaks, and the gateway shows everything from the beginning when the page is loaded again.
  await print(page, `${queries}second`);
  await expect.poll(async () => (await typed(page)).length).toBe(2 * once.length);
  await button(page, 'server').click();
  await button(page, 'Take the keyboard').waitFor();
  await button(page, 'bash').click();
  await expect.poll(() => screen(page)).toContain('second');
  await print(page, '\x1b[2J\x1b[Hthird');
  await expect.poll(() => screen(page)).toContain('third');
  expect((await typed(page)).length).toBe(2 * once.length);
  // Another viewer has the keyboard: it is the one that answers.
  await page.evaluate((id) => (globalThis as unknown as Played).terminals.take(id, 'Ann'), BASH);
  await page.getByText('Ann has the keyboard.').waitFor();
  await print(page, `${queries}fourth`);
  await expect.poll(() => screen(page)).toContain('fourth');
  await input(page).focus();
  await page.keyboard.type('x');
  expect((await typed(page)).length).toBe(2 * once.length);
  await button(page, 'Take the keyboard').click();
  await page.keyboard.type('y');
  await expect.poll(async () => (await typed(page)).endsWith('y')).toBe(true);
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a program copies only after a click, links ask before they open, and a title is text', async () => {
  const page = await open();
  await page.evaluate(() => {
    const opened: string[] = [];
    Object.assign(globalThis, { opened, open: (address: string) => void opened.push(address) });
    Object.defineProperty(navigator, 'clipboard', {
      value: { writeText: async (text: string) => void opened.push(`copied ${text}`) },
    });
  });
  const done = () => page.evaluate(() => (globalThis as unknown as Played).opened);
  await print(page, `\x1b]2;<b>a\u202eb</b>\x07\x1b]52;c;${Buffer.from('rm -rf /').toString('base64')}\x07`);
  await page.getByText('<b>ab</b>').waitFor();
  await page.getByText('The program wants to copy').waitFor();
  expect(await done()).toEqual([]);
  await button(page, 'Copy').click();
  await expect.poll(done).toEqual(['copied rm -rf /']);
  await print(page, '\x1b[2J\x1b[H\x1b]8;;https://evil.example/\x07https://good.example\x1b]8;;\x07');
  await expect.poll(() => screen(page)).toContain('good.example');
  const box = (await page.locator('.xterm-screen').boundingBox())!;
  const click = async () => {
    await page.mouse.move(box.x + 30, box.y + 60);
    await page.mouse.move(box.x + 40, box.y + 8);
    await page.mouse.click(box.x + 40, box.y + 8);
  };
  const question = page.getByRole('alertdialog', { name: 'Open this address?' });
  await expect.poll(async () => (await click(), await question.count())).toBe(1);
  await question.getByText('https://evil.example/').waitFor();
  await question.getByRole('button', { name: 'Cancel' }).click();
  expect(await done()).toEqual(['copied rm -rf /']);
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a paste of several lines asks in a shell that would run them, and ends no brackets', async () => {
  const page = await open();
  const question = page.getByRole('alertdialog', { name: 'Paste 2 lines?' });
  await paste(page, 'one');
  await expect.poll(() => typed(page)).toBe('one');
  await paste(page, 'two\nthree\n');
  await question.getByRole('button', { name: 'Cancel' }).click();
  await paste(page, 'two\nthree\n');
  await question.getByRole('button', { name: 'Paste as one line' }).click();
  await expect.poll(() => typed(page)).toBe('onetwo three');
  await paste(page, 'four\nfive');
  await question.getByRole('button', { name: 'Paste', exact: true }).click();
  await expect.poll(() => typed(page)).toBe('onetwo threefour\rfive');
  await print(page, '\x1b[?2004hbracketed');
  await expect.poll(() => screen(page)).toContain('bracketed');
  await paste(page, 'six\n\x1b[201~seven');
  await expect.poll(() => typed(page)).toBe('onetwo threefour\rfive\x1b[200~six\r[201~seven\x1b[201~');
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a terminal is opened in a folder that the person types, pins or has used last', async () => {
  const page = await open(DESK, '/hosts/r1/terminals');
  await button(page, 'notes').click();
  await button(page, 'More of the terminal').click();
  await page.getByRole('menuitem', { name: 'New terminal in…' }).click();
  const field = page.getByRole('combobox', { name: 'Folder' });
  await field.fill('/home/ada/code/p');
  const folder = (await page.getByRole('option').first().innerText()).trim();
  expect(folder).toContain('code/p');
  await field.press('Enter');
  await button(page, 'Pin this folder').click();
  await field.press('Enter');
  await expect.poll(() => page.evaluate(() => location.pathname)).toBe(`/hosts/r1/terminals/${NEW}`);
  const current = page.getByRole('list', { name: 'Terminals' }).locator('[aria-current=true]');
  expect((await current.getAttribute('title'))!.replace(/\/$/, '')).toBe(folder);
  await button(page, 'More of the terminal').click();
  await page.getByRole('menuitem', { name: 'New terminal in…' }).click();
  const kept = page.getByRole('group', { name: 'Pinned and recent folders' }).getByRole('button');
  expect(`~/${folder}`.endsWith((await kept.first().innerText()).trim())).toBe(true);
});

it('terminals are opened, named, searched and ended, and what is lost is said', async () => {
  const page = await open(DESK, '/hosts/r1/terminals');
  await button(page, 'notes').click();
  await page.getByText('The first 2 MiB of its output are not kept any more.').waitFor();
  await expect.poll(() => page.evaluate(() => location.pathname)).toBe(`/hosts/r1/terminals/${NOTES}`);
  await button(page, 'OK').click();
  await button(page, 'New terminal').click();
  await expect.poll(() => page.evaluate(() => location.pathname)).toBe(`/hosts/r1/terminals/${NEW}`);
  await expect.poll(() => input(page).evaluate((node) => node === document.activeElement)).toBe(true);
  // The first output of a new terminal is no replay: its shell waits for the answer.
  await print(page, '\x1b[c', NEW);
  await expect.poll(() => typed(page, NEW)).toBe('\x1b[?1;2c');
  await button(page, 'More of the terminal').click();
  await page.getByRole('menuitem', { name: 'Rename…' }).click();
  await page.getByRole('textbox', { name: 'Name of the terminal' }).fill('build');
  await page.keyboard.press('Enter');
  await button(page, 'build').click();
  await page.keyboard.press('Control+Shift+f');
  await page.getByRole('textbox', { name: 'Search the output' }).fill('pizzapi');
  await page
    .getByRole('search')
    .getByText(/^\d of 3$/)
    .waitFor();
  await page.keyboard.press('Escape');
  // The notice may stand for a few milliseconds only.
  await page.evaluate(() => {
    const { body } = document;
    const note = () => body.textContent.includes('What you type now is not sent.') && (body.dataset['said'] = 'yes');
    new MutationObserver(note).observe(body, { subtree: true, childList: true, characterData: true });
    (globalThis as unknown as Played).closeSockets(1012);
  });
  await print(page, 'printed meanwhile', NEW);
  await expect.poll(() => screen(page)).toContain('printed meanwhile');
  expect(await page.evaluate(() => document.body.dataset['said'])).toBe('yes');
  await page.evaluate((id) => (globalThis as unknown as Played).terminals.end(id, 3, null), NEW);
  await page.getByText('The shell has ended with exit code 3.').waitFor();
  expect(await screen(page)).toContain('git status');
  await button(page, 'Close').click();
  await expect.poll(() => button(page, 'build').count()).toBe(0);
  await button(page, 'bash').click();
  await button(page, 'More of the terminal').click();
  await page.getByRole('menuitem', { name: 'End the terminal…' }).click();
  await page
    .getByRole('alertdialog', { name: 'End the terminal bash?' })
    .getByRole('button', { name: 'End terminal' })
    .click();
  await expect.poll(() => button(page, 'bash').count()).toBe(0);
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a program with the whole screen stays as it has drawn it while the connection is away and back', async () => {
  const page = await open();
  const rows = await page.locator('.xterm-rows > div').count();
  await print(page, `\x1b[?1049h\x1b[2J\x1b[${rows};1Hlast row\x1b[1;1Hfirst row`);
  await expect.poll(() => screen(page)).toContain('last row');
  // The connection may be back before a test that asks again and again has seen that it was away.
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const observer = new MutationObserver(() => {
          if (!document.body.innerText.includes('What you type now is not sent.')) return;
          observer.disconnect();
          resolve();
        });
        observer.observe(document.body, { childList: true, subtree: true, characterData: true });
        (globalThis as unknown as Played).closeSockets(1012);
      }),
  );
  await page.getByText('What you type now is not sent.').waitFor({ state: 'detached' });
  await print(page, ' again');
  await expect.poll(() => screen(page)).toMatch(/^first row again/);
  const lines = await page.locator('.xterm-rows > div').allInnerTexts();
  expect(lines.map((line) => line.trim() !== '').lastIndexOf(true)).toBe(rows - 1);
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a flood of output leaves the page responsive, and the host hears how much of it is shown', async () => {
  const page = await open();
  const bytes = 64 * 64 * 1024;
  await page.evaluate(
    ([id, line]) => {
      const { terminals } = globalThis as unknown as Played;
      for (let i = 0; i < 64; i++) terminals.print(id, line.repeat(1024));
    },
    [BASH, `${'yes '.repeat(15)}ok\r\n`] as const,
  );
  await print(page, 'the end');
  // The page reacts before all is drawn.
  await button(page, 'More of the terminal').click();
  await page.getByRole('menuitem', { name: 'Larger text' }).waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => screen(page), { timeout: 20_000 }).toContain('the end');
  const taken = () =>
    page.evaluate(() => Math.max(...(globalThis as unknown as Played).terminals.sent.map(({ n = 0 }) => n)));
  await expect.poll(taken).toBeGreaterThan(bytes - 64 * 1024);
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('on a phone a row of keys and two fingers do what a keyboard does, and nothing covers the cursor', async () => {
  const page = await open(PHONE);
  for (const key of ['Esc', 'Tab', 'Up', 'Pipe', 'Tilde', 'Slash']) await button(page, key).click();
  await button(page, 'Ctrl').click();
  await input(page).focus();
  await page.keyboard.type('cd');
  await button(page, 'Alt').click();
  await button(page, 'Left').click();
  await expect.poll(() => typed(page)).toBe('\x1b\t\x1b[A|~/\x03d\x1b[1;3D');
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  // A keyboard on the screen takes the lower half.
  await print(page, 'line\r\n'.repeat(80) + 'prompt');
  await page.setViewportSize({ width: PHONE.width, height: 420 });
  const bottom = () => page.locator('.xterm-cursor').evaluate((node) => node.getBoundingClientRect().bottom);
  const keys = async () => (await page.getByRole('toolbar', { name: 'Keys' }).boundingBox())!.y;
  await expect.poll(async () => (await bottom()) <= (await keys())).toBe(true);
  await page.setViewportSize(PHONE);
  const size = () => page.locator('.xterm-rows').evaluate((node) => Number.parseFloat(getComputedStyle(node).fontSize));
  const before = await size();
  await page.locator('.xterm-screen').evaluate((target) => {
    const fingers = (type: string, gap: number) => {
      const touches = [0, gap].map((x, identifier) => new Touch({ identifier, target, clientX: x, clientY: 9 }));
      target.dispatchEvent(new TouchEvent(type, { touches, bubbles: true, cancelable: true }));
    };
    fingers('touchstart', 100);
    fingers('touchmove', 150);
  });
  await expect.poll(size).toBeCloseTo(before * 1.5, 0);
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a guest, and an owner whose host allows no terminals, see no terminal', async () => {
  const page = await scripted.open(AT_WORK, 'scene=terminals&allow=files:read');
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  await button(page, 'Share').waitFor();
  expect(await button(page, 'Terminal').count()).toBe(0);
  await page.goto(`${scripted.url}/?at=/hosts/r1/terminals/${SERVER}&scene=terminals&allow=files:read`);
  await page.getByText('This host does not allow it.').waitFor();
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a path of the transcript that exists on the host opens the file, and an @ completes files in a message', async () => {
  const page = await scripted.open(AT_WORK, 'scene=files');
  await page.getByText('opens a viewer at offset').waitFor();
  await page.keyboard.press('Home');
  const read = page.getByRole('link', { name: 'Open clients/session-client/src/resume.ts' }).first();
  await read.waitFor();
  const folded = page.locator('[data-seq] button[aria-expanded=false]').filter({ hasText: 'resumeAt' });
  await folded.first().click();
  // Of the output of a search, one file exists, and the other one does not.
  const printed = page.getByRole('link', { name: 'clients/session-client/src/resume.ts:12', exact: true });
  await printed.click();
  const panel = page.getByRole('complementary', { name: 'Host' });
  await panel.getByText('export function resumeAt').first().waitFor();
  expect(await page.getByRole('link', { name: /session\.ts:88/ }).count()).toBe(0);
  const composer = page.getByRole('textbox', { name: 'Message' });
  await composer.click();
  await page.keyboard.type('Look at @note');
  await page.getByRole('listbox', { name: 'Files' }).getByText('src/notes.ts').waitFor();
  await page.keyboard.press('Tab');
  await expect.poll(() => composer.inputValue()).toBe('Look at @src/notes.ts ');
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a folder stays at hand for the next session when it is pinned', async () => {
  const page = await scripted.open('/');
  const begin = () =>
    button(page, 'New session N')
      .or(page.getByRole('button', { name: /^New session/ }))
      .first()
      .click();
  await begin();
  const field = page.getByRole('combobox', { name: 'Folder' });
  await field.fill('/home/ada/elsewhere/');
  await button(page, 'Pin this folder').click();
  await page.keyboard.press('Escape');
  await page.goto(`${scripted.url}/?at=/`);
  await begin();
  await page
    .getByRole('group', { name: 'Pinned and recent folders' })
    .getByRole('button', { name: 'elsewhere' })
    .click();
  await expect.poll(() => field.inputValue()).toBe('/home/ada/elsewhere');
  await button(page, 'Unpin this folder').click();
  expect(scripted.complaints).toEqual([]);
  await page.close();
});
