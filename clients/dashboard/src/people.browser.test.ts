import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PHONE, startScriptedPage, type ScriptedPage } from './testing/scriptedPage.js';
import { AT_WORK } from './testing/views.js';

let scripted: ScriptedPage;
beforeAll(async () => {
  scripted = await startScriptedPage();
});
beforeEach(() => scripted.forget());
afterAll(() => scripted?.stop());

const field = (page: Page, label: string) => page.getByLabel(label, { exact: true });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const fits = async (page: Page) =>
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);

describe('somebody who is not signed in', () => {
  it('is told that a password is wrong, then when to try again, and comes in with the right one', async () => {
    const page = await scripted.open('/', 'who=nobody');
    await field(page, 'E-mail').fill('ada@example.com');
    await field(page, 'Password').fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('The e-mail address or the password is wrong.').waitFor();
    expect(await field(page, 'Password').inputValue()).toBe('');
    await field(page, 'Password').fill('Correct1horse');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await button(page, 'Sign out').click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await field(page, 'E-mail').fill('ada@example.com');
    await field(page, 'Password').fill('Slow0down');
    await page.keyboard.press('Enter');
    await page
      .getByRole('alert')
      .getByText(/Try again in\s+[1-4]\d s/)
      .waitFor();
    expect(await button(page, 'Sign in').isDisabled()).toBe(true);
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('creates the first account once its password meets every rule', async () => {
    const page = await scripted.open('/', 'who=nobody&signup=first&accounts=none');
    await page.getByRole('heading', { name: 'Create the first account' }).waitFor();
    await field(page, 'E-mail').fill('ada@example.com');
    await field(page, 'Password').fill('correcthorse');
    expect(await button(page, 'Create account').isDisabled()).toBe(true);
    expect(await page.getByLabel('not met:').count()).toBe(2);
    await field(page, 'Password').fill('Correct1horse');
    expect(await page.getByLabel('not met:').count()).toBe(0);
    await button(page, 'Create account').click();
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await page.close();
  });

  it('comes back to what asked to be paired', async () => {
    const page = await scripted.open('/pair#k7qd-2mxv', 'who=nobody', PHONE);
    await page.getByText('Sign in first.').waitFor();
    await field(page, 'E-mail').fill('ada@example.com');
    await field(page, 'Password').fill('Correct1horse');
    await page.keyboard.press('Enter');
    await page.getByText('build-box').waitFor();
    await fits(page);
    await button(page, 'Approve').click();
    await page.getByRole('heading', { name: 'Approved' }).waitFor();
    await page.close();
  });
});

describe('settings', () => {
  it('names each page of the settings like its tab', async () => {
    const page = await scripted.open('/settings/account');
    for (const name of ['Account', 'Notifications', 'Devices', 'Keys', 'People', 'Audit']) {
      await page.getByRole('link', { name, exact: true }).click();
      await page.getByRole('heading', { name, exact: true }).waitFor();
    }
    await page.close();
  });

  it('show a new key once, with the command it is for, and revoke it after a question', async () => {
    const page = await scripted.open('/settings/keys');
    await button(page, 'New key').click();
    await field(page, 'Name').fill('Cellar');
    for (const key of ['Tab', 'ArrowRight', 'Enter']) await page.keyboard.press(key);
    const dialog = page.getByRole('dialog', { name: 'Your new key' });
    await dialog.getByText(/^PIZZAPI_RUNNER_TOKEN=pzr_\w+ PIZZAPI_NATS_URL=\S+ npx pizzapi runner$/).waitFor();
    await button(page, 'Done').click();
    await button(page, 'Revoke Cellar').waitFor();
    expect(await page.content()).not.toContain('B3nE5xYk');
    await button(page, 'Revoke Cellar').click();
    await page.getByRole('alertdialog', { name: 'Revoke “Cellar”?' }).waitFor();
    await button(page, 'Revoke key').click();
    await button(page, 'Revoke Cellar').waitFor({ state: 'detached' });
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('show the audit trail on a phone, of one kind or all, page after page', async () => {
    const page = await scripted.open('/settings/audit', '', PHONE);
    await page.getByText('was refused GET /api/sessions').first().waitFor();
    await fits(page);
    const rows = page.getByRole('button', { name: 'Details' });
    expect(await rows.count()).toBe(50);
    await button(page, 'Load more').click();
    await expect.poll(() => rows.count()).toBe(100);
    await page.getByLabel('Show').click();
    await page.getByRole('option', { name: 'Failed sign-ins' }).click();
    await expect.poll(() => rows.count()).toBe(10);
    await page.getByText('No more entries.').waitFor();
    await page.close();
  });

  it('of a member have no pages of the admin', async () => {
    const page = await scripted.open('/settings/audit', 'who=member');
    await page.getByText('Only the admin can see this page.').waitFor();
    const links = page.getByRole('navigation', { name: 'Settings' }).getByRole('link');
    expect(await links.allTextContents()).toEqual(['Account', 'Notifications', 'Devices', 'Keys']);
    await page.close();
  });

  it('offer a password to whoever came by a link', async () => {
    const page = await scripted.open('/settings', 'who=linked');
    await page.getByText('You signed in by a link').waitFor();
    await field(page, 'E-mail').fill('ada@example.com');
    await field(page, 'Password').fill('Correct1horse');
    await button(page, 'Set password').click();
    await page.getByText('Password set.').waitFor();
    await page.getByRole('heading', { name: 'Change password' }).waitFor();
    await page.close();
  });
});

describe('a session', () => {
  it('is shared to watch unless one chooses otherwise, and its links are revoked', async () => {
    const page = await scripted.open('/s/story');
    await button(page, 'Share').click();
    expect(await page.getByRole('radio', { name: 'Read-only' }).isChecked()).toBe(true);
    expect(await page.getByRole('radio', { name: '24 hours' }).isChecked()).toBe(true);
    await button(page, 'Create link').click();
    await page.getByText('https://pizza.example/l#Abcdefghijklmnop').waitFor();
    await page.getByRole('img', { name: 'QR code of the link' }).waitFor();
    await button(page, 'Remove approving').click();
    await button(page, 'Remove approving').waitFor({ state: 'detached' });
    await button(page, 'Make read-only').first().click();
    await button(page, 'Make read-only').first().click();
    await button(page, 'Make read-only').waitFor({ state: 'detached' });
    await button(page, 'Revoke all').click();
    await page.getByRole('region', { name: 'Links of this session' }).waitFor({ state: 'detached' });
    expect(await page.getByText('/l#Abcdefghijklmnop').count()).toBe(0);
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('is shared to approve by a third choice, which says what it allows', async () => {
    const page = await scripted.open('/s/story');
    await button(page, 'Share').click();
    await page.getByText('Only you set rules for later calls.').waitFor();
    await page.getByRole('form', { name: 'New link' }).getByText('Can write and approve').click();
    await button(page, 'Create link').click();
    await page.getByText('Anyone with this link can watch, write and approve').waitFor();
    await page.getByRole('listitem').filter({ hasText: 'Can write and approve' }).nth(1).waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('shows who is watching, and how', async () => {
    const page = await scripted.open('/s/story');
    await button(page, '5 watching').click();
    await page.getByRole('listitem').filter({ hasText: 'Ada Lovelace, you' }).getByText('Owner').waitFor();
    await page.getByRole('listitem').filter({ hasText: 'Ann' }).getByText('Can write').waitFor();
    await page.getByRole('listitem').filter({ hasText: 'Eve' }).getByText('Can approve').waitFor();
    await page.getByRole('log').getByText('via link', { exact: true }).waitFor();
    await page.close();
  });
});

describe('sharing with people', () => {
  it('an admin invites a person by a link, which is listed until it is revoked', async () => {
    const page = await scripted.open('/settings/people', '', PHONE);
    await page.getByText('used by Grace Hopper').waitFor();
    await button(page, 'Invite a person').click();
    await page.getByLabel('Note for yourself').fill('Bob');
    await button(page, 'Create invitation').click();
    await page.getByRole('img', { name: 'QR code of the invitation' }).waitFor();
    await page.getByText('https://pizza.example/invite#').waitFor();
    await button(page, 'Done').click();
    await fits(page);
    await button(page, 'Revoke the invitation Bob').click();
    await page.getByText('revoked', { exact: false }).first().waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('an invitation opens a form for name and password, and signs in; one that is used up says so', async () => {
    const page = await scripted.open('/invite#good', 'who=visitor', PHONE);
    await page.getByText('Ada invites you').waitFor();
    await field(page, 'Name').fill('Bob');
    await field(page, 'E-mail').fill('bob@example.com');
    await field(page, 'Password').fill('Correct1horse');
    await fits(page);
    await button(page, 'Create account').click();
    await page.getByRole('navigation', { name: 'Sessions' }).waitFor();
    expect(await page.evaluate(() => location.href)).not.toContain('good');
    await page.close();
    const other = await scripted.open('/invite#used', 'who=visitor');
    await other.getByRole('heading', { name: 'This invitation cannot be used' }).waitFor();
    await other.close();
  });

  it('a session is shared with a person, who is listed for its owner, and withdrawn', async () => {
    const page = await scripted.open(AT_WORK);
    await button(page, 'Share').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('With a person', { exact: true }).click();
    await field(page, 'E-mail address or account id').fill('bob@example.com');
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await page.getByRole('alert').getByText('Give the exact e-mail address').waitFor();
    await field(page, 'E-mail address or account id').fill('grace@example.com');
    await dialog.getByText('Collaborate', { exact: true }).click();
    await dialog.getByRole('button', { name: 'Share', exact: true }).click();
    await dialog.getByText('grace@example.com · Can write').waitFor();
    await button(page, 'Stop sharing with Grace Hopper').click();
    await page.getByRole('region', { name: 'People with access' }).waitFor({ state: 'detached' });
    await page.close();
  });

  it('a session of another account is under “Shared with me”, without what is its owner’s, until it is withdrawn', async () => {
    const page = await scripted.open('/', 'scene=shared');
    const group = page.getByRole('navigation', { name: 'Sessions' });
    await group.getByRole('button', { name: 'Shared with me', exact: true }).waitFor();
    await group.getByText('Grace', { exact: true }).waitFor();
    await group.getByRole('link', { name: 'Tune the compiler' }).click();
    await page.getByText('Shared by Grace, read only').waitFor();
    await page.getByText('The owner lets you watch this session').waitFor();
    expect(await page.getByRole('textbox', { name: 'Message' }).count()).toBe(0);
    expect(await button(page, 'Share').count()).toBe(0);
    await group.getByRole('link', { name: 'Write the manual' }).click();
    await page.getByText('Shared by Grace, you can write').waitFor();
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
    await button(page, 'More').click();
    const items = (await page.getByRole('menuitem').allTextContents()).map((text) => text.replace(/\s+/g, ' ').trim());
    expect(items.slice(3)).toEqual(['Copy link', 'Mute notifications', 'Compact context', 'Stop the agent']);
    await page.keyboard.press('Escape');
    await page.evaluate(() => (globalThis as unknown as { withdraw(sid: string): void }).withdraw('theirs-too'));
    await page.getByText('The owner no longer shares this session with you.').waitFor();
    await page.close();
  });
});

describe('a host', () => {
  it('is added by one line, whose code is approved in the dialog, which says when the host is online', async () => {
    const page = await scripted.open('/');
    await button(page, 'Add a host').click();
    await page.getByText(/^curl -fsSL .*\/install\.sh \| sh$/).waitFor();
    await page.getByRole('img', { name: 'QR code of the line' }).waitFor();
    await page.getByText('This line works on this computer only').waitFor();
    await field(page, 'Code').fill('k7qd2mxv');
    await button(page, 'Continue').click();
    await page.getByText('to host your sessions').waitFor();
    await button(page, 'Approve').click();
    await page.getByText('Approved:').waitFor();
    await page.getByText('Waiting until the host is online').waitFor();
    await page.evaluate(() => (globalThis as unknown as { addRunner(name: string): void }).addRunner('workshop'));
    await page.getByRole('heading', { name: 'workshop is online' }).waitFor();
    await button(page, 'New session there').click();
    await page.getByRole('dialog', { name: 'New session' }).getByText('workshop').waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('of another version than its relay says so, and how to update it', async () => {
    const page = await scripted.open('/', 'relay=0.2.0');
    await page.getByText(/has PizzaPi 0\.1\.0, older than 0\.2\.0 of its relay\. Update the host: curl/).waitFor();
    await page.close();
    const same = await scripted.open('/', 'relay=0.1.0');
    await same.getByText('ada-laptop').first().waitFor();
    expect(await same.getByText('of its relay').count()).toBe(0);
    await same.close();
  });
});

describe('the phone', () => {
  it('is shown what to do while only this computer can open the page, and no QR code, and then the code', async () => {
    const page = await scripted.open('/');
    await button(page, 'Continue on your phone').click();
    await page.getByText('Only this computer can open the page now.').waitFor();
    await page.getByText('npm start -- --lan').waitFor();
    const code = page.getByRole('img', { name: 'QR code that signs your phone in' });
    expect(await code.count()).toBe(0);
    await button(page, 'Open to the local network').click();
    await code.waitFor();
    await page.getByText('Everyone in this network can open the sign-in page').waitFor();
    await button(page, 'Close the local network again').click();
    await code.waitFor({ state: 'detached' });
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('of a link that has ended says so at its short address', async () => {
    const page = await scripted.open('/l#Abcdefghijklmnop', 'who=visitor', PHONE);
    await page.getByRole('heading', { name: 'This link does not open a session' }).waitFor();
    await page.close();
  });
});

/** A link to the session of the script. Nobody has signed it: the page shows what a token says and proves nothing. */
function link(mode: string, expiresInS = 3_600): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1_000) + expiresInS;
  return `/s/story#share=${part({ alg: 'HS256' })}.${part({ sub: 'story', jti: 'x1', mode, exp })}.c2ln`;
}
const closeSockets = (page: Page, code: number) =>
  page.evaluate((c) => (globalThis as unknown as { closeSockets(code: number): void }).closeSockets(c), code);

describe('a guest', () => {
  it('who may watch sees the one session, cannot write, and is told when the link is taken back', async () => {
    const page = await scripted.open(link('read'), '', PHONE);
    await field(page, 'Your name').fill('Bob');
    await page.keyboard.press('Enter');
    await page.getByText('Shared by link, read only').waitFor();
    await page.getByText('This link is read-only.').waitFor();
    await fits(page);
    expect(await page.getByRole('textbox', { name: 'Message' }).count()).toBe(0);
    for (const name of ['Share', 'All sessions']) expect(await button(page, name).count()).toBe(0);
    expect(await page.getByRole('navigation').count()).toBe(0);
    expect(await page.evaluate(() => location.href)).not.toContain('share');
    await page.reload();
    await page.getByText('Shared by link, read only').waitFor();
    await page.getByRole('log').getByText('via link', { exact: true }).waitFor();
    await closeSockets(page, 4401);
    await page.getByRole('heading', { name: 'This link was revoked' }).waitFor();
    expect(await page.getByRole('log').count()).toBe(0);
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });

  it('who may write has the composer, and nothing that is the owner’s', async () => {
    const page = await scripted.open(link('collab'));
    await button(page, 'Skip').click();
    await page.getByText('Shared by link, you can write').waitFor();
    await page.getByRole('textbox', { name: 'Message' }).waitFor();
    await button(page, 'More').click();
    const items = await page.getByRole('menuitem').allTextContents();
    const forAll = ['Search…', 'Go to the beginning', 'Keyboard shortcuts'];
    expect(items.map((text) => text.trim().replace(/CtrlF$|Home$|\?$/, ''))).toEqual([
      ...forAll,
      'Compact context',
      'Stop the agent',
    ]);
    await page.close();
  });

  it('who signs in in the same tab is a guest no more', async () => {
    const page = await scripted.open(link('read'));
    await button(page, 'Skip').click();
    await page.getByText('Shared by link, read only').waitFor();
    await page.goto(`${scripted.url}/?at=/`);
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await page.goto(`${scripted.url}/?at=/s/story`);
    await button(page, 'Share').waitFor();
    await page.close();
  });

  it('with a link that was cut is told so, and asks the gateway nothing', async () => {
    const page = await scripted.open('/s/story#share=eyJhbGciOi');
    await page.getByRole('heading', { name: 'This link is incomplete' }).waitFor();
    expect(scripted.complaints).toEqual([]);
    await page.close();
  });
});
