import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser } from '../support/browser.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { startEndpoint, type ScriptedEndpoint } from '../support/openai.js';
import { portrait, recordGrowth, sessionPage, type WatchedPage } from '../support/page.js';
import { openSignedIn } from '../support/signIn.js';
import { apiOf } from '../support/viewer.js';

const SECOND = 'The file is written: a margherita, with basil and nothing that does not belong there.';

const chromium = findChromium();
if (chromium === undefined)
  console.warn('SKIPPED: a configured endpoint in a browser. There is no Chromium; set PIZZAPI_CHROMIUM.');

describe.skipIf(chromium === undefined)('a model endpoint that a person has configured', () => {
  let stage: LocalStack;
  let browser: Browser;
  let endpoint: ScriptedEndpoint;
  let watched: WatchedPage;

  beforeAll(async () => {
    endpoint = await startEndpoint([
      {
        text: ['I write ', 'the recipe ', 'to a file.'],
        tool: { name: 'bash', args: { command: 'echo "a margherita" > recipe.txt && cat recipe.txt' } },
      },
      // The test sees each delta before the endpoint sends the next one.
      { text: SECOND.split(/(?<= )/), after: (text) => watched.page.getByText(text.trim()).last().waitFor() },
      { text: ['Nice picture.'] },
    ]);
    // The example of the page "Getting started", unchanged.
    const example = /```json\n([\s\S]+?)\n```/.exec(
      readFileSync(new URL('../../docs/getting-started.md', import.meta.url), 'utf8'),
    )![1]!;
    const models = example.replace('http://127.0.0.1:8080/v1', endpoint.baseUrl);
    stage = await startLocalStack({}, { files: { '.pi/agent/models.json': models } });
    browser = await openBrowser();
    watched = await openSignedIn(stage, browser, '/');
  }, 120_000);
  afterAll(async () => {
    await closePages();
    await stage?.clear();
    await endpoint?.close();
  });

  it('a person chooses the configured model, and its answer streams, runs a real tool and is counted', async () => {
    const { page } = watched;
    await page.getByRole('button', { name: 'New session' }).first().click();
    const dialog = page.getByRole('dialog', { name: 'New session' });
    await dialog.getByLabel('Show models').click();
    await page.getByRole('option', { name: 'My model' }).click();
    await dialog.getByRole('combobox', { name: 'Folder' }).fill(stage.project);
    await dialog.getByLabel('First prompt').fill('Write me a recipe');
    const texts = await recordGrowth(page, '[role=log] .prose');
    await dialog.getByRole('button', { name: 'Start session' }).click();
    await sessionPage(page).log.getByText(SECOND).waitFor();
    await page.locator('[role=log][aria-busy=false]').waitFor();

    const grown = (await texts()).filter((text) => SECOND.startsWith(text.trim()));
    expect(grown.length).toBeGreaterThan(3);
    expect(grown.map(({ length }) => length)).toEqual(grown.map(({ length }) => length).sort((a, b) => a - b));
    expect(existsSync(join(stage.project, 'recipe.txt'))).toBe(true);
    expect(readFileSync(join(stage.project, 'recipe.txt'), 'utf8')).toBe('a margherita\n');
    const context = page.getByRole('complementary', { name: 'Details' });
    await context.getByText('1.3k of 128k').waitFor();
    await sessionPage(page)
      .log.getByRole('button', { name: /recipe\.txt/ })
      .click();
    await page.getByRole('group', { name: 'Output' }).getByText('a margherita').waitFor();
    await portrait(page, 'endpoint');

    expect(endpoint.requests).toHaveLength(2);
    expect(endpoint.requests[0]).toMatchObject({ key: 'Bearer MY_KEY', body: { model: 'my-model', stream: true } });
    expect(JSON.stringify(endpoint.requests[1]!.body['messages'])).toContain('a margherita');
    const sid = new URL(page.url()).pathname.split('/').at(-1)!;
    await expect
      .poll(() => apiOf(stage).meta(sid))
      .toMatchObject({ kind: 'ok', value: { state: { tokenUsage: { input: 2_468, output: 112 } } } });
    expect(watched.complaints).toEqual([]);
  });

  it('a picture of 6 MB is stored and sent smaller than what providers take', async () => {
    const { page } = watched;
    const raw = { width: 1_500, height: 1_400, channels: 3 as const };
    const buffer = await sharp(randomBytes(raw.width * raw.height * raw.channels), { raw })
      .png()
      .toBuffer();
    expect(buffer.byteLength).toBeGreaterThan(6_000_000);
    const uploaded = page.waitForResponse(
      (response) => response.request().method() === 'POST' && response.url().includes('/blobs'),
    );
    await page.locator('input[type=file]').setInputFiles({ name: 'noise.png', mimeType: 'image/png', buffer });
    const stored = (await (await uploaded).json()) as { size: number };
    expect(stored.size).toBeGreaterThan(100_000);
    expect(stored.size).toBeLessThan(3_500_000);
    await sessionPage(page).say('Look');
    await sessionPage(page).log.getByText('Nice picture.').waitFor();
    await sessionPage(page).log.locator('img').last().waitFor();
    expect(watched.complaints).toEqual([]);
  });
});
