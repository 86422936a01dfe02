import { createTranscript, foldTranscript, textOf } from '@pizzapi/protocol';
import type { ListedEvent } from '@pizzapi/session-client';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser, shot } from '../support/browser.js';
import { runCli } from '../support/cli.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import {
  DESKTOP,
  NO_SERVER,
  openPage,
  PHONE,
  portrait,
  readTranscript,
  recordGrowth,
  sessionPage,
  words,
  type WatchedPage,
} from '../support/page.js';
import { childOf, unattended } from '../support/processes.js';
import { steppedOutput } from '../support/steppedOutput.js';
import { until } from '../support/until.js';
import { apiOf, untilHosted } from '../support/viewer.js';

const FILES = ['crust.md', 'dough.md', 'oven.md', 'sauce.md', 'toppings.md', 'yeast.md'];
/** A second model to choose. No test sends it a request. */
const MODELS = {
  providers: {
    mine: {
      baseUrl: 'http://127.0.0.1:9/v1',
      api: 'openai-completions',
      apiKey: 'MY_KEY',
      models: [{ id: 'my-model', name: 'My model', contextWindow: 128_000, maxTokens: 8_192 }],
    },
  },
};

const chromium = findChromium();
if (chromium === undefined)
  console.warn('SKIPPED: a session in a browser. There is no Chromium; set PIZZAPI_CHROMIUM.');

describe.skipIf(chromium === undefined)('a session in a browser, from the first sign-in link to its end', () => {
  let stage: LocalStack;
  let browser: Browser;
  let desktop: WatchedPage;
  let phone: WatchedPage;
  let view: ReturnType<typeof sessionPage>;
  let sid: string;
  let firstLink: string;

  beforeAll(async () => {
    // So slow that a busy browser shows an answer before its end.
    const speed = { PIZZAPI_DEMO_SPEED: '300' };
    stage = await startLocalStack(speed, { files: { '.pi/agent/models.json': JSON.stringify(MODELS) } });
    for (const name of FILES) writeFileSync(join(stage.project, name), `# ${name}\n`);
    firstLink = stage.loginUrl;
    browser = await openBrowser();
    desktop = await openPage(browser, { viewport: DESKTOP });
    phone = await openPage(browser, { viewport: PHONE, isMobile: true, hasTouch: true });
    view = sessionPage(desktop.page);
  }, 120_000);
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await desktop.page.screenshot({ path: shot(`session-failed-${task.id}`) });
    expect([...desktop.complaints.splice(0), ...phone.complaints.splice(0)]).toEqual([]);
  });
  afterAll(async () => {
    await closePages();
    await stage?.clear();
  });

  async function logged(): Promise<ListedEvent[]> {
    const reply = await apiOf(stage).events(sid, { limit: 10_000 });
    if (reply.kind === 'failed') throw new Error(reply.error.message);
    return reply.value;
  }
  const eventOf = (type: string, fits: (event: Record<string, unknown>) => boolean = () => true) =>
    until(`${type} is in the log`, async () =>
      (await logged())
        .map(({ event }) => event as Record<string, unknown>)
        .find((event) => event['type'] === type && fits(event)),
    );
  const idle = () => desktop.page.locator('[role=log][aria-busy=false]').waitFor();

  /** Checks that every message of the page has the text of the log. */
  async function expectPageIsTheLog(): Promise<Record<string, string>> {
    const shown = await readTranscript(desktop.page);
    const events = await logged();
    const { items } = foldTranscript(
      createTranscript(),
      events.map(({ seq, event }) => [seq, event] as const),
    );
    const messages = items.flatMap((item) => (item.kind === 'message' && textOf(item).trim() !== '' ? [item] : []));
    expect(messages.length).toBeGreaterThan(1);
    for (const item of messages)
      expect({ seq: item.seq, words: words(shown[item.seq] ?? '') }).toEqual({
        seq: item.seq,
        words: words(textOf(item)),
      });
    return shown;
  }

  it('the printed sign-in link signs the page in', async () => {
    await desktop.page.goto(firstLink);
    await desktop.page.getByRole('heading', { name: 'Start your first session' }).waitFor();
    expect(new URL(desktop.page.url()).hash).toBe('');
    await portrait(desktop.page, 'session-1-home');
  });

  it('the key n opens the dialog, which starts a session on the local runner, in a folder, with a model', async () => {
    const { page } = desktop;
    await page.getByText('or press').waitFor();
    await page.keyboard.press('n');
    const dialog = page.getByRole('dialog', { name: 'New session' });
    await dialog.waitFor();
    await dialog.getByLabel('Show models').click();
    await page.getByRole('option', { name: 'My model' }).waitFor();
    await page.getByRole('option', { name: /^Demo/ }).click();
    await dialog.getByRole('combobox', { name: 'Folder' }).fill(stage.project);
    await dialog.getByRole('group', { name: 'Modes' }).getByRole('switch', { name: 'Plan mode' }).waitFor();
    await portrait(page, 'session-2-new-session');
    await page.keyboard.press('Control+Enter');
    await page.waitForURL(/\/s\/[\w-]+$/);
    sid = new URL(page.url()).pathname.split('/').at(-1)!;
    await page.getByRole('heading', { name: 'What should the agent do?' }).waitFor();
    expect(await eventOf('session_started')).toMatchObject({ cwd: stage.project, model: 'demo/demo' });
  });

  it('text and tool output grow on the page while they are written, and end as in the log', async () => {
    const { page } = desktop;
    const texts = await recordGrowth(page, '[role=log] .prose');
    await view.say('Hello **there**');
    await view.log.getByText('That was a real shell command').waitFor();
    await portrait(page, 'session-3-streaming');
    await view.log.getByText('another model: any provider').waitFor();
    await idle();
    const lengths = (await texts()).filter((text) => text.startsWith('You wrote')).map(({ length }) => length);
    // How often the page draws depends on the machine; one draw before the last shows that the text grew.
    expect(lengths.length).toBeGreaterThan(1);
    expect(lengths).toEqual([...lengths].sort((a, b) => a - b));
    await view.log.getByRole('button', { name: /ls -A/ }).last().click();
    const output = view.log.getByRole('group', { name: 'Output' }).last();
    expect((await output.locator('pre').innerText()).trim().split('\n')).toEqual(FILES);

    const outputs = await recordGrowth(page, '[role=log] [aria-label="Output"] pre');
    const { prompt, seen } = steppedOutput(stage, 3);
    await view.say(prompt);
    for (const slice of [1, 2, 3]) {
      await output.getByText(`slice ${slice}`).waitFor();
      seen(slice);
    }
    await view.log.getByText('The tool said').waitFor();
    await idle();
    const printed = (await outputs()).filter((text) => text.startsWith('slice'));
    expect(printed.length).toBeGreaterThan(2);
    for (const [index, text] of printed.slice(1).entries()) expect(text.startsWith(printed[index]!)).toBe(true);
    await expectPageIsTheLog();
  });

  it('a thought is shown while it is written, and folded when it is finished', async () => {
    const { page } = desktop;
    const labelsOf = await recordGrowth(page, '[role=log] [data-seq] button[aria-expanded]');
    await view.say('/demo thinking');
    await view.log.getByText('Facts and pieces are kept apart').waitFor();
    await idle();
    const labels = (await labelsOf()).map((label) => label.split(/\s/)[0]);
    expect(labels).toContain('Thinking');
    expect(labels.at(-1)).toBe('Thought');
    await page
      .getByRole('button', { name: /^Thought/ })
      .last()
      .click();
    await view.log.getByText('give every reader an offset.').waitFor();
    await page
      .getByRole('button', { name: /^Thought/ })
      .last()
      .click();
  });

  it('an edit shows what it changed', async () => {
    const { page } = desktop;
    await view.say('/demo edit');
    const change = page.getByRole('group', { name: /^Change: / }).last();
    await change.getByText('Makes four, or three for hungry people.').waitFor();
    await change.getByText('- 1 spoon of olive oil').waitFor();
    await view.log.getByText('is written and edited').waitFor();
    await idle();
    await portrait(page, 'session-4-edit');
  });

  it('a question can be answered on the desktop and on the phone, and closes on both', async () => {
    const link = await runCli(stage, 'link');
    expect(link.code).toBe(0);
    await phone.page.goto(link.stdout.trim());
    await phone.page.getByRole('link', { name: /Hello/ }).click();
    const small = sessionPage(phone.page);
    await view.say('/demo question');
    const oven = 'Which oven do you have?';
    await small.question(oven).waitFor();
    await view.question(oven).waitFor();
    await portrait(desktop.page, 'session-5-question');
    await portrait(phone.page, 'session-5-question');
    await view.question(oven).getByRole('button', { name: 'Gas' }).click();
    await small.question('Pineapple?').waitFor();
    expect(await small.question(oven).count()).toBe(0);
    await small.question('Pineapple?').getByRole('button', { name: 'No', exact: true }).click();
    const name = view.question('What is your pizza called?');
    await name.getByRole('textbox', { name: 'Answer' }).fill('Quattro');
    await name.getByRole('button', { name: 'Answer', exact: true }).click();
    for (const { page } of [desktop, phone]) {
      for (const text of ['oven: Gas', 'pineapple: no', 'name: Quattro']) await page.getByText(text).last().waitFor();
    }
    expect(await phone.page.getByRole('region', { name: /^Waiting for you/ }).count()).toBe(0);
    await idle();
    expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
    await portrait(phone.page, 'session-6-answered');
  });

  it('a steer is delivered before the next step and a follow-up after it; the page shows both as queued', async () => {
    const { page } = desktop;
    const { prompt, seen } = steppedOutput(stage, 1);
    await view.say(prompt);
    await view.log.getByRole('group', { name: 'Output' }).last().getByText('slice 1').waitFor();
    await view.say('be quick please');
    await view.queue
      .getByRole('listitem')
      .filter({ hasText: 'Steers' })
      .filter({ hasText: 'be quick please' })
      .waitFor();
    await page.getByRole('radio', { name: 'After' }).click();
    await view.say('and then rest');
    await view.queue.getByRole('listitem').filter({ hasText: 'Next' }).filter({ hasText: 'and then rest' }).waitFor();
    await portrait(page, 'session-7-queue');
    seen(1);
    await until(
      'both are delivered',
      async () => {
        const events = (await logged()).map(({ event }) => event as Record<string, unknown>);
        const inputs = events.filter(
          ({ type, text }) => type === 'input_received' && /be quick|then rest/.test(String(text)),
        );
        return (
          inputs.length === 2 &&
          inputs.every(({ commandId }) =>
            events.some((event) => event['type'] === 'input_delivered' && event['commandId'] === commandId),
          )
        );
      },
      60_000,
    );
    await view.rows.filter({ hasText: 'You wrote' }).filter({ hasText: 'and then rest' }).waitFor();
    await idle();
    expect(await view.queue.count()).toBe(0);
    await expectPageIsTheLog();
  });

  it('the stop button stops the agent', async () => {
    const { page } = desktop;
    // The answer would take minutes.
    const size = 2_000_000;
    await view.say(`/demo long ${size}`);
    await page
      .getByText(/^The quick brown fox/)
      .first()
      .waitFor();
    await view.stop.click();
    await view.log.getByText('Stopped.').waitFor();
    await idle();
    const aborted = await eventOf(
      'message_end',
      ({ message }) => (message as { stopReason?: string }).stopReason === 'aborted',
    );
    expect(JSON.stringify(aborted).length).toBeLessThan(size);
  });

  it('the menus change the model and the thinking level, and the log holds both changes', async () => {
    const { page } = desktop;
    const choose = async (menu: RegExp, item: RegExp) => {
      await page.getByRole('button', { name: menu }).first().click();
      await page.getByRole('menuitem', { name: item }).click();
    };
    await choose(/^Model: demo/, /^My model/);
    await eventOf('model_select', ({ model }) => model === 'mine/my-model');
    await choose(/^Model: mine/, /^Demo/);
    await eventOf(
      'model_select',
      ({ model, previousModel }) => model === 'demo/demo' && previousModel === 'mine/my-model',
    );
    await choose(/^Thinking: /, /^high/);
    await eventOf('thinking_level_changed', ({ level }) => level === 'high');
    await page.getByRole('button', { name: 'Thinking: high' }).first().waitFor();
  });

  it('a gateway that is killed in the middle of a message loses nothing: the page reports it and resumes', async () => {
    const { page } = desktop;
    await view.say('/demo long 60000');
    await page.locator('[role=log][aria-busy=true]').waitFor();
    await view.rows
      .last()
      .getByText(/^The quick brown fox/)
      .first()
      .waitFor();
    const dies = async () => {
      await unattended(stage, async () => {
        process.kill(childOf(stage.pid, 'gateway/dist/bundle/main.js'), 'SIGKILL');
        await view.connection.filter({ hasText: /nothing is lost/i }).waitFor();
        await page.screenshot({ path: shot('session-8-gateway-killed-1440-light') });
      });
      await view.connection.waitFor({ state: 'detached' });
      await phone.page.locator('header').getByRole('status').waitFor({ state: 'detached' });
    };
    await desktop.tolerating(NO_SERVER, () => phone.tolerating(NO_SERVER, dies));
    await idle();
    await expectPageIsTheLog();
  });

  it('a reload and a link to a message show the same transcript', async () => {
    const { page } = desktop;
    const before = await readTranscript(page);
    await page.reload();
    await idle();
    await view.rows.first().waitFor();
    await expect.poll(() => readTranscript(page)).toEqual(before);
    const [first] = Object.keys(before)
      .map(Number)
      .sort((a, b) => a - b);
    await page.goto('about:blank');
    await page.goto(`${stage.pageUrl}/s/${sid}#e${first}`);
    await page.locator(`[data-seq="${first}"]`).getByText('Hello there').waitFor();
  });

  it('after everything is stopped and restarted, the page reconnects by itself and the session continues', async () => {
    const away = async () => {
      await stage.stop();
      await view.connection.filter({ hasText: /nothing is lost/i }).waitFor();
      await stage.restart();
      await view.connection.waitFor({ state: 'detached' });
      await phone.page.locator('header').getByRole('status').waitFor({ state: 'detached' });
    };
    await desktop.tolerating(NO_SERVER, () => phone.tolerating(NO_SERVER, away));
    await untilHosted(stage, sid);
    await view.say('are you back?');
    await view.rows.filter({ hasText: 'You wrote' }).filter({ hasText: 'are you back?' }).waitFor();
    await idle();
    await expectPageIsTheLog();
  });

  it('an ended session is shown as ended everywhere, and the page states why nothing can be written', async () => {
    const { page } = desktop;
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'End session…' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'End session' }).click();
    for (const watched of [desktop, phone]) await watched.page.getByText('This session has ended.').waitFor();
    expect(await page.locator('[data-composer]:enabled').count()).toBe(0);
    await page.locator('header').getByText('Ended').waitFor();
    await until('the list says so', async () => {
      const reply = await apiOf(stage).session(sid);
      return reply.kind === 'ok' && reply.value.session.state === 'ended';
    });
    await portrait(page, 'session-9-ended');
    await portrait(phone.page, 'session-9-ended');
  });

  it('a used sign-in link shows what to do', async () => {
    const signedOut = await openPage(browser, { viewport: DESKTOP });
    const { page } = signedOut;
    await signedOut.tolerating(/status of 401/, async () => {
      await page.goto(firstLink);
      await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
      expect(await page.getByRole('alert').innerText()).toMatch(/used or has expired/);
      await page.getByText('npx pizzapi link').last().waitFor();
      await portrait(page, 'session-10-used-link');
    });
    expect(signedOut.complaints).toEqual([]);
    await signedOut.context.close();
  });
});
