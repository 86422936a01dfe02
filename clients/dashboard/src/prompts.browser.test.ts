import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

const open = (at: string, viewport?: { width: number; height: number }) => scripted.open(at, 'scene=prompts', viewport);
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const card = (page: Page) => page.getByRole('region', { name: /^Waiting for you: / });
/** What the page has sent as the answer to a prompt. */
const answers = (page: Page) =>
  page.evaluate(() =>
    (globalThis as unknown as { sent: { frame: { name?: string; args?: object } }[] }).sent
      .filter(({ frame }) => frame.name === 'dialog_response')
      .map(({ frame }) => frame.args),
  );
const happen = (page: Page, sid: string, ...events: object[]) =>
  page.evaluate(
    ([id, list]) => (globalThis as unknown as { happen(sid: string, events: object[]): void }).happen(id, list),
    [sid, events] as const,
  );

describe('what waits for a person', () => {
  it('is several questions in one card, answered as a whole, by keyboard too', async () => {
    const page = await open('/s/ask-several');
    await card(page)
      .getByText(/^[34]m \d\ds left$/)
      .waitFor();
    expect(await button(page, 'Send answers').isDisabled()).toBe(true);
    await page.getByText('SQLite file').click();
    await page.getByLabel('Answer to question 2').fill('At night');
    await page.getByLabel('Answer to question 3').fill('rows');
    await page.keyboard.press('Enter');
    await page.getByText('Delivered: “SQLite file · At night · rows”.').waitFor();
    expect(await answers(page)).toEqual([{ dialogId: 'q1', value: ['SQLite file', 'At night', 'rows'] }]);
    expect(await card(page).count()).toBe(0);
    expect(await page.evaluate(() => document.activeElement?.hasAttribute('data-composer'))).toBe(true);
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('is a plan to approve, to cancel, or to approve as rewritten, on a phone too', async () => {
    const page = await open('/s/ask-plan', PHONE);
    await button(page, 'Cancel').waitFor();
    await button(page, 'Edit…').click();
    const text = page.getByRole('textbox', { name: 'The plan' });
    expect(await text.inputValue()).toContain('1. Send `after` with the last offset seen\n   Nothing at all');
    await page.keyboard.press('Escape');
    await button(page, 'Approve').waitFor();
    await button(page, 'Edit…').click();
    await text.fill('# Only the first step');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
    await button(page, 'Approve this version').click();
    await page.getByText('Delivered: “approved with edits”.').waitFor();
    expect(await answers(page)).toEqual([{ dialogId: 'p1', value: { action: 'edit', text: '# Only the first step' } }]);
    await page.close();
  });

  it('is a call that needs an approval, with what it would change, denied with a reason', async () => {
    const page = await open('/s/ask-edit');
    await card(page).getByRole('group', { name: 'Change: 2 lines added, 1 removed' }).waitFor();
    await button(page, 'Always allow in this folder: every call of edit').waitFor();
    await button(page, 'Deny with a reason…').click();
    await page.keyboard.type('Not this file');
    await page.keyboard.press('Enter');
    await page.getByText('Delivered: “denied: Not this file”.').waitFor();
    expect(await answers(page)).toEqual([{ dialogId: 'v2', value: { action: 'deny', reason: 'Not this file' } }]);
    await page.close();
  });

  it('is what a folder has of its own, named with its paths, loaded never, not now or from now on', async () => {
    const page = await open('/s/ask-trust', PHONE);
    await card(page).getByRole('heading', { name: 'Load the extensions and settings of this folder?' }).waitFor();
    await card(page).getByText('Extension .pi/extensions/deploy.ts').waitFor();
    await card(page).getByText('shellCommandPrefix source ./env.sh').waitFor();
    for (const name of ['Trust', 'Not now', 'Never']) await button(page, name).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
    await button(page, 'Never').click();
    await page.getByText('Delivered: “never”.').waitFor();
    expect(await answers(page)).toEqual([{ dialogId: 't1', value: 'never' }]);
    await card(page).waitFor({ state: 'detached' });
    await page.close();
  });

  it('is answered by the key of an option; Escape leaves it and stops nobody', async () => {
    const page = await open('/s/ask');
    await card(page).waitFor();
    await card(page).focus();
    await page.keyboard.press('Escape');
    expect(await page.evaluate(() => document.activeElement?.hasAttribute('data-composer'))).toBe(true);
    await card(page).focus();
    await page.keyboard.press('2');
    await page.getByText('Delivered: “SQLite file beside the process”.').waitFor();
    expect(await answers(page)).toEqual([{ dialogId: 'd1', value: 'SQLite file beside the process' }]);
    expect(await page.evaluate(() => JSON.stringify((globalThis as unknown as { sent: object }).sent))).not.toContain(
      'abort',
    );
    await page.close();
  });

  it('says who was faster where an answer came too late, and nothing of it in the transcript', async () => {
    const page = await open('/s/ask-late');
    await button(page, 'Gas').click();
    await page.getByRole('alert').getByText('Too late: Ann already answered.').waitFor();
    expect(await page.getByRole('log').getByText('Somebody answered first').count()).toBe(0);
    await button(page, 'Dismiss').click();
    await page.getByText('Too late').waitFor({ state: 'detached' });
    await page.close();
  });

  it('is said to be answered elsewhere, or expired, when it goes', async () => {
    const at = Date.now();
    const page = await open('/s/ask-command');
    await card(page).waitFor();
    const ann = { userId: 'guest_x1', via: 'collab', name: 'Ann' };
    await happen(
      page,
      'ask-command',
      { type: 'dialog_resolved', at, dialogId: 'v1', value: 'approve', by: ann, outcome: 'answered' },
      { type: 'approval_cleared', at, promptId: 'v1' },
    );
    await page.getByText('Ann answered: “approved”.').waitFor();
    await page.goto(`${scripted.url}/?at=/s/ask-several&scene=prompts`);
    await card(page).waitFor();
    const system = { userId: 'system', via: 'system' };
    await happen(
      page,
      'ask-several',
      { type: 'dialog_resolved', at, dialogId: 'd_q1', by: system, outcome: 'timed_out' },
      { type: 'question_cleared', at, toolCallId: 'q1' },
    );
    await page.getByText('Expired without an answer.').waitFor();
    await page.close();
  });
});

/** A link to a session of the script. Nobody has signed it: the page shows what a token says and proves nothing. */
function link(sid: string, mode: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + 3_600;
  return `/s/${sid}#share=${part({ alg: 'HS256' })}.${part({ sub: sid, jti: 'x1', mode, exp })}.c2ln`;
}

describe('what waits, for a guest', () => {
  const come = async (sid: string, mode: string, viewport?: { width: number; height: number }) => {
    const page = await open(link(sid, mode), viewport);
    await button(page, 'Skip').click();
    return page;
  };
  const OTHERS = 'Waiting for the owner or a guest who can approve.';

  it('who may write is a question to answer; what needs an approval waits for others, and offers nothing', async () => {
    const asked = await come('ask-several', 'collab');
    await card(asked).getByText('SQLite file').click();
    await asked.close();
    for (const [sid, title] of [
      ['ask-command', 'Allow this command?'],
      ['ask-plan', 'Resume viewers from their offset'],
    ] as const) {
      const page = await come(sid, 'collab', PHONE);
      const told = page.getByRole('status').filter({ hasText: OTHERS });
      await told.getByText(title).waitFor();
      await page.locator('header').getByText('Waiting', { exact: true }).waitFor();
      expect(await card(page).count()).toBe(0);
      for (const name of ['Allow once', 'Approve', 'Deny']) expect(await button(page, name).count()).toBe(0);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
      await page.close();
    }
    expect(scripted.complaints).toEqual([]);
  });

  it('who may approve is this one call, with no rule for later and no plan of their own', async () => {
    const page = await come('ask-command', 'approve');
    await page.getByText('Shared by link, you can write and approve').waitFor();
    await button(page, 'Allow once').waitFor();
    expect(
      await card(page)
        .getByRole('button', { name: /Allow in this session|Always allow/ })
        .count(),
    ).toBe(0);
    await button(page, 'Deny').click();
    await page.getByText('Delivered: “denied”.').waitFor();
    expect(await answers(page)).toEqual([{ dialogId: 'v1', value: 'deny' }]);
    await page.close();
    const plan = await come('ask-plan', 'approve');
    await button(plan, 'Approve').waitFor();
    expect(await button(plan, 'Edit…').count()).toBe(0);
    await plan.close();
    expect(scripted.complaints).toEqual([]);
  });

  it('is nothing of what an extension asks', async () => {
    const page = await scripted.open(link('ask', 'approve'));
    await button(page, 'Skip').click();
    await page.getByText('Waiting for the owner: only the owner answers extensions.').waitFor();
    expect(await card(page).count()).toBe(0);
    await page.close();
  });
});

describe('a message', () => {
  const say = async (page: Page, text: string) => {
    await page.getByRole('textbox', { name: 'Message' }).fill(text);
    await button(page, 'Send').click();
  };

  it('shows how far it has come: sent, queued, delivered', async () => {
    const page = await scripted.open('/s/ask');
    await say(page, 'slow');
    await page.getByText('Sent', { exact: true }).waitFor();
    await say(page, 'queue this');
    await page.getByText('Queued: delivered after the current run').waitFor();
    await say(page, 'hello');
    await page.getByText('Delivered', { exact: true }).waitFor();
    await page.close();
  });

  it('that was refused stays with its reason, over a reload too, to be changed or sent again', async () => {
    const page = await scripted.open('/s/ask');
    await say(page, 'refuse me');
    await page.getByText(/^Not delivered: The host of this session is out of reach/).waitFor();
    await page.reload();
    await page.getByText(/^Not delivered: /).waitFor();
    await button(page, 'Edit').click();
    expect(await page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe('refuse me');
    await say(page, 'fail me');
    await page.getByText(/^Not delivered: The runner has no key for this model/).waitFor();
    const said = page.getByText(/The runner has no key for this model/).filter({ visible: true });
    expect(await said.count()).toBe(1);
    await button(page, 'Discard').click();
    await page.getByRole('log').getByText('The runner has no key').waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });
});

describe.each([{ width: 1440, height: 900 }, PHONE])(
  'the modes of a session on a screen that is $width px wide',
  (viewport) => {
    const modes = (page: Page) => page.getByRole('group', { name: 'Modes' });
    const toggle = (page: Page, name: string) => modes(page).getByRole('switch', { name });
    const badge = (page: Page, mode: string) => {
      const header = page.locator('header');
      return header.getByText(mode, { exact: true }).or(header.getByRole('img', { name: mode }));
    };
    /** Commands that the page has sent. */
    const commands = (page: Page) =>
      page.evaluate(() =>
        (globalThis as unknown as { sent: { frame: { type: string; name?: string; args?: object } }[] }).sent.flatMap(
          ({ frame }) => (frame.type === 'command' ? [[frame.name, frame.args]] : []),
        ),
      );

    it('are switches of the owner that follow the log, with badges', async () => {
      const page = await open('/s/fresh', viewport);
      await toggle(page, 'Ask for approval').waitFor();
      // At once: no switch waits for the command of another one.
      await page.evaluate(() => {
        for (const name of ['Plan mode', 'Ask for approval'])
          document.querySelector<HTMLElement>(`[role=switch][aria-label="${name}"]`)!.click();
      });
      await badge(page, 'plan mode').waitFor();
      expect(await toggle(page, 'Plan mode').getAttribute('aria-checked')).toBe('true');
      await badge(page, 'asks for approval').waitFor();
      await toggle(page, 'Goal').click();
      await page.getByLabel('What is to be reached').fill('All tests pass');
      await page.keyboard.press('Escape');
      await page.getByLabel('What is to be reached').waitFor({ state: 'detached' });
      await toggle(page, 'Goal').click();
      await page.getByLabel('Turns at most').fill('9');
      await button(page, 'Set goal').click();
      await badge(page, 'goal').waitFor();
      // Another viewer changes a mode.
      await happen(page, 'fresh', { type: 'plan_mode_toggled', at: Date.now(), enabled: false });
      await badge(page, 'plan mode').waitFor({ state: 'detached' });
      expect(await toggle(page, 'Plan mode').getAttribute('aria-checked')).toBe('false');
      await toggle(page, 'Goal').click();
      await button(page, 'Cancel the goal').click();
      await badge(page, 'goal').waitFor({ state: 'detached' });
      expect(await commands(page)).toEqual([
        ['set_plan_mode', { enabled: true }],
        ['set_approvals', { mode: 'ask' }],
        ['set_goal', { goal: { description: 'All tests pass', maxTurns: 9 } }],
        ['set_goal', { goal: null }],
      ]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
      await page.close();
    });

    it.each(['read', 'approve'])('are badges without switches for a guest with the right to %s', async (right) => {
      const page = await open(link('fresh', right), viewport);
      await button(page, 'Skip').click();
      await page.getByRole('log').waitFor();
      await happen(page, 'fresh', { type: 'approvals_changed', at: Date.now(), mode: 'ask' });
      await badge(page, 'asks for approval').waitFor();
      expect(await modes(page).count()).toBe(0);
      await page.close();
    });

    it('are chosen for a new session', async () => {
      const page = await open('/', viewport);
      await page
        .getByRole('button', { name: /^New session/ })
        .first()
        .click();
      await toggle(page, 'Plan mode').click();
      await toggle(page, 'Ask for approval').click();
      await toggle(page, 'Goal').click();
      await page.getByLabel('Goal of the session').fill('All tests pass');
      await page.getByLabel('Own work tree').check();
      await button(page, 'Start session').click();
      const started = () => page.evaluate(() => (globalThis as unknown as { started: object[] }).started);
      await expect
        .poll(started)
        .toMatchObject([{ approvals: 'ask', planMode: true, worktree: {}, goal: { description: 'All tests pass' } }]);
      await page.close();
    });
  },
);
