import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { DESK, PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';
import { AT_WORK } from './testing/views.js';

/** What `dev/files.ts` gives to a test. */
interface Played {
  files: { write(path: string, text: string): void; read(path: string): string | undefined; asked: string[] };
  setOnline(online: boolean): void;
  happen(sid: string, events: object[]): void;
}

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const row = (page: Page, name: string) => page.getByRole('treeitem').filter({ hasText: name });
const editor = (page: Page) => page.locator('[data-code-editor] .cm-content');
const agentWrites = (page: Page, path: string, text: string) =>
  page.evaluate(([at, what]) => (globalThis as unknown as Played).files.write(at, what), [path, text] as const);
const onHost = (page: Page, path: string) =>
  page.evaluate((at) => (globalThis as unknown as Played).files.read(at), path);

/** The files of a host as its page: the tree and a file beside each other. */
async function openHost(): Promise<Page> {
  const page = await scripted.open('/hosts/r1/files', 'scene=files');
  await row(page, 'README.md').waitFor();
  return page;
}

async function open(viewport = DESK): Promise<Page> {
  const page = await scripted.open(AT_WORK, 'scene=files', viewport);
  await page.getByRole('textbox', { name: 'Message' }).waitFor();
  if (viewport === DESK) await button(page, 'Files').click();
  else {
    await button(page, 'More').click();
    await page.getByRole('menuitem', { name: 'Files' }).click();
  }
  await row(page, 'README.md').waitFor();
  return page;
}

it('the tree loads folders as they are opened, by keys too, and follows what the agent does', async () => {
  const page = await open();
  await row(page, 'docs').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await row(page, 'notes.ts').waitFor();
  expect(await row(page, 'notes.ts').innerText()).toContain('M');
  await agentWrites(page, 'src/fresh.ts', 'x');
  await row(page, 'fresh.ts').waitFor();
  await button(page, 'Hidden files').click();
  await expect.poll(() => row(page, '.env').count()).toBe(0);
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a file is edited and saved, and what the agent wrote meanwhile is shown beside it before it is replaced', async () => {
  const page = await openHost();
  await row(page, 'README.md').click();
  await editor(page).waitFor();
  await editor(page).click();
  await page.keyboard.press('Control+Home');
  await page.keyboard.type('Mine. ');
  await page.keyboard.press('Control+s');
  await expect.poll(() => onHost(page, 'README.md')).toMatch(/^Mine\. # Notes/);
  await page.keyboard.type('More. ');
  await agentWrites(page, 'README.md', 'of the agent\n');
  await page.getByText('The file was changed on the host.').waitFor();
  await button(page, 'Save').click();
  const conflict = page.locator('[data-file-conflict]');
  await conflict.getByText('of the agent').waitFor();
  expect(await onHost(page, 'README.md')).toBe('of the agent\n');
  await button(page, 'Save my version').click();
  await expect.poll(() => onHost(page, 'README.md')).toMatch(/^Mine\. More\. # Notes/);
  await editor(page).waitFor();
  // What is not saved is not closed without a word.
  await editor(page).click();
  await page.keyboard.type('!');
  await row(page, 'data.bin').click();
  await page.getByRole('alertdialog').getByText('without saving').waitFor();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click();
  expect(await editor(page).isVisible()).toBe(true);
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a file that is found opens at its line, an image and Markdown are shown, and what is no text is offered', async () => {
  const page = await openHost();
  const search = page.getByRole('searchbox', { name: 'Search files' });
  await search.fill('filter');
  await button(page, 'Contents').click();
  await page.getByRole('region', { name: 'Found files' }).getByRole('button').first().click();
  await expect.poll(() => page.locator('[data-code-editor] .cm-activeLine').innerText()).toContain('filter');
  await search.fill('');
  await row(page, 'docs').click();
  await row(page, 'logo.png').click();
  await page.getByRole('img', { name: 'logo.png' }).waitFor();
  await row(page, 'README.md').click();
  await button(page, 'Preview').click();
  await page.getByRole('heading', { name: 'Notes' }).waitFor();
  await row(page, 'data.bin').click();
  await page.getByText('This file is no text').waitFor();
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('files are made, moved, deleted after a question, and uploaded by button, paste and drop', async () => {
  const page = await openHost();
  await button(page, 'New file').click();
  await page.getByRole('textbox', { name: /^Name in/ }).fill('new.txt');
  await button(page, 'Create').click();
  await row(page, 'new.txt').waitFor();
  await row(page, 'new.txt').focus();
  await page.keyboard.press('F2');
  await page.getByRole('textbox', { name: 'Path' }).fill('src/moved.txt');
  await button(page, 'Move').click();
  await expect.poll(() => onHost(page, 'src/moved.txt')).toBe('');
  await row(page, 'data.bin').focus();
  await page.keyboard.press('Delete');
  await page.getByRole('alertdialog').getByRole('button', { name: 'Move to the trash' }).click();
  await expect.poll(() => onHost(page, 'data.bin')).toBeUndefined();
  const file = (name: string, text: string) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
  await page.locator('input[type=file][multiple]').last().setInputFiles(file('sent.txt', 'by button'));
  await expect.poll(() => onHost(page, 'sent.txt')).toBe('by button');
  for (const type of ['paste', 'drop'] as const)
    await page.getByRole('tree').evaluate((node, kind) => {
      const data = new DataTransfer();
      data.items.add(new File([`by ${kind}`], `${kind}.txt`));
      const event =
        kind === 'paste'
          ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })
          : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
      node.dispatchEvent(event);
    }, type);
  await expect.poll(() => onHost(page, 'paste.txt')).toBe('by paste');
  await expect.poll(() => onHost(page, 'drop.txt')).toBe('by drop');
  await page.locator('input[type=file][multiple]').last().setInputFiles(file('sent.txt', 'again'));
  await button(page, 'Replace').click();
  await expect.poll(() => onHost(page, 'sent.txt')).toBe('again');
  expect(scripted.complaints.filter((text) => !/409/.test(text))).toEqual([]);
  await page.close();
});

it('on a phone a file covers the tree, and a button leads back', async () => {
  const page = await open(PHONE);
  await row(page, 'README.md').click();
  await editor(page).waitFor();
  expect(await page.getByRole('tree').count()).toBe(0);
  await button(page, 'Back to the files').click();
  await row(page, 'README.md').waitFor();
  expect(scripted.complaints).toEqual([]);
  await page.close();
});

it('a host that is offline is not asked for paths, and the paths become links when it is online again', async () => {
  const page = await scripted.open(AT_WORK, 'scene=files');
  await page.getByText('opens a viewer at offset').waitFor();
  await page.evaluate(() => (globalThis as unknown as Played).setOnline(false));
  await page.getByText('offline').first().waitFor();
  const asked = () =>
    page.evaluate(
      () => (globalThis as unknown as Played).files.asked.filter((method) => method === 'find_paths').length,
    );
  const before = await asked();
  await page.evaluate(() => {
    const message = { role: 'assistant', content: [{ type: 'text', text: 'It is all in src/notes.ts now.' }] };
    (globalThis as unknown as Played).happen('story', [
      { type: 'message_end', at: Date.now(), messageId: 'late', entryId: 'late', message },
    ]);
  });
  await page.keyboard.press('End');
  await page.getByText('It is all in src/notes.ts now.').waitFor();
  // Longer than the paths of a text that is being written wait.
  await page.waitForTimeout(500);
  expect(await asked()).toBe(before);
  await page.evaluate(() => (globalThis as unknown as Played).setOnline(true));
  await page.getByRole('link', { name: 'src/notes.ts', exact: true }).waitFor();
  expect(scripted.complaints).toEqual([]);
  await page.close();
});
