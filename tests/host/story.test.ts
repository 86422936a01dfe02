import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Api } from '@pizzapi/session-client';
import type { TerminalInfo } from '@pizzapi/protocol';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startClusterStack, type ClusterStack } from '../bench/harness/clusterStack.js';
import { closePages, findChromium, openBrowser, shot } from '../support/browser.js';
import { CLI } from '../support/cli.js';
import { delayOfClick, framesDuring, heapOf } from '../support/measurePage.js';
import { terminalPage } from '../support/hostPage.js';
import { NO_SERVER, PHONE, type WatchedPage } from '../support/page.js';
import { openSignedIn } from '../support/signIn.js';
import { startSocksProxy, type SocksProxy } from '../support/socksProxy.js';
import { TESTED_PI } from '../support/testedPi.js';
import { startTmux, type Tmux } from '../support/tmux.js';
import { until } from '../support/until.js';
import { apiOf, tell, untilHosted } from '../support/viewer.js';
import { attacksOn, setTrap, type Attack } from './attacks.js';
import { UNTOUCHED, watchCanaries } from './canaries.js';

/** A plain shell, whatever the person of the test uses. */
const env = { PIZZAPI_PI: TESTED_PI, SHELL: '/bin/sh', PS1: '$ ', ENV: '' };

/** What the pages and the terminal window of this file need on this machine. */
const missing = [
  ...(findChromium() === undefined ? ['Chromium'] : []),
  ...['tmux', 'vim'].filter((name) => spawnSync('which', [name]).status !== 0),
];
if (missing.length > 0) console.warn(`SKIPPED: a host in the browser. There is no ${missing.join(' and no ')}.`);

/** A host that is away. */
const NOT_NOW = /503/;
/** A file that was changed meanwhile. */
const CONFLICT = /409/;
const MIB = 1024 * 1024;
const FILM_MIB = 200;
/** How long a flood is watched, in ms. */
const FLOOD_MS = 5_000;
/** What no process may keep of a flood, in bytes. */
const MEMORY_BYTES = 100 * MIB;

let stack: ClusterStack;
let rid: string;
let browser: Browser;
let tmux: Tmux;
const proxies: SocksProxy[] = [];
const pages: WatchedPage[] = [];

beforeAll(async () => {
  stack = await startClusterStack({ env });
  tmux = startTmux({ columns: 100, rows: 30 });
  if (missing.length === 0) browser = await openBrowser();
  const reply = await apiOf(stack).runners();
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  rid = reply.value.runners.find(({ name }) => name === 'runner-1')!.runnerId;
}, 240_000);
afterEach(async ({ task }) => {
  for (const [n, { page }] of pages.entries())
    if (task.result?.state === 'fail') await page.screenshot({ path: shot(`story-failed-${n}`) });
  expect(pages.flatMap(({ complaints }) => complaints.splice(0))).toEqual([]);
});
afterAll(async () => {
  tmux?.kill();
  await closePages();
  for (const proxy of proxies) await proxy.close();
  await stack?.clear();
}, 60_000);

/** Opens a path at the address of the page, by the gateways in this order: the first one that accepts. */
async function open(path: string, gateways: readonly number[], options = {}): Promise<WatchedPage> {
  const proxy = await startSocksProxy(gateways.map((index) => Number(new URL(stack.gateways[index]!).port)));
  proxies.push(proxy);
  const watched = await openSignedIn(stack, browser, path, { ...options, proxy: proxy.settings });
  pages.push(watched);
  return watched;
}

/** Closes a page that is no longer needed. */
async function leave(watched: WatchedPage): Promise<void> {
  expect(pages.splice(pages.indexOf(watched), 1).flatMap(({ complaints }) => complaints)).toEqual([]);
  await watched.context.close();
}

describe.skipIf(missing.length > 0)('a terminal', () => {
  let desk: WatchedPage;
  let phone: WatchedPage;
  let tid: string;
  /** The process id of the shell. */
  let shell: string;
  const atDesk = () => terminalPage(desk.page);
  const atPhone = () => terminalPage(phone.page);

  it('shows vim the same after a reload, and a phone at another gateway continues to type in it', async () => {
    desk = await open(`/hosts/${rid}/terminals`, [0]);
    await desk.page.getByRole('button', { name: 'Open a terminal' }).click();
    await atDesk().shows(/[$#]$/);
    const named = await atDesk().run('cd project; kept=$$; echo "shell $kept"', /shell \d+/);
    shell = /shell (\d+)/.exec(named)![1]!;
    await atDesk().run('vim letter.txt', '"letter.txt" [New]');
    await desk.page.keyboard.type('iWritten at the desk.');
    const before = await atDesk().shows(/Written at the desk\.[^]*INSERT/);
    await desk.page.reload();
    await expect.poll(() => atDesk().screen()).toBe(before);
    await desk.page.screenshot({ path: shot('story-desk-vim') });
    tid = new URL(desk.page.url()).pathname.split('/').at(-1)!;

    phone = await open(`/hosts/${rid}/terminals/${tid}`, [1], { viewport: PHONE, hasTouch: true, isMobile: true });
    await atPhone().shows(/Written at the desk\.[^]*INSERT/);
    await phone.page.screenshot({ path: shot('story-phone-before') });
    await atPhone().takeKeyboard.tap();
    await atPhone().takeKeyboard.waitFor({ state: 'detached' });
    await phone.page.keyboard.type(' Then by phone.');
    await phone.page.screenshot({ path: shot('story-phone-vim') });
    await atDesk().shows(/Written at the desk\. Then by phone\./);
    await atPhone().key('Esc').tap();
    await phone.page.keyboard.type(':w');
    await phone.page.keyboard.press('Enter');
    await untilOnHost('letter.txt', 'Written at the desk. Then by phone.\n');
    await desk.page.screenshot({ path: shot('story-desk-watching') });
  });

  it('shows the same screen in a terminal window, which is left by ~. and changes nothing', async () => {
    const window = tmux.open(
      [process.execPath, CLI, 'terminal', '--attach', tid],
      { PIZZAPI_HOME: stack.home },
      stack.project,
    );
    await window.shows('Written at the desk. Then by phone.');
    const before = await atPhone().screen();
    window.type('~.');
    await window.shows('exit 0');
    expect(await atPhone().screen()).toBe(before);
  });

  it('keeps its shell and its screen in both browsers, without a reload, while its daemon is killed and starts again', async () => {
    for (const { page } of [desk, phone]) await page.evaluate(() => Object.assign(globalThis, { isLoadedOnce: true }));
    const before = await Promise.all([atDesk().screen(), atPhone().screen()]);
    // The pages may ask for something meanwhile.
    await desk.tolerating(NOT_NOW, () => phone.tolerating(NOT_NOW, restartDaemon));
    await expect.poll(() => Promise.all([atDesk().screen(), atPhone().screen()])).toEqual(before);
    // What is typed reaches the same vim.
    await phone.page.keyboard.type('oAfter the end of a daemon.');
    await atDesk().shows('After the end of a daemon.');
    await atPhone().key('Esc').tap();
    await phone.page.keyboard.type(':wq');
    await phone.page.keyboard.press('Enter');
    await untilOnHost('letter.txt', 'Written at the desk. Then by phone.\nAfter the end of a daemon.\n');
    const shown = await terminalPage(phone.page).run('echo "same $kept $$"', /same \d+ \d+/);
    const [, kept, now] = /same (\d+) (\d+)/.exec(shown)!;
    expect([kept, now]).toEqual([shell, shell]);
    await atDesk().shows(`same ${shell} ${shell}`);
    for (const { page } of [desk, phone]) expect(await page.evaluate(() => 'isLoadedOnce' in globalThis)).toBe(true);
  });

  it('is interrupted by Ctrl-C after seconds of `yes`, while the page answers and no process keeps the output', async () => {
    await atDesk().takeKeyboard.click();
    await atDesk().takeKeyboard.waitFor({ state: 'detached' });
    await leave(phone);
    const head = async () => (await terminalInfo(tid)).head;
    const memory = async () => ({ page: await heapOf(desk), ...(await memoryOf(['gateway-1', 'runner-1'])) });
    const [before, begun] = [await memory(), await head()];
    await desk.page.keyboard.type('yes');
    await desk.page.keyboard.press('Enter');
    await until('the flood has come', async () => (await head()) > begun + 1_000_000);
    const frames = await framesDuring(desk.page, FLOOD_MS);
    const clickMs = await delayOfClick(desk.page, async () => {
      await desk.page.getByRole('button', { name: 'More of the terminal' }).click();
      await desk.page.getByRole('menuitem', { name: 'Larger text' }).waitFor();
    });
    await desk.page.keyboard.press('Escape');
    const flooding = await head();
    await until('it still floods', async () => (await head()) > flooding);
    await atDesk().input.focus();
    await desk.page.keyboard.press('Control+c');
    await atDesk().run('echo end of f""lood', 'end of flood');
    const [after, printed] = [await memory(), (await head()) - begun];
    console.info(JSON.stringify({ printed, frames, clickMs, before, after }));
    // Everything that was printed would not fit.
    for (const [name, bytes] of Object.entries(after))
      expect.soft(bytes - before[name as keyof typeof before], name).toBeLessThan(MEMORY_BYTES);
    expect(frames.count).toBeGreaterThan(FLOOD_MS / 500);
    await leave(desk);
  });

  async function restartDaemon(): Promise<void> {
    await stack.restart('runner-1', 'SIGKILL');
    for (const { page } of [desk, phone])
      await page.getByText('The host is out of reach.').waitFor({ state: 'detached' });
    await until('the host answers', () => terminalInfo(tid).catch(() => undefined));
  }
});

describe.skipIf(missing.length > 0)('the files of a host', () => {
  it('receive 200 MB from a page although its gateway is killed at half', async () => {
    const { path, hash } = writeFilm(dirname(stack.home), FILM_MIB);
    const watched = await open(`/hosts/${rid}/files`, [0, 1]);
    const { page } = watched;
    await page.getByRole('treeitem').filter({ hasText: 'project' }).waitFor();
    const began = performance.now();
    await page.locator('input[type=file][multiple]').last().setInputFiles(path);
    const upload = page.getByRole('list', { name: 'Uploads' });
    const received = () => upload.getByRole('progressbar').evaluate((bar) => (bar as HTMLProgressElement).value);
    await expect.poll(received, { timeout: 60_000, interval: 50 }).toBeGreaterThan((FILM_MIB / 2) * MIB);
    await watched.tolerating(NO_SERVER, async () => {
      process.kill((await stack.state()).pids['gateway-1']!, 'SIGKILL');
      expect(await received()).toBeLessThan(FILM_MIB * MIB);
      await page.screenshot({ path: shot('story-upload') });
      await upload.waitFor({ state: 'detached', timeout: 90_000 });
    });
    console.info(`the upload took ${Math.round(performance.now() - began)} ms`);
    await page.getByRole('treeitem').filter({ hasText: 'film.bin' }).waitFor();
    const person = dirname(stack.project);
    expect(hashOf(join(person, 'film.bin'))).toBe(hash);
    expect(readdirSync(person).filter((name) => name.startsWith('.pizzapi'))).toEqual([]);
    await leave(watched);
  });

  it('that a person and the agent edit at the same time are shown in both versions, of which the person chooses', async () => {
    const sid = await startSession();
    const place = join(stack.project, 'shared.txt');
    writeFileSync(place, 'first\n');
    const watched = await open(`/s/${sid}`, [1]);
    const { page } = watched;
    await page.getByRole('button', { name: 'Files', exact: true }).click();
    await page.getByRole('treeitem').filter({ hasText: 'shared.txt' }).click();
    const editor = page.locator('[data-code-editor] .cm-content');
    const conflict = page.locator('[data-file-conflict]');
    /** Both edit: what the person types stays in the page until it is saved. */
    const bothEdit = async (mine: string, theirs: string) => {
      await editor.click();
      await page.keyboard.press('Control+End');
      const args = { path: 'shared.txt', content: theirs };
      await Promise.all([page.keyboard.type(mine), tell(stack, sid, `/demo call write ${JSON.stringify(args)}`)]);
      await page.getByText('The file was changed on the host.').waitFor();
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await conflict.getByText(theirs.trim()).first().waitFor();
      await conflict.getByText(mine).first().waitFor();
      expect(readFileSync(place, 'utf8')).toBe(theirs);
    };
    await watched.tolerating(CONFLICT, () => bothEdit('of the person', 'of the agent\n'));
    await page.screenshot({ path: shot('story-conflict') });
    await page.getByRole('button', { name: 'Save my version' }).click();
    await untilOnHost('shared.txt', 'first\nof the person');
    await watched.tolerating(CONFLICT, () => bothEdit(', again', 'of the agent, again\n'));
    await page.getByRole('button', { name: 'Take the version of the host' }).click();
    await expect.poll(() => editor.innerText()).toContain('of the agent, again');
    expect(readFileSync(place, 'utf8')).toBe('of the agent, again\n');
    // The person continues from what the agent wrote.
    await editor.click();
    await page.keyboard.press('Control+End');
    await page.keyboard.type('Agreed.');
    await page.keyboard.press('Control+s');
    await untilOnHost('shared.txt', 'of the agent, again\nAgreed.');
    await leave(watched);
  });
});

describe.skipIf(missing.length > 0)('two sessions on one repository', () => {
  it('work at once in two work trees, and each is merged by one click', async () => {
    const repository = join(stack.project, 'app');
    const git = (...args: string[]) => execFileSync('git', args, { cwd: repository }).toString();
    execFileSync('git', ['init', '--quiet', '--initial-branch=main', repository]);
    git('config', 'user.name', 'Ada');
    git('config', 'user.email', 'ada@example.com');
    writeFileSync(join(repository, 'a.txt'), 'one\n');
    git('add', '.');
    git('commit', '--quiet', '-m', 'one');
    const call = (tool: string, args: object) => `/demo call ${tool} ${JSON.stringify(args)}`;
    const of = { cwd: repository, worktree: {} };
    // One agent commits its work, and the other one leaves it as it is.
    const command = 'echo first > first.txt && git add . && git commit --quiet -m "Add first"';
    const prompts = {
      first: call('bash', { command }),
      second: call('write', { path: 'second.txt', content: 'two\n' }),
    };
    await Promise.all(Object.entries(prompts).map(([name, prompt]) => startSession({ ...of, name, prompt })));
    const worktrees = await until('both agents have worked', async () => {
      const reply = await apiOf(stack).runnerCall(rid, 'list_worktrees', {});
      const all = reply.kind === 'ok' ? reply.value.worktrees : [];
      return all.length === 2 && all.every(({ ahead, uncommitted }) => ahead + uncommitted === 1) && all;
    });
    expect(worktrees.map(({ ahead }) => ahead).sort()).toEqual([0, 1]);
    expect(readdirSync(repository).sort()).toEqual(['.git', 'a.txt']);

    const watched = await open(`/s/${worktrees.find(({ ahead }) => ahead === 1)!.sessionId}`, [0]);
    const { page } = watched;
    await page.getByRole('button', { name: 'Changes', exact: true }).click();
    await page.getByText('Work trees', { exact: true }).click();
    const card = (name: string) =>
      page
        .getByRole('complementary', { name: 'Host' })
        .locator('div', { has: page.getByRole('link', { name }) })
        .last();
    await card('second').getByRole('button', { name: 'Merge' }).waitFor();
    await page.screenshot({ path: shot('story-worktrees') });
    await card('first').getByRole('button', { name: 'Merge' }).click();
    await until('the commit is merged', () => existsSync(join(repository, 'first.txt')));
    await card('second').getByRole('button', { name: 'Merge' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Commit and merge' }).click();
    await until('the work is merged', () => existsSync(join(repository, 'second.txt')));
    await card('second').getByText('All of its work is merged').waitFor();
    await card('first').getByText('All of its work is merged').waitFor();
    expect(readdirSync(repository).sort()).toEqual(['.git', 'a.txt', 'first.txt', 'second.txt']);
    expect(git('log', '--format=%s', 'main')).toContain('Add first');
    expect(git('status', '--porcelain')).toBe('');
    await leave(watched);
  });
});

describe('what leads out of the roots of a host', () => {
  it('is refused with its code by every request, at either gateway, and nothing there is read or written', async () => {
    const outside = join(dirname(stack.home), 'person-of-another');
    setTrap(outside, stack.project);
    const watcher = await watchCanaries(outside);
    try {
      // The watcher notices what it is for.
      readFileSync(join(outside, 'secret.txt'));
      expect(await watcher.report()).toEqual({ ...UNTOUCHED, read: [join(outside, 'secret.txt')] });
      const sid = await startSession({ cwd: join(stack.project, 'within') });
      const wrong: object[] = [];
      for (const [n, attack] of attacksOn(outside, stack.project, { sessionId: sid }).entries()) {
        const answer = await send(stack.gateways[n % 2]!, attack);
        if (!attack.codes.includes(answer.code)) wrong.push({ ...attack, answer });
      }
      expect(wrong).toEqual([]);
      expect(await watcher.report()).toEqual(UNTOUCHED);
    } finally {
      watcher.stop();
    }
  });
});

/** Waits until a file of the project has this content. */
function untilOnHost(name: string, content: string): Promise<unknown> {
  const place = join(stack.project, name);
  return until(`${name} has its content`, () => existsSync(place) && readFileSync(place, 'utf8') === content);
}

async function terminalInfo(terminalId: string): Promise<TerminalInfo> {
  const reply = await apiOf(stack).runnerCall(rid, 'list_terminals', {});
  const found = reply.kind === 'ok' ? reply.value.terminals.find((one) => one.terminalId === terminalId) : undefined;
  if (found === undefined) throw new Error(`there is no terminal ${terminalId}`);
  return found;
}

/** The memory of processes of the cluster, in bytes. */
async function memoryOf(names: readonly string[]): Promise<Record<string, number>> {
  const { pids } = await stack.state();
  const size = (pid: number) => 1024 * Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)]).toString());
  return Object.fromEntries(names.map((name) => [name, size(pids[name]!)]));
}

/** Writes a file of random bytes. */
function writeFilm(folder: string, mebibytes: number): { path: string; hash: string } {
  const path = join(folder, 'film.bin');
  const hash = createHash('sha256');
  for (let i = 0; i < mebibytes; i++) {
    const part = randomBytes(MIB);
    hash.update(part);
    appendFileSync(path, part);
  }
  return { path, hash: hash.digest('hex') };
}

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Starts a session of the demo model on the host, and waits until it accepts input. */
async function startSession(more: Partial<Parameters<Api['createSession']>[0]> = {}): Promise<string> {
  const reply = await apiOf(stack).createSession({ runnerId: rid, cwd: stack.project, model: 'demo/demo', ...more });
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  await untilHosted(stack, reply.value.sessionId);
  return reply.value.sessionId;
}

/** Sends an attack as the owner, as it stands: no client mends its path. Returns the code of the answer. */
function send(gateway: string, { method, path, body }: Attack): Promise<{ status: number; code: string }> {
  const { hostname, port } = new URL(gateway);
  const isJson = typeof body === 'object';
  const headers = {
    authorization: `Bearer ${stack.token}`,
    ...(body === undefined ? {} : { 'content-type': isJson ? 'application/json' : 'application/octet-stream' }),
  };
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, method, path: `/api/runners/${rid}${path}`, headers }, (answer) => {
      text(answer).then((told) => {
        const code = /"code":"(\w+)"/.exec(told)?.[1] ?? told.slice(0, 200);
        resolve({ status: answer.statusCode ?? 0, code });
      }, reject);
    });
    asked.on('error', reject);
    asked.end(isJson ? JSON.stringify(body) : body);
  });
}
