import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closePages, findChromium, openBrowser, shot } from '../support/browser.js';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { openPage, sessionPage, type WatchedPage } from '../support/page.js';
import { newSession } from '../support/viewer.js';
import { startHostWithSession, type Host, type HostedSession } from './support/hosts.js';
import { ask, fromPageOf } from './support/http.js';
import { newShare, PASSWORD, settleOwner, type Person } from './support/people.js';

/** What every answer says a page may do. */
const POLICY =
  /^default-src 'self'; connect-src 'self'( wss?:\/\/[\w.:[\]-]+)*; img-src 'self' data: blob:;( worker-src 'self'( blob:)?;)? object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/;
const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" onload="parent.owned=1"><script>parent.owned=1;alert(1)</script></svg>';

const chromium = findChromium();
if (chromium === undefined) console.warn('SKIPPED: hostile pages. There is no Chromium; set PIZZAPI_CHROMIUM.');

describe.skipIf(chromium === undefined)('in a browser', () => {
  let stage: LocalStack;
  let ada: Person;
  let browser: Browser;
  let desk: WatchedPage;

  beforeAll(async () => {
    stage = await startLocalStack({ PIZZAPI_SIGNUP: 'open' });
    ada = await settleOwner(stage);
    browser = await openBrowser();
    desk = await openPage(browser);
  });
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await desk.page.screenshot({ path: shot(`security-failed-${task.id}`) });
    expect(desk.complaints.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await closePages();
    await stage?.clear();
  });

  describe('(17) a policy that lets nothing in from elsewhere', () => {
    it('comes with every answer, pages or not, and names no source but this one', async () => {
      for (const path of [
        '/',
        '/s/any',
        '/settings/keys',
        '/pair',
        '/nowhere',
        '/icon.svg',
        '/api/auth/me',
        '/livez',
      ]) {
        const { host } = fromPageOf(stage.url);
        const { headers, status } = await ask(stage.url, path, { headers: { host } });
        expect(headers['content-security-policy'], `${status} ${path}`).toMatch(POLICY);
        expect(headers, path).toMatchObject({
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          'referrer-policy': 'no-referrer',
          'cross-origin-opener-policy': 'same-origin',
          // That the gateway lives any page may know: one under another name of ours asks.
          'cross-origin-resource-policy': path === '/livez' ? 'cross-origin' : 'same-origin',
        });
      }
    });

    it('comes with the page under another name too, which runs one script and asks one question', async () => {
      for (const path of ['/', '/s/any', '/settings/keys']) {
        const { headers } = await ask(stage.url, path);
        expect(String(headers['content-security-policy']).split('; ')).toEqual([
          "default-src 'none'",
          expect.stringMatching(/^script-src 'sha256-[\w+/=]{44}'$/),
          expect.stringMatching(/^style-src 'sha256-[\w+/=]{44}'$/),
          "img-src 'self'",
          `connect-src ${stage.pageUrl}`,
          "base-uri 'none'",
          "form-action 'none'",
          "frame-ancestors 'none'",
        ]);
      }
    });

    it('of what is private nothing is kept by a browser', async () => {
      const sid = await newSession(stage);
      for (const path of [
        '/api/auth/me',
        '/api/keys',
        '/api/users',
        '/api/audit',
        '/api/sessions',
        `/api/sessions/${sid}`,
        '/api/runners',
        '/',
      ])
        expect(String((await ask(stage.url, path, { bearer: stage.token })).headers['cache-control']), path).toMatch(
          /no-store|private/,
        );
    });

    async function enter(page: Page): Promise<void> {
      await page.goto(stage.pageUrl);
      await page.getByRole('button', { name: 'Create an account' }).click();
      await page.getByLabel('E-mail').fill('dora@example.com');
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await page.getByRole('button', { name: 'Create account' }).click();
      await page.getByRole('status').first().waitFor();
      await page.reload();
      await page.getByLabel('E-mail').fill(ada.email);
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page
        .getByRole('button', { name: /^New session/ })
        .first()
        .waitFor();
    }

    it('a page signs up, in and out, starts a session and talks in it, without breaking it', async () => {
      const { page } = desk;
      // Whether somebody is signed in a page learns from an answer that says no.
      await desk.tolerating(/\b401\b/, () => enter(page));
      await page.keyboard.press('n');
      const dialog = page.getByRole('dialog', { name: 'New session' });
      // The list of runners comes by a way of its own.
      await dialog.getByLabel('Runner').waitFor();
      await dialog.getByRole('combobox', { name: 'Folder' }).fill(stage.project);
      await page.keyboard.press('Control+Enter');
      await page.waitForURL(/\/s\/[\w-]+$/);
      const view = sessionPage(page);
      await view.say('Hello **there**');
      await page.getByRole('log').getByText('another model: any provider').waitFor();
      await page.getByRole('button', { name: 'Share' }).click();
      await page.getByRole('button', { name: 'Create link' }).click();
      await page.getByText('Copy it now').waitFor();
      await page.keyboard.press('Escape');
    });

    it('nor on any page of the settings, nor where a program is let in', async () => {
      const { page } = desk;
      for (const section of ['account', 'devices', 'keys', 'people', 'audit']) {
        await page.goto(`${stage.pageUrl}/settings/${section}`);
        await page.getByRole('navigation', { name: 'Settings' }).waitFor();
        await page.waitForLoadState('networkidle');
      }
      const asked = await ask(stage.url, '/api/pair', { json: { kind: 'runner', name: '<b>box</b>' } });
      await page.goto((asked.json as { verifyUrl: string }).verifyUrl);
      await page.getByText('<b>box</b>').waitFor();
      await page.getByRole('button', { name: 'Deny' }).click();
      await page.getByRole('heading', { name: 'Denied' }).waitFor();
    });

    it('nor where a guest comes in by a link, whose token is gone from the address at once', async () => {
      const sid = await newSession(stage);
      const { shareUrl, token } = await newShare(stage, stage.token, sid, { mode: 'collab' });
      const guest = await openPage(browser);
      const asked: string[] = [];
      guest.page.on('request', (request) => asked.push(request.url()));
      await guest.page.goto(shareUrl);
      await guest.page.getByLabel('Your name').fill('Grace <i>H</i>');
      expect(guest.page.url()).not.toContain(token);
      await guest.page.getByRole('button', { name: 'Open the session' }).click();
      const view = sessionPage(guest.page);
      await view.say('hello from a guest');
      await view.rows.filter({ hasText: 'hello from a guest' }).first().waitFor();
      expect(asked.filter((url) => url.includes(token))).toEqual([]);
      expect(guest.complaints).toEqual([]);
      await guest.context.close();
    });
  });

  describe('(16) a session that is written by somebody hostile', () => {
    let host: Host;
    let hostile: HostedSession;
    let canary: Server;
    let elsewhere: string;
    const visits: string[] = [];
    const requests: string[] = [];
    let popups = 0;
    let dialogs = 0;

    beforeAll(async () => {
      canary = createServer((request, response) => {
        visits.push(request.url ?? '');
        response.end();
      });
      await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
      elsewhere = `http://127.0.0.1:${(canary.address() as AddressInfo).port}`;
      const started = await startHostWithSession(stage, ada, { rid: 'hostile-host', sid: 'hostile-session' });
      [host, hostile] = [started.host, started.session];
      await write();
      await signIn(desk.page);
      desk.page.on('request', (request) => requests.push(request.url()));
      desk.page.on('dialog', (dialog) => (dialogs++, void dialog.dismiss()));
      desk.context.on('page', () => popups++);
    });
    afterAll(async () => {
      await hostile?.close();
      await host?.close();
      canary?.close();
    });

    async function signIn(page: Page): Promise<void> {
      // The page that is open has the token of another sign-in, which does not go with this cookie.
      await page.goto('about:blank');
      const [name, value] = ada.cookie.split('=') as [string, string];
      await page.context().addCookies([{ name, value, url: stage.pageUrl, httpOnly: true, sameSite: 'Strict' }]);
      await page.context().addInitScript((token) => localStorage.setItem('pizzapi.login', token), ada.pageToken);
    }

    const markdown = (): string =>
      [
        'Before.',
        '<script>window.owned = 1</script>',
        `<img src="${elsewhere}/img" onerror="window.owned = 1">`,
        `<img src=x onerror=window.owned=1>`,
        `<svg onload="window.owned = 1"><use href="${elsewhere}/use"/></svg>`,
        `<iframe src="${elsewhere}/frame" srcdoc="<script>parent.owned = 1</script>"></iframe>`,
        `<style>@import "${elsewhere}/css"; body { background: url(${elsewhere}/bg) }</style>`,
        `<link rel="stylesheet" href="${elsewhere}/link"><base href="${elsewhere}/">`,
        `<meta http-equiv="refresh" content="0;url=${elsewhere}/meta">`,
        `<form action="${elsewhere}/form"><input autofocus onfocus="window.owned = 1"><button>x</button></form>`,
        '<details open ontoggle="window.owned = 1">x</details>',
        '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.owned=1&gt;">',
        `![a picture](${elsewhere}/remote.png)`,
        `![ref][pic]`,
        `[link one](javascript:window.owned=1)`,
        '[link two](JaVaScRiPt:window.owned=1)',
        '[link three](java&#x0A;script:window.owned=1)',
        '[link four](&#106;avascript:window.owned=1)',
        '[link five](data:text/html,<script>window.owned=1</script>)',
        '[link six](vbscript:x)',
        '[link seven](<javascript:window.owned=1>)',
        '[link eight][js]',
        '<javascript:window.owned=1>',
        '<a href="javascript:window.owned=1">link nine</a>',
        '[link ten](//127.0.0.1:1/ "onmouseover=window.owned=1")',
        '`<img src=x onerror=window.owned=1>`',
        '```html\n<script>window.owned = 1</script>\n<img src=x onerror=window.owned=1>\n```',
        '```"><img src=x onerror=window.owned=1>\ncode\n```',
        '| <img src=x onerror=window.owned=1> | [t](javascript:window.owned=1) |\n|-|-|\n| x | y |',
        '[pic]: ' + `${elsewhere}/ref.png`,
        '[js]: javascript:window.owned=1',
        'After.',
      ].join('\n\n');

    async function write(): Promise<void> {
      const file = await ask(stage.url, '/api/sessions/hostile-session/blobs', {
        ...{ bearer: stage.token, headers: { 'content-type': 'image/svg+xml' }, body: SVG },
      });
      const { blob, size } = file.json as { blob: string; size: number };
      const svg = Buffer.from(SVG).toString('base64');
      let count = 0;
      const message = (role: string, content: object[], blobs?: object[]) => {
        const messageId = `m${++count}`;
        const whole = { messageId, entryId: `e${count}`, message: { role, content, timestamp: Date.now() } };
        return [
          { type: 'message_start', at: Date.now(), messageId, role },
          { type: 'message_end', at: Date.now(), ...whole, ...(blobs === undefined ? {} : { blobs }) },
        ];
      };
      const text = { type: 'text', text: markdown() };
      const tag = '<img src=x onerror=window.owned=1>';
      const events = [
        { type: 'session_info_changed', at: Date.now(), name: tag },
        ...message('user', [text, { type: 'image', data: svg, mimeType: 'image/svg+xml' }]),
        ...message('assistant', [
          { type: 'thinking', thinking: markdown() },
          text,
          { type: 'toolCall', id: 't1', name: tag, arguments: { command: tag, path: tag } },
        ]),
        { type: 'tool_execution_start', at: Date.now(), toolCallId: 't1', toolName: tag, args: { command: tag } },
        {
          ...{ type: 'tool_execution_end', at: Date.now(), toolCallId: 't1', toolName: tag, isError: false },
          result: {
            content: [
              { type: 'text', text: `${tag}\u001b]8;;javascript:window.owned=1\u0007link eleven\u001b]8;;\u0007` },
              { type: 'image', data: svg, mimeType: 'image/svg+xml' },
            ],
          },
        },
        ...message(
          'user',
          [{ type: 'image', data: '', mimeType: 'image/svg+xml' }],
          [{ path: '/message/content/0/data', blob, size, mediaType: 'image/svg+xml' }],
        ),
        { type: 'dialog_opened', at: Date.now(), dialogId: 'd1', method: 'select', title: tag, options: [tag, 'No'] },
      ];
      for (const event of events) await hostile.writer.append(event);
      await hostile.writer.settled();
    }

    it('is shown, and nothing of it runs', async () => {
      const { page } = desk;
      await page.goto(`${stage.pageUrl}/s/hostile-session`);
      const { log } = sessionPage(page);
      await log.getByText('After.').last().waitFor();
      for (const button of await log.locator('button[aria-expanded=false]').all())
        await button.click({ timeout: 2_000 }).catch(() => undefined);
      expect(await page.evaluate(() => (window as { owned?: number }).owned)).toBeUndefined();
      const made = await log.evaluate((element) => ({
        tags: [...new Set([...element.querySelectorAll('*')].map(({ localName }) => localName))],
        handlers: [...element.querySelectorAll('*')].flatMap(({ attributes }) =>
          [...attributes].map(({ name }) => name).filter((name) => name.startsWith('on')),
        ),
        schemes: [...new Set([...element.querySelectorAll('a')].map(({ protocol }) => protocol))],
        pictures: [...element.querySelectorAll('img')].map(({ src }) => src),
      }));
      expect(made.handlers).toEqual([]);
      expect(made.schemes.filter((scheme) => !['http:', 'https:', 'mailto:'].includes(scheme))).toEqual([]);
      for (const tag of ['script', 'iframe', 'object', 'embed', 'style', 'link', 'meta', 'base', 'form', 'math'])
        expect(made.tags).not.toContain(tag);
      for (const source of made.pictures) expect(source).toMatch(new RegExp(`^(blob:)?${stage.pageUrl}/`));
    });

    it('whatever is clicked in it, no script runs and no page of this address is opened', async () => {
      const { page } = desk;
      const { log } = sessionPage(page);
      for (const name of ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'eleven'])
        for (const link of await log.getByText(`link ${name}`, { exact: true }).all()) {
          if (await link.isVisible()) await link.click({ timeout: 2_000 }).catch(() => undefined);
        }
      expect(await page.evaluate(() => (window as { owned?: number }).owned)).toBeUndefined();
      expect({ dialogs, url: page.url() }).toEqual({ dialogs: 0, url: `${stage.pageUrl}/s/hostile-session` });
      expect(popups).toBe(0);
    });

    it('no request leaves: nobody elsewhere learns that it is read', () => {
      expect(visits).toEqual([]);
      expect(requests.length).toBeGreaterThan(5);
      expect(
        requests.filter((url) => !/^(blob:)?https?:/.test(url) || !url.replace('blob:', '').startsWith(stage.pageUrl)),
      ).toEqual([]);
    });

    it.each(['image/svg+xml', 'text/html', 'text/javascript', 'application/xhtml+xml', 'text/xml'])(
      'a file of type %s is handed out as a file: no script may run in it, and a page may not take it for one',
      async (type) => {
        const path = '/api/sessions/hostile-session/blobs';
        const body = type === 'text/javascript' ? 'window.owned = 1' : `${SVG}<script>window.owned = 1</script>`;
        const stored = await ask(stage.url, path, { bearer: stage.token, headers: { 'content-type': type }, body });
        const { blob } = stored.json as { blob: string };
        const { headers } = await ask(stage.url, `${path}/${blob}`, { bearer: stage.token });
        expect(headers).toMatchObject({
          'content-security-policy': "sandbox; default-src 'none'",
          'content-disposition': expect.stringMatching(/^attachment;/) as string,
          'x-content-type-options': 'nosniff',
        });
        // A script of one's own address is what the policy of the pages allows.
        expect(headers['content-type']).not.toMatch(/javascript|ecmascript/);
      },
    );

    it('a file that is a page is not opened by its address, in a browser that is signed in neither', async () => {
      const path = '/api/sessions/hostile-session/blobs';
      const stored = await ask(stage.url, path, {
        ...{ bearer: stage.token, headers: { 'content-type': 'text/html' }, body: '<script>alert(1)</script>' },
      });
      const { blob } = stored.json as { blob: string };
      const tab = await desk.context.newPage();
      const answer = await tab.goto(`${stage.pageUrl}${path}/${blob}`);
      expect([answer?.status(), answer?.headers()['content-type']]).toEqual([401, 'application/json; charset=utf-8']);
      await tab.close();
    });
  });
});
