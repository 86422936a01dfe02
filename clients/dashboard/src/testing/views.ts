import type { Page } from 'playwright-core';

/** A page, a dialog or a state of the product that every person can meet. */
export type View = {
  name: string;
  at: string;
  /** What the scripted gateway plays (`dev/main.ts`). */
  query?: string;
} & (
  | {
      /** The address alone brings the state, at each width. This waits for it, and does nothing to the page. */
      shows: (page: Page) => Promise<unknown>;
    }
  | {
      /** Brings the page at `at` into the state, as a person does. What that takes depends on the width. */
      enter: (page: Page) => Promise<unknown>;
    }
);

/** A session at work. */
export const AT_WORK = '/s/story';

const heading = (name: string | RegExp) => (page: Page) => page.getByRole('heading', { name }).first().waitFor();
const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).first().click();
const composer = (page: Page) => page.getByRole('textbox', { name: 'Message' });
const dialog = (page: Page) => page.getByRole('dialog').first().waitFor();
const prompt = (page: Page) =>
  page
    .getByRole('region', { name: /^Waiting for you/ })
    .first()
    .waitFor();

/** Opens an item of the menu of a session. */
const menuItem = async (page: Page, name: string) => {
  await composer(page).waitFor();
  await press(page, 'More');
  await page.getByRole('menuitem', { name }).click();
};

/** Opens the changes beside a session: by a button, or by the menu of a phone. */
const changes = async (page: Page) => {
  await composer(page).waitFor();
  const button = page.getByRole('button', { name: 'Changes', exact: true });
  if (await button.isVisible()) await button.click();
  else {
    await press(page, 'More');
    await page.getByRole('menuitem', { name: 'Changes' }).click();
  }
  await page.getByRole('list', { name: 'Changed files' }).waitFor();
  // The next view in the same tab begins without the panel.
  await page.evaluate(() => sessionStorage.clear());
};
const changedFile = (page: Page) => page.getByRole('button', { name: /viewers\.ts/ });

/** The address that a guest opens a session with. */
export function guestLink(mode: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return `${AT_WORK}#share=${part({ alg: 'HS256' })}.${part({ sub: AT_WORK.slice(3), jti: 'x1', mode, exp })}.c2ln`;
}

const SETTINGS = ['Account', 'Notifications', 'Devices', 'Keys', 'People', 'Audit'];

export const VIEWS: readonly View[] = [
  { name: 'sign in', at: '/', query: 'who=none', shows: heading('Sign in') },
  { name: 'sign in, issuer', at: '/', query: 'who=none&issuer=on', shows: heading('Sign in') },
  {
    name: 'sign in, issuer away',
    at: '/',
    query: 'who=none&issuer=away',
    shows: (page) => page.getByText('Acme cannot be reached now').waitFor(),
  },
  { name: 'sign in, issuer alone', at: '/', query: 'who=none&issuer=only&accounts=none', shows: heading('Sign in') },
  {
    name: 'sign in, refused',
    at: '/auth/oidc/callback?code=1',
    query: 'who=none&issuer=on',
    shows: (page) => page.getByText('may not sign in here').waitFor(),
  },
  {
    name: 'account of the issuer',
    at: '/settings/account',
    query: 'who=issuer',
    shows: (page) => page.getByText('You sign in with Acme').waitFor(),
  },
  { name: 'create an account', at: '/', query: 'who=none&signup=first&accounts=none', shows: heading(/^Create/) },
  { name: 'pair', at: '/pair#k7qd-2mxv', shows: (page) => page.getByText('build-box').waitFor() },
  { name: 'no page', at: '/nowhere', shows: (page) => page.getByText('There is no page').waitFor() },
  { name: 'no session', at: '/s/s_gone', shows: heading('Session not found') },
  { name: 'home', at: '/', shows: (page) => page.getByText('Resume viewers').first().waitFor() },
  {
    name: 'home, empty',
    at: '/',
    query: 'scene=empty',
    shows: (page) =>
      page
        .getByText(/demo model/)
        .first()
        .waitFor(),
  },
  {
    name: 'home, warnings of pi',
    at: '/',
    query: 'scene=limited',
    shows: (page) => page.getByText('install-node').waitFor(),
  },
  { name: 'home, prompts', at: '/', query: 'scene=waiting', shows: heading('Waiting for you') },
  {
    name: 'new session',
    at: '/',
    enter: async (page) => {
      await press(page, /^New session/);
      await page.getByRole('combobox', { name: 'Folder' }).focus();
      await page.getByRole('option').first().waitFor();
    },
  },
  {
    name: 'changes',
    at: AT_WORK,
    query: 'scene=changes',
    enter: async (page) => {
      await changes(page);
      await changedFile(page).first().click();
      await page.getByRole('button', { name: 'Ask the agent' }).first().waitFor();
    },
  },
  {
    name: 'changes, repository',
    at: AT_WORK,
    query: 'scene=changes',
    enter: async (page) => {
      await changes(page);
      await page.getByText('Repository', { exact: true }).click();
      await page.getByRole('list', { name: 'Staged' }).waitFor();
    },
  },
  {
    name: 'changes, history',
    at: AT_WORK,
    query: 'scene=changes',
    enter: async (page) => {
      await changes(page);
      await page.getByText('History', { exact: true }).click();
      await press(page, /^Send a viewer only/);
      await press(page, /viewers\.ts/);
      await page.getByRole('region', { name: /@@ -40,6/ }).waitFor();
    },
  },
  {
    name: 'changes, work trees',
    at: AT_WORK,
    query: 'scene=changes',
    enter: async (page) => {
      await changes(page);
      await page.getByText('Work trees', { exact: true }).click();
      await page.getByRole('button', { name: 'Merge and remove' }).waitFor();
    },
  },
  {
    name: 'changes, without git',
    at: AT_WORK,
    query: 'scene=changes-tools',
    enter: changes,
  },
  {
    name: 'add a host',
    at: '/',
    enter: async (page) => {
      await press(page, 'Add a host');
      await page.getByRole('img', { name: 'QR code of the line' }).waitFor();
    },
  },
  {
    name: 'host of another version',
    at: '/',
    query: 'relay=9.0.0',
    shows: (page) => page.getByText('older than 9.0.0 of its relay').first().waitFor(),
  },
  {
    name: 'switch session',
    at: '/',
    enter: async (page) => {
      await page.getByText('Resume viewers').first().waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox', { name: 'Go to a session' }).waitFor();
    },
  },
  {
    name: 'session, a script of calls',
    at: '/s/nested',
    query: 'scene=nested',
    shows: (page) => page.getByRole('list', { name: 'Calls' }).first().waitFor(),
  },
  { name: 'session at work', at: AT_WORK, shows: (page) => page.getByText('opens a viewer at offset').waitFor() },
  {
    name: 'session, everything open',
    at: AT_WORK,
    enter: async (page) => {
      await page.getByText('off-by-one').waitFor();
      const folded = page.locator('[data-seq] button[aria-expanded=false]');
      while ((await folded.count()) > 0) await folded.first().click();
    },
  },
  {
    name: 'menu of a session',
    at: AT_WORK,
    enter: async (page) => {
      await composer(page).waitFor();
      await press(page, 'More');
      await page.getByRole('menu').waitFor();
    },
  },
  { name: 'delete a session', at: AT_WORK, enter: (page) => menuItem(page, 'Delete…') },
  {
    name: 'rename a session',
    at: AT_WORK,
    enter: (page) => press(page, 'Resume viewers from their offset'),
  },
  {
    name: 'commands',
    at: AT_WORK,
    enter: async (page) => {
      await composer(page).fill('/');
      await page.getByRole('listbox', { name: 'Commands' }).waitFor();
    },
  },
  {
    name: 'share',
    at: AT_WORK,
    enter: async (page) => {
      await press(page, 'Share');
      await dialog(page);
      await page.getByText('Links of this session').first().waitFor();
    },
  },
  {
    name: 'about a host',
    at: '/',
    enter: async (page) => {
      await page
        .getByRole('button', { name: /^About / })
        .first()
        .click();
      await page.getByText('The gateway to the host').waitFor();
    },
  },
  {
    name: 'terminal of a session',
    // The tab of the browser remembers that the panel of a session is open: a session that no other view shows.
    at: '/s/paragraphs',
    query: 'scene=terminals',
    enter: async (page) => {
      await composer(page).waitFor();
      const button = page.getByRole('button', { name: 'Terminal', exact: true });
      if (await button.isVisible()) await button.click();
      else await menuItem(page, 'Terminal');
      await press(page, /^bash/);
      await page.locator('.xterm-rows').waitFor();
    },
  },
  {
    name: 'terminals of a host',
    at: '/hosts/r1/terminals',
    query: 'scene=terminals',
    enter: async (page) => {
      await press(page, 'server');
      await page.getByText('has the keyboard').waitFor();
    },
  },
  {
    name: 'no terminal yet',
    at: '/hosts/r1/terminals',
    shows: (page) => page.getByRole('button', { name: 'Open a terminal' }).waitFor(),
  },
  {
    name: 'new terminal in a folder',
    at: '/hosts/r1/terminals',
    enter: async (page) => {
      await press(page, 'In another folder…');
      await page.getByRole('combobox', { name: 'Folder' }).focus();
      await page.getByRole('option').first().waitFor();
    },
  },
  {
    name: 'files in a message',
    at: AT_WORK,
    query: 'scene=files',
    enter: async (page) => {
      await composer(page).fill('@note');
      await page.getByRole('listbox', { name: 'Files' }).waitFor();
    },
  },
  { name: 'details', at: AT_WORK, enter: (page) => press(page, /details$/) },
  { name: 'new, empty session', at: '/s/fresh', shows: heading('What should the agent do?') },
  { name: 'ended session', at: '/s/done', shows: (page) => page.getByText('This session has ended.').waitFor() },
  { name: 'lost host', at: '/s/lost', shows: (page) => page.getByText('The host is out of reach.').waitFor() },
  {
    name: 'model gone',
    at: '/s/model-gone',
    query: 'scene=model-gone',
    shows: (page) => page.getByText('The runner has no model').waitFor(),
  },
  {
    name: 'nearly full',
    at: AT_WORK,
    query: 'storage=full',
    shows: (page) => page.getByText('Nothing more').waitFor(),
  },
  {
    name: 'files of a host',
    at: '/hosts/r1/files',
    query: 'scene=files',
    enter: async (page) => {
      await page.getByRole('treeitem').filter({ hasText: 'README.md' }).click();
      await page.locator('[data-code-editor] .cm-content').waitFor();
    },
  },
  { name: 'question', at: '/s/ask-several', query: 'scene=prompts', shows: prompt },
  { name: 'options', at: '/s/ask-six', query: 'scene=prompts', shows: prompt },
  { name: 'plan', at: '/s/ask-plan', query: 'scene=prompts', shows: prompt },
  { name: 'approval', at: '/s/ask-edit', query: 'scene=prompts', shows: prompt },
  { name: 'trust', at: '/s/ask-trust', query: 'scene=prompts', shows: prompt },
  {
    name: 'queue',
    at: '/s/queue',
    query: 'scene=queue',
    shows: (page) => page.getByRole('list', { name: 'Queue' }).waitFor(),
  },
  ...SETTINGS.map((name) => ({
    name: `settings, ${name}`,
    at: `/settings/${name.toLowerCase()}`,
    shows: heading(name),
  })),
  {
    name: 'new key',
    at: '/settings/keys',
    enter: async (page) => {
      await press(page, 'New key');
      await dialog(page);
    },
  },
  {
    name: 'shortcuts',
    at: '/s/fresh',
    enter: async (page) => {
      await composer(page).waitFor();
      await press(page, 'More');
      await page.getByRole('menuitem', { name: 'Keyboard shortcuts' }).click();
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    },
  },
  {
    name: 'search in a session',
    at: AT_WORK,
    enter: async (page) => {
      await page.getByText('off-by-one').waitFor();
      await page.keyboard.press('Control+f');
      await page.getByRole('textbox', { name: 'Search this session' }).fill('resume');
      await page
        .getByRole('search')
        .getByText(/^\d+ of \d+$/)
        .waitFor();
    },
  },
  {
    name: 'choose a model',
    at: '/s/fresh',
    enter: async (page) => {
      await composer(page).waitFor();
      if (
        !(await page
          .getByRole('button', { name: /^Model/ })
          .first()
          .isVisible())
      )
        await press(page, 'Show details');
      await page
        .getByRole('button', { name: /^Model/ })
        .last()
        .click();
      await page.getByRole('menu').waitFor();
    },
  },
  // Last, because a page that was opened by a link stays one of a guest.
  { name: 'name of a guest', at: guestLink('collab'), shows: heading(/^You are invited/) },
  {
    name: 'session of a guest',
    at: guestLink('read'),
    enter: async (page) => {
      await page.getByRole('button', { name: 'Skip', exact: true }).click();
      await page.getByText('off-by-one').waitFor();
    },
  },
];
