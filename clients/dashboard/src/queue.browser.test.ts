import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';

const DESK = { width: 1440, height: 900 };

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

const open = (viewport = DESK, at = '/s/queue') => scripted.open(at, 'scene=queue', viewport);
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const rows = (page: Page) => page.getByRole('list', { name: 'Queue' }).getByRole('listitem');
const row = (page: Page, text: string) => rows(page).filter({ hasText: text });
const composer = (page: Page) => page.getByRole('textbox', { name: 'Message', exact: true });
const question = (page: Page) => page.getByRole('alertdialog', { name: 'Stop the agent. And the queue?' });
/** What the page has sent. */
const commands = (page: Page) =>
  page.evaluate(() =>
    (globalThis as unknown as { sent: { frame: { name?: string; args?: object } }[] }).sent.flatMap(({ frame }) =>
      frame.name === undefined ? [] : [[frame.name, frame.args ?? {}]],
    ),
  );
/** The first words of each row, in order. */
const order = (page: Page) =>
  rows(page).evaluateAll((all) => all.map((one) => one.querySelector('.line-clamp-2')?.textContent.slice(0, 8)));
const START = ['Use the ', 'Then ope', 'Could it', 'Write th', 'A remind'];

/** Does something with a row, as a person does at this width. */
async function act(page: Page, text: string, action: string): Promise<void> {
  if (page.viewportSize()!.width >= DESK.width) return row(page, text).getByRole('button', { name: action }).click();
  await row(page, text).getByRole('button', { name: 'Change the message' }).click();
  await page.getByRole('menuitem', { name: action }).click();
}

describe.each([
  ['on a desktop', DESK],
  ['on a phone', PHONE],
])('the queue %s', (_where, viewport) => {
  it('is a list that a person orders, edits, takes back from and sends from', async () => {
    const page = await open(viewport);
    await row(page, 'A reminder').waitFor();
    expect(await order(page)).toEqual(START);
    await row(page, 'Then open').getByText('2 files').waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
    await act(page, 'Could it', 'Move up');
    await expect.poll(() => order(page)).toEqual(['Use the ', 'Could it', 'Then ope', 'Write th', 'A remind']);
    await act(page, 'Then open', 'Edit');
    const field = page.getByRole('textbox', { name: 'Edit the message' });
    await field.fill('Then open a draft');
    await page.keyboard.press('Enter');
    await row(page, 'Then open a draft').waitFor();
    await act(page, 'Then open a draft', 'Edit');
    await field.fill('Something else');
    await page.keyboard.press('Escape');
    await row(page, 'Then open a draft').waitFor();
    await composer(page).fill('A draft');
    await act(page, 'Write the', 'Take back');
    await row(page, 'Write the').waitFor({ state: 'detached' });
    expect(await composer(page).inputValue()).toMatch(/^Write the figure[^]*\n\nA draft$/);
    await act(page, 'Could it', 'Remove');
    await page.getByRole('log').getByText('Ada Lovelace took a message out of the queue').waitFor();
    expect(await composer(page).inputValue()).not.toContain('Could it');
    await act(page, 'Then open a draft', 'Send now');
    await row(page, 'Then open a draft').waitFor({ state: 'detached' });
    expect(await commands(page)).toEqual([
      ['queue_move', { inputId: 'i3', before: 'i2' }],
      ['queue_edit', { inputId: 'i2', text: 'Then open a draft' }],
      ['queue_remove', { inputId: 'i4' }],
      ['queue_remove', { inputId: 'i3' }],
      ['queue_send_now', { inputId: 'i2' }],
    ]);
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('is kept or discarded by a stop, which asks once and remembers the answer', async () => {
    const page = await open(viewport);
    await row(page, 'A reminder').waitFor();
    await page.getByRole('button', { name: /^Stop/ }).click();
    await question(page).waitFor();
    await button(page, 'Cancel').click();
    await question(page).waitFor({ state: 'detached' });
    expect(await commands(page)).toEqual([]);
    await page.getByRole('button', { name: /^Stop/ }).click();
    await button(page, 'Keep the queue').click();
    await page.getByRole('status').getByText('Stopped', { exact: true }).waitFor();
    expect(await order(page)).toEqual(START);
    await button(page, 'Continue').click();
    await expect
      .poll(() => commands(page))
      .toEqual([
        ['abort', { queue: 'keep' }],
        ['queue_send_now', { inputId: 'i1' }],
      ]);
    await page.goto(`${scripted.url}/?at=/s/queue&scene=queue`);
    await button(page, 'On stop: keep').click();
    await page.getByRole('menuitem', { name: 'Discard the queue' }).click();
    await page.getByRole('button', { name: /^Stop/ }).click();
    await expect.poll(() => order(page)).toEqual(['A remind']);
    expect(await commands(page)).toEqual([['abort', { queue: 'drop' }]]);
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });
});

describe('the queue', () => {
  it('is ordered, edited and taken back from by keyboard alone, and Escape in the field does not stop the agent', async () => {
    const page = await open();
    await row(page, 'Then open').focus();
    await page.keyboard.press('Alt+ArrowUp');
    await expect.poll(() => order(page)).toEqual(['Then ope', 'Use the ', ...START.slice(2)]);
    expect(await row(page, 'Then open').evaluate((node) => node === document.activeElement)).toBe(true);
    await page.keyboard.press('Enter');
    await page.keyboard.type(', please');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.keyboard.type(', thanks');
    await page.keyboard.press('Enter');
    await row(page, 'Then open a pull request, thanks').waitFor();
    await page.keyboard.press('Delete');
    await row(page, 'Then open').waitFor({ state: 'detached' });
    expect(await composer(page).inputValue()).toBe('Then open a pull request, thanks');
    expect((await commands(page)).map(([name]) => name)).toEqual(['queue_move', 'queue_edit', 'queue_remove']);
    await page.close();
  });

  it('gives what was being written to the composer when the agent reads the message meanwhile', async () => {
    const page = await open();
    await row(page, 'Then open').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.type(' and wait');
    await page.evaluate(() => {
      const at = Date.now();
      const events = [
        { type: 'queue_update', at, steering: [], followUp: [], items: [] },
        { type: 'input_delivered', at, commandId: 'i2' },
      ];
      (globalThis as unknown as { happen(sid: string, list: object[]): void }).happen('queue', events);
    });
    await expect.poll(() => composer(page).inputValue()).toBe('Then open a pull request and wait');
    await page.close();
  });

  it('offers a guest only the own messages of the guest, and a stop asks only about those', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(Date.now() / 1_000) + 3_600;
    const token = (jti: string) => `${part({ alg: 'HS256' })}.${part({ sub: 'queue', jti, mode: 'collab', exp })}.c2ln`;
    const page = await open(DESK, `/s/queue#share=${token('x1')}`);
    await button(page, 'Skip').click();
    await row(page, 'Could it').getByRole('button', { name: 'Edit' }).waitFor();
    expect(await rows(page).getByRole('button', { name: 'Edit' }).count()).toBe(1);
    expect(await rows(page).getByRole('button', { name: 'Take back' }).count()).toBe(1);
    await page.close();
    const other = await open(DESK, `/s/queue#share=${token('x2')}`);
    await button(other, 'Skip').click();
    await row(other, 'Could it').waitFor();
    expect(await rows(other).getByRole('button').count()).toBe(0);
    await other.getByRole('button', { name: /^Stop/ }).click();
    await expect.poll(() => commands(other)).toEqual([['abort', {}]]);
    await other.close();
  });
});
