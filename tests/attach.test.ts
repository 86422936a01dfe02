import { textOf, type TranscriptItem } from '@pizzapi/protocol';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, openBrowser } from './support/browser.js';
import { CLI, runCli } from './support/cli.js';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { readWhole, sessionPage } from './support/page.js';
import { childOf, processes } from './support/processes.js';
import { openSignedIn } from './support/signIn.js';
import { steppedOutput } from './support/steppedOutput.js';
import { letters, missingIn } from './support/text.js';
import { startTmux, type Window } from './support/tmux.js';
import { until } from './support/until.js';
import { apiOf, newSession, watch } from './support/viewer.js';

/** Runs `pizzapi attach` in real terminals: windows of tmux. */
let stage: LocalStack;
let elsewhere: string;
const tmux = startTmux({ columns: 120, rows: 100 });
beforeAll(async () => {
  stage = await startLocalStack();
  elsewhere = mkdtempSync(join(tmpdir(), 'pizzapi-attach-'));
}, 120_000);
afterAll(async () => {
  tmux.kill();
  rmSync(elsewhere, { recursive: true, force: true, maxRetries: 5 });
  await stage.clear();
});

/** Opens `pizzapi attach` in a window. Its stderr is written to a file, as with `2>log`. */
function open(args: readonly string[], home = stage.home): Window {
  const command = [process.execPath, CLI, 'attach', ...args];
  const aside = ['sh', '-c', 'exec "$@" 2>>"$0"', join(elsewhere, 'stderr.log')];
  return tmux.open([...aside, ...command], { PIZZAPI_HOME: home, HOME: home }, stage.project);
}

const stderr = () => readFileSync(join(elsewhere, 'stderr.log'), 'utf8');

/** Returns the texts of a folded item that every client has to show. */
function wordsOf(item: TranscriptItem): string[] {
  if (item.kind === 'notice') return [item.text];
  if (item.kind === 'dialog') return [item.title];
  if (item.kind === 'tool') return [];
  const outputs = item.blocks.flatMap((block) =>
    block.kind === 'tool' && block.toolName === 'bash'
      ? block.content.map((one) => (one.kind === 'text' ? one.text : ''))
      : [],
  );
  return [textOf(item), ...outputs];
}

const CALL = '/demo call bash {"command":"touch baked"}';

const at = (sid: string) => open([sid, '--relay-url', stage.url]);

describe('pizzapi attach', () => {
  it('pizzapi attach shows the fold of the log, and updates it as events arrive', async () => {
    const sid = await newSession(stage, '/demo edit');
    const watcher = watch(stage, sid);
    await watcher.next('agent_end');
    const window = at(sid);
    const agrees = () => {
      const shown = letters(window.text());
      return watcher.session.transcript.items.flatMap(wordsOf).every((words) => shown.includes(letters(words)));
    };
    await window.shows('Live');
    await until('the transcript is shown', agrees);
    expect(window.text()).toContain('+ 9 - 1 spoon of olive oil');

    window.type('/demo question select');
    window.press('Enter');
    const { seq } = await watcher.next('input_received');
    await window.shows('✓ delivered');
    await window.shows('● Waiting for an answer');
    await window.shows('→ Wood');
    window.press('Down', 'Enter');
    const resolved = await watcher.next('dialog_resolved', undefined, seq);
    expect(resolved.event).toMatchObject({ value: 'Gas', outcome: 'answered' });
    await watcher.next('agent_end', undefined, resolved.seq);
    await window.shows('oven: Gas');
    await until('the fold and the window agree', agrees);
    expect(window.text()).toMatch(/demo\/demo/);
    window.close();
    watcher.close();
  });

  it.skipIf(findChromium() === undefined)('pizzapi attach renders the same text as the page', async () => {
    for (const name of ['dough.md', 'sauce.md']) writeFileSync(join(stage.project, name), name);
    const sid = await newSession(stage, 'Tell me **all** about it');
    const watcher = watch(stage, sid);
    const first = await watcher.next('agent_end');
    const window = at(sid);
    await window.shows('Live');
    window.type('/demo bash');
    window.press('Enter');
    await watcher.next('agent_end', undefined, first.seq);
    await window.shows('Twelve slices');
    window.press('C-o');
    await window.shows('slice 1 of 12');

    const browser = await openBrowser();
    try {
      const { page } = await openSignedIn(stage, browser, `/s/${sid}`);
      const { log } = sessionPage(page);
      await log.getByText('Twelve slices').waitFor();
      await page.locator('[role=log][aria-busy=false]').waitFor();
      const rows = await readWhole(page);
      const shown = window.history();
      const outputs = rows.filter(({ kind }) => kind === 'output').map(({ text }) => text);
      expect(outputs).toHaveLength(2);
      expect(outputs[0]!.split('\n')).toEqual(expect.arrayContaining(['dough.md', 'sauce.md']));
      expect(outputs[1]!.split('\n')).toHaveLength(13);
      // Every sentence, cell and line of the page is in the window, in the same order.
      const sentences = rows.flatMap(({ text }) => text.split(/[\n\t]+/)).filter((text) => letters(text) !== '');
      expect(sentences.length).toBeGreaterThan(30);
      expect(missingIn(letters(shown), sentences.map(letters))).toEqual([]);
      // The window shows no other text, except what each client shows around its transcript.
      const transcript = shown.slice(shown.indexOf('Tell me all'), shown.lastIndexOf('Twelve slices'));
      const whole = letters(rows.map(({ text }) => text).join(' '));
      const own = /^ *(\$ .*|```\w*|✓ delivered|Took .*)$/;
      const lines = transcript.split('\n').filter((line) => !own.test(line.trimEnd()));
      const cells = lines.flatMap((line) => line.split('│')).map(letters);
      expect(cells.filter((text) => !whole.includes(text))).toEqual([]);
    } finally {
      await browser.close();
    }
    window.close();
    watcher.close();
  });

  it('pizzapi attach closes a question that is answered elsewhere, even while the person is answering it', async () => {
    const sid = await newSession(stage, '/demo question confirm');
    const [window, other] = [at(sid), at(sid)];
    await Promise.all([window.shows('enter answer'), other.shows('enter answer')]);
    await window.shows('2 watching');
    window.press('Down', 'Enter');
    await other.hides('enter answer');
    await other.shows('→ No');
    await window.shows('pineapple: no');
    expect(window.text()).not.toContain('enter answer');
    window.close();
    other.close();
  });

  it.each([
    ['a question', ['/demo ask'], 'question_pending', ['Which oven do you have?', '→ Wood'], ['Gas', 'Quattro']],
    ['a plan', ['/demo plan'], 'plan_pending', ['Bake a pizza', '2. Knead the dough', '→ Approve'], 'approve'],
    ['an approval', ['/approvals ask', CALL], 'approval_pending', ['command: touch baked', '→ '], 'deny'],
  ])(
    'pizzapi attach shows %s that was opened before it started, and closes it when it is answered elsewhere',
    async (...row) => {
      const [, inputs, type, shown, value] = row;
      const sid = await newSession(stage);
      const watcher = watch(stage, sid);
      for (const text of inputs) await watcher.session.sendInput(text);
      const { event, seq } = await watcher.next(type);
      await watcher.next('dialog_opened', undefined, seq);
      const window = at(sid);
      await window.shows('enter answer');
      for (const text of shown) await window.shows(text);
      const prompt = (event['question'] ?? event['plan'] ?? event['approval']) as Record<string, string>;
      // The answer is to the whole prompt: of two questions only the first is shown so far.
      const dialogId = prompt['toolCallId'] ?? prompt['promptId'];
      await watcher.session.command('dialog_response', { dialogId, value });
      await watcher.next('agent_end');
      await window.hides('enter answer');
      await window.hides('● W');
      window.close();
      watcher.close();
    },
  );

  it('pizzapi attach steers the agent, stops it by Esc, and restores its scroll position after the window was closed', async () => {
    const sid = await newSession(stage, '/demo call bash {"command":"echo one slice; sleep 600"}');
    const watcher = watch(stage, sid);
    const window = at(sid);
    await window.shows(/^ one slice/m);
    window.press('Escape');
    // The words of pi 0.73 and of pi 1.x.
    await window.shows(/Operation aborted|operation was aborted/);
    const { seq } = await watcher.next('agent_end');
    window.type('/demo long 30000');
    window.press('Enter');
    await watcher.next('agent_end', undefined, seq);
    await window.shows(/\n *120\. The quick brown fox/);
    window.press('PageUp', 'PageUp');
    await window.hides(' 120. ');
    window.type('half a sentence');
    const before = await window.shows('half a sentence');
    const top = before.split('\n')[0]!;
    const pid = childOf(window.pid(), CLI);
    window.close();
    // The position is stored while the window is open.
    await until('the client has ended', () => processes().every((other) => other.pid !== pid));
    const again = at(sid);
    await again.shows('half a sentence');
    await until('the position is restored', () => again.text().split('\n')[0] === top);
    again.press('C-c', 'C-c');
    await again.shows('exit 0');
    expect(stderr()).toContain(`Reconnect with: pizzapi attach ${sid}`);
    watcher.close();
  });

  it('pizzapi attach changes the queue by numbers, every window shows it, and after Esc the agent reads it in that order', async () => {
    const sid = await newSession(stage, steppedOutput(stage, 1).prompt);
    const watcher = watch(stage, sid);
    const [window, other] = [at(sid), at(sid)];
    await Promise.all([window.shows(/^ *slice 1/m), other.shows(/^ *slice 1/m)]);
    for (const [number, text] of ['plum', 'pear', 'fig'].entries()) {
      window.type(text);
      window.press('M-Enter');
      await other.shows(`${number + 1}. Queued until the agent is done: ${text}`);
    }
    window.type('//up 3');
    window.press('Enter');
    await other.shows(/1\. .*: plum\s+3\. .*: fig\s+2\. .*: pear/);
    window.type('//edit 2');
    window.press('Enter');
    await window.shows('Enter saves the message');
    window.type(' and quince');
    window.press('Enter');
    await other.shows('2. Queued until the agent is done: pear and quince');
    window.press('M-Up');
    await other.hides('2. Queued');
    window.press('C-c');
    window.press('Escape');
    await window.shows('And the queue?');
    window.press('Enter');
    await other.shows('Stopped. The agent reads the queue before your next message.');
    other.type('apple');
    other.press('Enter');
    const said = () =>
      watcher.session.transcript.items.flatMap((item) =>
        item.kind === 'message' && item.role === 'user' ? [textOf(item)] : [],
      );
    await until('the agent has read the new message', () => said().includes('apple'), 60_000);
    expect(said().slice(1)).toEqual(['plum', 'fig', 'apple']);
    for (const one of [window, other]) one.close();
    watcher.close();
  });

  it('pizzapi attach loads older events when a person scrolls up to them', async () => {
    const sid = await newSession(stage, 'The very first prompt');
    const watcher = watch(stage, sid);
    await watcher.next('agent_end');
    for (let names = 0; watcher.events.length < 450; names += 20) {
      const batch = Array.from({ length: 20 }, (_, i) => `Name number ${names + i}`);
      const sent = await Promise.all(batch.map((name) => watcher.session.command('set_name', { name })));
      for (const one of sent) if (one.kind === 'accepted') await watcher.session.result(one.commandId);
    }
    const window = at(sid);
    await window.shows('Name number');
    expect(window.text()).not.toContain('The very first prompt');
    window.press('C-Home');
    await until('the first prompt is there', () => {
      window.press('PageUp');
      return window.text().includes('You wrote:');
    });
    window.press('C-End');
    await window.shows('Live');
    window.close();
    watcher.close();
  });

  it('pizzapi attach reports that it reconnects while everything restarts, and loses no event and no message', async () => {
    const sid = await newSession(stage, 'Before');
    const window = at(sid);
    await window.shows('Try /demo help');
    await stage.stop();
    await window.shows('nothing is lost');
    window.type('/demo thinking');
    window.press('Enter');
    // Where it learns before the gateway is gone that the runner is, it gives the text back.
    await window.shows(/Sending: \/demo thinking|The runner is offline/);
    const isGivenBack = !window.text().includes('Sending: /demo thinking');
    await stage.restart();
    if (isGivenBack) {
      await window.hides('The runner is offline', 60_000);
      await window.shows('Live');
      window.press('Enter');
    }
    await window.shows('every reader has an offset', 60_000);
    await window.shows('Live');
    expect(window.text().match(/^ \/demo thinking *$/gm)).toHaveLength(1);
    window.close();
  });

  it("pizzapi attach with a share link is read-only, and reports the guest's rights", async () => {
    const sid = await newSession(stage, 'Something to see');
    const shared = await until('it can be shared', async () => {
      const reply = await apiOf(stage).createShare(sid, {});
      return reply.kind === 'ok' && reply.value;
    });
    const watcher = watch(stage, sid);
    const guest = open([shared.shareUrl, '--name', 'Grace'], elsewhere);
    await guest.shows('Read-only: this link does not allow writing.');
    await guest.shows('Something to see');
    await until('Grace is seen', () => watcher.session.viewers.some(({ name }) => name === 'Grace'));
    guest.type('nothing happens');
    await apiOf(stage).revokeShare(sid, shared.shareId);
    await guest.shows('exit 1');
    expect(stderr()).toContain('unauthenticated: The link does not open the session');
    watcher.close();
  });

  it('pizzapi attach ends without an error when its window is closed', async () => {
    const sid = await newSession(stage, 'Window');
    const window = at(sid);
    await window.shows('Live');
    const pid = childOf(window.pid(), `attach ${sid}`);
    window.close();
    await until('attach has ended', () => processes().every((one) => one.pid !== pid));
    expect(stderr()).not.toMatch(/EIO|Error|at .*\.js/);
  });
});

describe('texts of others in a terminal', () => {
  it('pizzapi attach shows them without control sequences, turned text and invisible characters, as a terminal would end up with', async () => {
    const output = String.raw`printf '\033]0;owned\007abc\b\bX 10%%\rdone \033[31mred\033[0m \302\233bold\n'`;
    const sid = await newSession(stage, `/demo call bash ${JSON.stringify({ command: output })}`);
    const watcher = watch(stage, sid);
    await watcher.next('agent_end');
    const name = '\u001b[2J\u001b[31mmargherita\u202etxt.exe\u200b \u009b7mnapoli';
    expect(await runCli(stage, 'rename', sid, name, '--relay-url', stage.url)).toMatchObject({ code: 0 });
    await watcher.next('session_info_changed');
    const window = at(sid);
    await window.shows('margheritatxt.exe napoli');
    const text = await window.shows('done red');
    expect(text).not.toMatch(/[\u202a-\u202e\u200b\u009b]/);
    expect(window.title()).not.toContain('owned');
    const listed = await runCli(stage, 'ls', '--relay-url', stage.url);
    expect(listed.stdout).toContain('margheritatxt.exe napoli');
    // eslint-disable-next-line no-control-regex
    expect(listed.stdout).not.toMatch(/[\x1b\x9b\u202e\u200b]/);
    window.close();
    watcher.close();
  });
});
