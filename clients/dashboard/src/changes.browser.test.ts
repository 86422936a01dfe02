import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';
import { AT_WORK } from './testing/views.js';

let scripted: ScriptedPage;
beforeAll(async () => (scripted = await startScriptedPage()), 120_000);
afterEach(() => {
  expect(scripted.complaints).toEqual([]);
  scripted.forget();
});
afterAll(() => scripted.stop());

async function open(): Promise<Page> {
  const page = await scripted.open(AT_WORK, 'scene=changes');
  await page.getByRole('button', { name: 'Changes', exact: true }).click();
  await page.getByRole('list', { name: 'Changed files' }).waitFor();
  return page;
}

/** Requests to the host that the page has sent, by method. */
const asked = (page: Page, method: string) =>
  page.evaluate((name) => {
    const { calls } = globalThis as unknown as { calls: { method: string; body: Record<string, unknown> }[] };
    return calls.filter((call) => call.method === name).map(({ body }) => body);
  }, method);

describe('the changes of a session', () => {
  it('are shown per turn, and a part of a file is put into the message or undone after a question', async () => {
    const page = await open();
    await page
      .getByRole('button', { name: /viewers\.ts/ })
      .first()
      .click();
    const hunk = page.getByRole('region', { name: /@@ -40,6/ });
    await hunk.getByRole('button', { name: 'Ask the agent' }).click();
    await expect
      .poll(() => page.getByRole('textbox', { name: 'Message' }).inputValue())
      .toMatch(
        /^About this change in services\/gateway.+```diff\n@@ -40,6 \+41,7 @@\n {3}close.+\+ {4}this\.all\.clear/s,
      );
    await hunk.getByRole('button', { name: 'Undo' }).click();
    expect(await asked(page, 'session_undo')).toEqual([]);
    await page.getByRole('alertdialog').getByRole('button', { name: 'Undo' }).click();
    await expect
      .poll(() => asked(page, 'session_undo'))
      .toMatchObject([{ was: '1'.repeat(40), now: '2'.repeat(40), hunk: '@@ -40,6 +41,7 @@' }]);
    await page.getByLabel('Turn', { exact: true }).click();
    // A turn without changes is left out.
    expect(await page.getByRole('option').allInnerTexts()).toHaveLength(3);
    await page.getByRole('option', { name: /Turn 3/ }).click();
    await expect.poll(async () => (await asked(page, 'session_changes')).at(-1)).toMatchObject({ turn: 3 });
  });

  it('are committed with the commit that the person has seen, and work is discarded only after a question', async () => {
    const page = await open();
    await page.getByText('Repository', { exact: true }).click();
    await page.getByLabel('Message of the commit').fill('Resume viewers');
    await page.getByRole('button', { name: 'Commit 2 staged' }).click();
    await expect
      .poll(() => asked(page, 'git_commit'))
      .toEqual([{ sessionId: AT_WORK.slice('/s/'.length), message: 'Resume viewers', head: 'a'.repeat(40) }]);
    await page.getByRole('button', { name: 'Discard notes.txt' }).click();
    const question = page.getByRole('alertdialog');
    await question.getByText('cannot be brought back').waitFor();
    await question.getByRole('button', { name: 'Delete' }).click();
    await expect.poll(() => asked(page, 'git_discard')).toMatchObject([{ files: [{ path: 'notes.txt' }] }]);
  });

  it('are staged and unstaged hunk by hunk, with the contents that the person has seen', async () => {
    const page = await open();
    await page.getByText('Repository', { exact: true }).click();
    const hunkOf = async (list: string) => {
      const files = page.getByRole('list', { name: list });
      await files.getByRole('button', { name: /^M .*viewers\.ts|viewers\.ts changed/ }).click();
      return files.getByRole('region', { name: /@@ -40,6/ });
    };
    const staged = await hunkOf('Staged');
    await staged.getByRole('button', { name: 'Unstage' }).click();
    const seen = { path: expect.stringContaining('viewers.ts') as string, was: '1'.repeat(40), now: '2'.repeat(40) };
    const request = { sessionId: AT_WORK.slice('/s/'.length), ...seen, hunk: '@@ -40,6 +41,7 @@' };
    await expect.poll(() => asked(page, 'git_unstage_hunk')).toEqual([request]);
    const changed = await hunkOf('Changes');
    // By the keyboard.
    await changed.getByRole('button', { name: 'Stage' }).press('Enter');
    await expect.poll(() => asked(page, 'git_stage_hunk')).toEqual([request]);
    // A file that git does not track has nothing to be staged in parts.
    await page.getByRole('button', { name: /notes\.txt new/ }).click();
    await page
      .getByRole('region', { name: /@@ -40,6/ })
      .nth(2)
      .waitFor();
    expect(await page.getByRole('button', { name: 'Stage', exact: true }).count()).toBe(2);
  });

  it('that were committed are in the history, commit by commit, of each branch', async () => {
    const page = await open();
    await page.getByText('History', { exact: true }).click();
    const commits = page.getByRole('list', { name: 'Commits' });
    await commits.getByText('tag: v0.1.0').waitFor();
    await page.getByRole('button', { name: 'Older commits' }).click();
    await commits.getByText('Begin', { exact: true }).waitFor();
    await commits.getByRole('button', { name: /^Send a viewer only/ }).press('Enter');
    await commits.getByText('gets only what it has missed').waitFor();
    await commits
      .getByRole('button', { name: /viewers\.ts/ })
      .first()
      .press('Enter');
    await commits.getByRole('region', { name: /@@ -40,6/ }).waitFor();
    expect(await asked(page, 'git_diff')).toMatchObject([{ to: '1'.repeat(40), path: expect.any(String) as string }]);
    await page.getByLabel('Commits of').click();
    await page.getByRole('option', { name: 'spike' }).click();
    await expect.poll(async () => (await asked(page, 'git_log')).at(-1)).toMatchObject({ rev: 'spike', offset: 0 });
    await page.getByLabel('Commits of').click();
    await page.getByRole('option', { name: 'All branches' }).click();
    await expect.poll(async () => (await asked(page, 'git_log')).at(-1)).toMatchObject({ all: true });
  });

  it('in a work tree are merged by one click, after a question when something is not committed', async () => {
    const page = await open();
    await page.getByText('Work trees', { exact: true }).click();
    await page.getByRole('button', { name: 'Merge', exact: true }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Commit and merge' }).click();
    await page.getByRole('button', { name: 'Merge and remove' }).click();
    await expect
      .poll(() => asked(page, 'merge_worktree'))
      .toMatchObject([
        { worktreeId: 'pizzapi-resume-viewers-1a2b3c4d', commit: expect.stringContaining('Work of') as string },
        { worktreeId: 'pizzapi-docs-5e6f7a8b', remove: true },
      ]);
    // What is merged is removed without discarding anything; other work only when the person confirms that it is lost.
    const remove = page.getByRole('button', { name: 'Remove', exact: true });
    await remove.last().click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Remove' }).click();
    await remove.first().click();
    await page.getByRole('alertdialog').getByText('1 commit not merged').waitFor();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Discard and remove' }).click();
    await expect
      .poll(() => asked(page, 'remove_worktree'))
      .toEqual([{ worktreeId: 'pizzapi-spike-9c0d1e2f' }, { worktreeId: 'pizzapi-docs-5e6f7a8b', discard: 'v2' }]);
  });
});
