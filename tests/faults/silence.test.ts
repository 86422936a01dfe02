import { findFreePort } from '@pizzapi/nats-server';
import { execFileSync } from 'node:child_process';
import type { Browser } from 'playwright-core';
import { startTcpProxy, type TcpProxy } from '@pizzapi/backbone/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser, shot } from '../support/browser.js';
import { CLI } from '../support/cli.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { readLog } from '../support/log.js';
import { DESKTOP, NO_SERVER, PHONE, sessionPage, type WatchedPage } from '../support/page.js';
import { childOf } from '../support/processes.js';
import { openSignedIn } from '../support/signIn.js';
import { startTmux, type Tmux } from '../support/tmux.js';
import { until } from '../support/until.js';
import { newSession } from '../support/viewer.js';

const NOT_CONNECTED = 'Not connected, trying';
const chromium = findChromium();
if (chromium === undefined)
  console.warn('SKIPPED: silent connections of a page. There is no Chromium; set PIZZAPI_CHROMIUM.');
const hasTmux = (() => {
  try {
    execFileSync('tmux', ['-V']);
    return true;
  } catch {
    console.warn('SKIPPED: a silent nats-server and a terminal. There is no tmux.');
    return false;
  }
})();

describe('a connection that carries nothing and stays open', () => {
  let stage: LocalStack;
  let wire: TcpProxy;
  let browser: Browser | undefined;
  let tmux: Tmux | undefined;
  let sid: string;

  beforeAll(async () => {
    const port = await findFreePort();
    wire = await startTcpProxy(() => port);
    stage = await startLocalStack({ PIZZAPI_PUBLIC_URL: `http://127.0.0.1:${wire.port}` }, { port });
    sid = await newSession(stage);
    if (chromium !== undefined) browser = await openBrowser();
    if (hasTmux) tmux = startTmux();
  }, 120_000);
  afterAll(async () => {
    tmux?.kill();
    await closePages();
    await stage?.clear();
    await wire?.close();
  });

  /** Returns the texts of the inputs that reached the agent, in their order. */
  const delivered = async (): Promise<string[]> => {
    const events = (await readLog(stage, sid)).map(({ event }) => event);
    const received = events.filter(({ type }) => type === 'input_received');
    const texts = new Map(received.map((event) => [event['commandId'], String(event['text'])]));
    return events.flatMap(({ type, commandId }) => (type === 'input_delivered' ? [texts.get(commandId) ?? ''] : []));
  };
  const count = async (text: string) => (await delivered()).filter((one) => one === text).length;

  async function open(viewport: { width: number; height: number }): Promise<WatchedPage> {
    const watched = await openSignedIn(stage, browser!, `/s/${sid}`, { viewport });
    const view = sessionPage(watched.page);
    await view.input.waitFor();
    // A first message, so that the page is live.
    const text = `hello from ${viewport.width}, ${Date.now()}`;
    await view.say(text);
    await view.rows.filter({ hasText: text }).first().waitFor();
    return watched;
  }

  it.skipIf(chromium === undefined).each([
    ['1440', DESKTOP],
    ['390', PHONE],
  ])(
    'the page at %s shows it, and sends its message by itself on the next connection, once',
    async (width, viewport) => {
      const watched = await open(viewport);
      const { page } = watched;
      const view = sessionPage(page);
      const text = `silent ${width}`;
      await watched.tolerating(NO_SERVER, async () => {
        wire.silence();
        await view.say(text);
        await view.connection.filter({ hasText: NOT_CONNECTED }).waitFor();
        await until('the message is delivered', async () => (await count(text)) > 0);
        await view.connection.waitFor({ state: 'detached' });
      });
      expect(await page.getByRole('button', { name: 'Send again' }).count()).toBe(0);
      await expect.poll(() => count(text)).toBe(1);
      expect(watched.complaints).toEqual([]);
      await watched.context.close();
    },
  );

  it.skipIf(chromium === undefined || !hasTmux)(
    'while nats-server answers nothing, the page and attach show it, and send their messages by themselves, once',
    async () => {
      const watched = await open(DESKTOP);
      const { page } = watched;
      const view = sessionPage(page);
      const env = { PIZZAPI_HOME: stage.home, TERM: 'xterm-256color', HOME: stage.project };
      const window = tmux!.open([process.execPath, CLI, 'attach', sid, '--relay-url', stage.url], env, stage.project);
      await window.shows('Live');
      const nats = childOf(stage.pid, 'nats-server');
      process.kill(nats, 'SIGSTOP');
      try {
        await view.say('from the page');
        window.type('from the terminal');
        window.press('Enter');
        await view.connection.filter({ hasText: NOT_CONNECTED }).waitFor();
        await window.shows(NOT_CONNECTED);
        await page.screenshot({ path: shot('not-connected-1440-light') });
        await page.setViewportSize(PHONE);
        await page.emulateMedia({ colorScheme: 'dark' });
        await page.screenshot({ path: shot('not-connected-390-dark') });
        expect(await page.getByText('was not sent').count()).toBe(0);
      } finally {
        process.kill(nats, 'SIGCONT');
      }
      for (const text of ['from the page', 'from the terminal'])
        await until(`"${text}" is delivered`, async () => (await count(text)) > 0, 60_000);
      await view.connection.waitFor({ state: 'detached' });
      await window.shows('Live', 60_000);
      for (const text of ['from the page', 'from the terminal']) expect(await count(text)).toBe(1);
      window.close();
      await watched.context.close();
    },
    120_000,
  );
});
