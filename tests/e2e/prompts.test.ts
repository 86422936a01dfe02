import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser, shot } from '../support/browser.js';
import { CLI } from '../support/cli.js';
import { shareLocalStack, type SharedStack } from '../support/localStack.js';
import { recordNotes, sessionPage, type WatchedPage } from '../support/page.js';
import { childOf, workerOf } from '../support/processes.js';
import { openSignedIn } from '../support/signIn.js';
import { steppedOutput } from '../support/steppedOutput.js';
import { startTmux, type Window } from '../support/tmux.js';
import { until } from '../support/until.js';
import { apiOf, newSession, watch, type SessionWatcher } from '../support/viewer.js';

const OVEN = 'Which oven?';
/** The agent asks one question. */
const ASKS = `/demo call ask_user_question {"questions":[{"question":"${OVEN}","options":["Wood","Gas"]}]}`;
const CALLS = '/demo call bash {"command":"touch baked"}';

const chromium = findChromium();
if (chromium === undefined) console.warn('SKIPPED: prompts in a browser. There is no Chromium; set PIZZAPI_CHROMIUM.');

describe.skipIf(chromium === undefined)('prompts', () => {
  const tmux = startTmux();
  let stage: SharedStack;
  let browser: Browser;
  /** A signed-in page. */
  let desktop: WatchedPage;
  const watchers: SessionWatcher[] = [];

  beforeAll(async () => {
    stage = await shareLocalStack();
    browser = await openBrowser();
    desktop = await openSignedIn(stage, browser, '/');
  }, 120_000);
  afterEach(async ({ task }) => {
    watchers.splice(0).forEach((watcher) => watcher.close());
    if (task.result?.state === 'fail') await desktop.page.screenshot({ path: shot(`prompts-failed-${task.id}`) });
    expect(desktop.complaints.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    tmux.kill();
    await closePages();
    await stage?.release();
  });

  async function openSession(page: Page, sid: string): Promise<ReturnType<typeof sessionPage>> {
    await page.goto(`${stage.pageUrl}/s/${sid}`);
    return sessionPage(page);
  }

  function viewer(sid: string): SessionWatcher {
    const watcher = watch(stage, sid);
    watchers.push(watcher);
    return watcher;
  }

  const attach = (sid: string): Window =>
    tmux.open(
      [process.execPath, CLI, 'attach', sid, '--relay-url', stage.url],
      { PIZZAPI_HOME: stage.home, HOME: stage.home },
      stage.project,
    );

  /** Freezes the daemon while `work` runs, so that commands to the runner wait. */
  async function whileFrozen(work: () => Promise<void>): Promise<void> {
    const daemon = childOf(stage.pid, 'runner/dist/bundle/main.js');
    process.kill(daemon, 'SIGSTOP');
    try {
      await work();
    } finally {
      process.kill(daemon, 'SIGCONT');
    }
  }

  async function stateOf(sid: string): Promise<string | undefined> {
    const reply = await apiOf(stage).sessions();
    return reply.kind === 'ok' ? reply.value.sessions.find(({ sessionId }) => sessionId === sid)?.state : undefined;
  }

  it('a question stays open without a viewer, and is answered on a page that was opened after it', async () => {
    const sid = await newSession(stage, '/demo ask');
    await until('it is listed as waiting', async () => (await stateOf(sid)) === 'waiting');
    const opened = await openSignedIn(stage, browser, '/');
    const { page } = opened;
    // The list of sessions shows the question too.
    await page.getByRole('group', { name: 'Which oven do you have?' }).waitFor();
    const view = await openSession(page, sid);
    const card = view.question('The agent has 2 questions');
    await card.getByText('Gas', { exact: true }).click();
    await card.getByLabel('Answer to question 2').fill('Quattro');
    const noted = await recordNotes(page);
    await card.getByRole('button', { name: 'Send answers' }).click();
    const answer = view.rows.filter({ hasText: 'This is what I understood' });
    for (const text of ['Gas', 'Quattro']) await answer.getByText(text).waitFor();
    await noted(/Delivered: “Gas · Quattro”/);
    expect(await card.count()).toBe(0);
    await until('no prompt is open', async () => (await stateOf(sid)) === 'idle');
    expect(opened.complaints).toEqual([]);
    await opened.context.close();
  });

  it('a person starts a session, answers, stops the agent and shares with the keyboard alone, and the page announces each', async () => {
    const opened = await openSignedIn(stage, browser, '/');
    const { page } = opened;
    const { keyboard } = page;
    const focused = () =>
      page.evaluate(() => {
        const node = document.activeElement as HTMLElement;
        return node.id === 'page' ? 'page' : (node.ariaLabel ?? node.innerText);
      });
    /** Presses Tab, or Shift and Tab, until an element with this name has the focus. */
    const reach = async (name: RegExp, key: 'Tab' | 'Shift+Tab') => {
      for (let presses = 0; presses < 80 && !name.test(await focused()); presses++) await keyboard.press(key);
      expect(await focused()).toMatch(name);
    };
    const noted = await recordNotes(page);
    await keyboard.press('n');
    await page.getByRole('textbox', { name: 'First prompt' }).waitFor();
    await keyboard.press('Control+Enter');
    await page.waitForURL(/\/s\/[\w-]+$/);
    const view = sessionPage(page);
    await page.getByRole('heading', { name: 'What should the agent do?' }).waitFor();
    // The new page has the focus: its first stop leads to the message.
    await reach(/^Skip to the message$/, 'Tab');
    await keyboard.press('Enter');
    await keyboard.type(ASKS);
    await keyboard.press('Enter');
    await noted(/The agent asks: Which oven\?/);
    await reach(/Wood/, 'Shift+Tab');
    await keyboard.press('Enter');
    await noted(/The agent answered: /);
    await view.log.getByText('Answered: Wood').waitFor();

    await reach(/^Message$/, 'Tab');
    const { prompt } = steppedOutput(stage, 1);
    await keyboard.insertText(prompt);
    await keyboard.press('Enter');
    await view.log.getByRole('group', { name: 'Output' }).last().getByText('slice 1').waitFor();
    await keyboard.press('Escape');
    await page.locator('[role=log][aria-busy=false]').waitFor();
    await noted(/The agent was stopped\.|The agent is done\./);

    await reach(/^Share$/, 'Shift+Tab');
    await keyboard.press('Enter');
    await page.getByRole('dialog', { name: /^Share/ }).waitFor();
    await reach(/^Create link/, 'Tab');
    await keyboard.press('Enter');
    await page.getByText(/\/l#/).waitFor();
    await keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(focused).toBe('Share');
    expect(opened.complaints).toEqual([]);
    await opened.context.close();
  });

  it('a question is shown on every screen, and closes on all when a person answers on one', async () => {
    const sid = await newSession(stage, ASKS);
    const view = await openSession(desktop.page, sid);
    const window = attach(sid);
    const noted = await recordNotes(desktop.page);
    await Promise.all([view.question(OVEN).waitFor(), window.shows('enter answer')]);
    await window.shows('→ Wood');
    window.press('Down', 'Enter');
    await view.question(OVEN).waitFor({ state: 'detached' });
    await noted(/You answered.*: “Gas”/);
    await view.log.getByText('Answered: Gas').waitFor();

    await view.say(ASKS);
    await Promise.all([view.question(OVEN).waitFor(), window.shows('enter answer')]);
    await view.question(OVEN).getByRole('button', { name: 'Wood' }).click();
    await window.hides('enter answer');
    await window.shows('Answered: Wood');
    await view.question(OVEN).waitFor({ state: 'detached' });
    window.close();
  });

  it('a mode that is switched on one screen is shown on every screen, also by the next worker, and the first message names the session', async () => {
    const sid = await newSession(stage, '/demo help');
    const watcher = viewer(sid);
    const { page } = desktop;
    const view = await openSession(page, sid);
    const heading = (name: string) => page.getByRole('heading', { name, exact: true }).waitFor();
    await watcher.next('agent_end');
    await heading('New session');
    const window = attach(sid);
    const toggle = (name: string) => page.getByRole('group', { name: 'Modes' }).getByRole('switch', { name });
    await toggle('Plan mode').click();
    await toggle('Ask for approval').click();
    await window.shows(/plan mode · asks for approval/);
    await view.say('Bake a **pizza**');
    await heading('Bake a pizza');
    const done = await watcher.next('agent_end', undefined, watcher.events.at(-1)!.seq);
    process.kill(workerOf(stage.home, sid), 'SIGKILL');
    await watcher.next('session_resumed', undefined, done.seq);
    await page.reload();
    for (const badge of ['plan mode', 'asks for approval']) await page.locator('header').getByText(badge).waitFor();
    await until('the list shows the modes', async () => {
      const reply = await apiOf(stage).sessions();
      const row = reply.kind === 'ok' ? reply.value.sessions.find(({ sessionId }) => sessionId === sid) : undefined;
      return row?.modes?.join() === 'plan,approvals';
    });
    window.type('/plan off');
    window.press('Enter');
    await page.locator('header').getByText('plan mode').waitFor({ state: 'detached' });
    expect(await toggle('Plan mode').getAttribute('aria-checked')).toBe('false');
    window.close();
  });

  it('a denied call is an error for the model, with the reason', async () => {
    const sid = await newSession(stage);
    const watcher = viewer(sid);
    const view = await openSession(desktop.page, sid);
    await view.say('/approvals ask');
    await view.log.getByText('Tool calls that change something ask for approval').waitFor();
    await view.say(CALLS);
    const card = view.question('Allow this command?');
    await card.getByRole('group', { name: 'Command' }).getByText('touch baked').waitFor();
    await card.getByRole('button', { name: 'Deny with a reason…' }).click();
    await card.getByLabel('Reason').fill('Not on a Monday');
    await card.getByRole('button', { name: 'Deny', exact: true }).click();
    const { event } = await watcher.next('tool_execution_end');
    expect(event).toMatchObject({ toolName: 'bash', isError: true });
    expect(JSON.stringify(event['result'])).toContain('The person denied it: Not on a Monday');
    // The next turn of the demo model repeats the result that it received.
    await view.rows.filter({ hasText: 'The tool said' }).getByText('Not on a Monday').waitFor();
    const result = await until('the result is in the log', () =>
      watcher.events
        .map(({ event }) => event['message'] as Record<string, unknown> | undefined)
        .find((message) => message?.['role'] === 'toolResult'),
    );
    expect(result).toMatchObject({ isError: true });
    expect(existsSync(join(stage.project, 'baked'))).toBe(false);
  });

  it('an approval of a tool of ours is in words on the page and in attach, and every message has its own author', async () => {
    const sid = await newSession(stage);
    const view = await openSession(desktop.page, sid);
    // A command that an extension answers becomes no message.
    await view.say('/approvals ask');
    await view.log.getByText('Tool calls that change something ask for approval').waitFor();
    const window = attach(sid);
    await window.shows('Tool calls that change something');
    window.type('/demo call spawn_session {"prompt":"Bake","name":"Baker"}');
    window.press('Enter');
    await window.shows('enter answer');
    const asked = await window.shows('Allow this? Start a session');
    expect(asked).toContain('Task: Bake');
    expect(asked).not.toContain('spawn_session: {');
    const card = view.question('Allow this? Start a session');
    await card.getByText('Task').waitFor();
    await card.getByRole('button', { name: 'Deny', exact: true }).click();
    await window.hides('enter answer');
    await view.say('/demo help');
    const bubble = (text: string) => view.rows.filter({ hasText: text }).first();
    await bubble('/demo help').waitFor();
    await until('both messages have their authors', async () => {
      const [fromAttach, fromPage] = [
        await bubble('spawn_session').innerText(),
        await bubble('/demo help').innerText(),
      ];
      return fromAttach.includes('via terminal') && !fromPage.includes('via');
    });
    // Also after a reload, from the log alone.
    await desktop.page.reload();
    await bubble('/demo help').waitFor();
    // The page draws the messages near its end first.
    await expect.poll(() => bubble('spawn_session').innerText()).toContain('via terminal');
    expect(await bubble('/demo help').innerText()).not.toContain('via');

    await view.say('/demo call plan_mode {"action":"submit","title":"Bake","steps":[{"title":"Knead"}]}');
    await view.question('Bake').getByRole('button', { name: 'Approve', exact: true }).click();
    await window.shows('Plan mode is off');
    window.close();
  });

  it.each(['is asked again, and answered', 'is answered before it can be asked again'])(
    'a question survives the death of its worker: it %s',
    async (how) => {
      const sid = await newSession(stage, ASKS);
      const watcher = viewer(sid);
      const view = await openSession(desktop.page, sid);
      await view.question(OVEN).waitFor();
      const noted = await recordNotes(desktop.page);
      const record = join(stage.home, 'runner', 'sessions', `${sid}.json`);
      await until('the question is in the file', () => {
        const { file } = JSON.parse(readFileSync(record, 'utf8')) as { file?: string };
        return file !== undefined && existsSync(file) && readFileSync(file, 'utf8').includes('pizzapi');
      });
      const kill = () => process.kill(workerOf(stage.home, sid), 'SIGKILL');
      const answer = () => view.question(OVEN).getByRole('button', { name: 'Gas' }).click();
      if (how.startsWith('is asked')) {
        kill();
        const { seq } = await watcher.next('session_resumed');
        await watcher.next('question_pending', undefined, seq);
        await answer();
      } else {
        await whileFrozen(async () => {
          kill();
          await answer();
          await view.question(OVEN).getByText('Sent: waiting for the host').waitFor();
        });
      }
      await noted(/Delivered: “Gas”/);
      // The agent receives the answer as a message and continues.
      await view.rows.filter({ hasText: 'You wrote' }).getByText('Answered: Gas').waitFor();
      await watcher.next('agent_end');
      expect(watcher.events.filter(({ event }) => event.type === 'session_resumed')).toHaveLength(1);
      expect(watcher.events.filter(({ event }) => event.type === 'question_cleared')).toHaveLength(1);
      expect(await view.question(OVEN).count()).toBe(0);
    },
  );

  describe('receipts', () => {
    it('a message that is sent while the agent works is queued, then delivered', async () => {
      const sid = await newSession(stage);
      const view = await openSession(desktop.page, sid);
      const window = attach(sid);
      await window.shows('Live');
      const { prompt, seen } = steppedOutput(stage, 1);
      await view.say(prompt);
      await view.log.getByRole('group', { name: 'Output' }).last().getByText('slice 1').waitFor();
      await view.say('Sent in between');
      const waiting = view.queue.getByRole('listitem').filter({ hasText: 'Sent in between' });
      await Promise.all([waiting.waitFor(), window.shows(/Queued.*: Sent in between/)]);
      seen(1);
      const row = view.rows.filter({ hasText: 'Sent in between', hasNotText: 'You wrote' });
      await row.getByText('Delivered', { exact: true }).waitFor();
      await waiting.waitFor({ state: 'detached' });
      await view.rows.filter({ hasText: 'You wrote' }).filter({ hasText: 'Sent in between' }).waitFor();
      window.close();
    });

    it('a person who answers a question that is already answered gets a notice', async () => {
      const sid = await newSession(stage, '/demo question confirm');
      const first = viewer(sid);
      const { event } = await first.next('dialog_opened');
      const view = await openSession(desktop.page, sid);
      const window = attach(sid);
      await Promise.all([view.question('Pineapple?').waitFor(), window.shows('enter answer')]);
      const noted = await recordNotes(desktop.page);
      // Three people answer before any of them can see the other answers.
      await whileFrozen(async () => {
        const sent = await first.session.command('dialog_response', { dialogId: event['dialogId'], value: true });
        expect(sent.kind).toBe('accepted');
        await view.question('Pineapple?').getByRole('button', { name: 'No' }).click();
        await view.question('Pineapple?').getByText('Sent: waiting for the host').waitFor();
        window.press('Down', 'Enter');
        await window.hides('enter answer');
      });
      await noted(/Too late: you already answered/);
      await window.shows('Too late: it was already answered in another client.');
      await view.log.getByText('pineapple: yes').waitFor();
      window.close();
    });
  });
});
