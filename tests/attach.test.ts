import { textOf, type TranscriptItem } from '@pizzapi/protocol';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI, runCli } from './support/cli.js';
import { startStage, type Stage } from './support/local.js';
import { until } from './support/until.js';
import { apiOf, newSession, watch } from './support/viewer.js';

/** `pizzapi attach` in a real terminal: one window of tmux each. */
let stage: Stage;
let elsewhere: string;
beforeAll(async () => {
  stage = await startStage();
  elsewhere = mkdtempSync(join(tmpdir(), 'pizzapi-attach-'));
}, 120_000);
afterAll(async () => {
  tmux('kill-server');
  rmSync(elsewhere, { recursive: true, force: true, maxRetries: 5 });
  await stage.clear();
});

const SERVER = `pizzapi-test-${process.pid}`;
function tmux(...args: string[]): string {
  return spawnSync('tmux', ['-L', SERVER, '-f', '/dev/null', ...args], { encoding: 'utf8' }).stdout;
}

interface Window {
  /** What is on it now. */
  text(): string;
  /** Types a text as a person does. */
  type(text: string): void;
  /** Presses keys, by tmux's names. */
  press(...keys: string[]): void;
  shows(what: string | RegExp, ms?: number): Promise<string>;
  hides(what: string): Promise<string>;
  /** As when the person closes the window: everything in it is hung up on. */
  close(): void;
}

let windows = 0;

function open(args: readonly string[], home = stage.home): Window {
  const name = `w${(windows += 1)}`;
  const command = ['env', `PIZZAPI_HOME=${home}`, `HOME=${home}`, process.execPath, CLI, 'attach', ...args];
  const shell = `${command.map((word) => `'${word}'`).join(' ')}; echo "exit $?"; exec sleep 600`;
  tmux('new-session', '-d', '-s', name, '-x', '120', '-y', '100', shell);
  const text = () => tmux('capture-pane', '-p', '-t', name);
  const holds = (what: string | RegExp) => (typeof what === 'string' ? text().includes(what) : what.test(text()));
  return {
    text,
    type: (words) => void tmux('send-keys', '-t', name, '-l', words),
    press: (...keys) => void tmux('send-keys', '-t', name, ...keys),
    shows: async (what, ms) => {
      try {
        await until(`the window shows ${String(what)}`, () => holds(what), ms);
      } catch (thrown) {
        throw new Error(`${String(thrown)}\n${text()}`, { cause: thrown });
      }
      return text();
    },
    hides: async (what) => {
      await until(`the window shows ${what} no more`, () => !holds(what));
      return text();
    },
    close: () => void tmux('kill-session', '-t', name),
  };
}

/** Letters and figures only: what is the same however lines are broken and Markdown is drawn. */
const letters = (text: string) => text.replace(/[^\p{L}\p{N}]+/gu, '');

/** What the fold says of an item, in the words that any client has to show. */
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

const at = (sid: string) => open([sid, '--relay-url', stage.url]);

describe('pizzapi attach', () => {
  it('shows what the fold of the log says, as it is and as it goes on', async () => {
    const sid = await newSession(stage, '/demo edit');
    const watcher = watch(stage, sid);
    await watcher.next('agent_end');
    const window = at(sid);
    const agrees = () => {
      const shown = letters(window.text());
      return watcher.session.transcript.items.flatMap(wordsOf).every((words) => shown.includes(letters(words)));
    };
    await window.shows('Live');
    await until('the story is there', agrees);
    expect(window.text()).toContain('+ 9 - 1 spoon of olive oil');

    window.type('/demo question select');
    window.press('Enter');
    const { seq } = await watcher.next('input_received');
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

  it('closes a question that is answered elsewhere, and one that was being answered takes no second answer', async () => {
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

  it('steers, stops the agent by esc, and is where it was after the window was closed', async () => {
    const sid = await newSession(stage, '/demo bash');
    const watcher = watch(stage, sid);
    const window = at(sid);
    await window.shows(/slice \d+ of 12/);
    window.press('Escape');
    await window.shows('Operation aborted');
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
    window.close();
    const again = at(sid);
    const after = await again.shows('half a sentence');
    expect(after.split('\n')[0]).toBe(top);
    again.press('C-c', 'C-c');
    expect(await again.shows('exit 0')).toContain(`pizzapi attach ${sid}`);
    watcher.close();
  });

  it('loads earlier pages when somebody scrolls up to them', async () => {
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

  it('says that it reconnects when everything is restarted, and loses nothing, nor what was said meanwhile', async () => {
    const sid = await newSession(stage, 'Before');
    const window = at(sid);
    await window.shows('Try /demo help');
    await stage.stop();
    await window.shows('nothing is lost');
    window.type('/demo thinking');
    window.press('Enter');
    await window.shows('Sending: /demo thinking');
    await stage.restart();
    await window.shows('every reader has an offset', 60_000);
    await window.shows('Live');
    expect(window.text().match(/^ \/demo thinking *$/gm)).toHaveLength(1);
    window.close();
  });

  it('lets a guest watch by a link, and says what they may do', async () => {
    const sid = await newSession(stage, 'Something to see');
    const shared = await until('it can be shared', async () => {
      const reply = await apiOf(stage).createShare(sid, {});
      return reply.kind === 'ok' && reply.value;
    });
    const watcher = watch(stage, sid);
    const guest = open([shared.shareUrl, '--name', 'Grace'], elsewhere);
    await guest.shows('Read-only: this link lets you watch.');
    await guest.shows('Something to see');
    await until('Grace is seen', () => watcher.session.viewers.some(({ name }) => name === 'Grace'));
    guest.type('nothing happens');
    await apiOf(stage).revokeShare(sid, shared.shareId);
    await guest.shows('exit 1');
    expect(guest.text()).toContain('unauthenticated: This link does not open the session');
    watcher.close();
  });
});

describe('pizzapi run, ls, rename, fork and kill', () => {
  const cli = (...args: string[]) => runCli(stage, ...args, '--relay-url', stage.url);
  const project = () => ['--cwd', stage.project, '--model', 'demo/demo'];

  it('start a session, name it, fork it and end it', async () => {
    const started = await cli('run', '--detach', '--json', ...project(), 'Hello');
    const { sessionId, shareUrl } = JSON.parse(started.stdout) as Record<'sessionId' | 'shareUrl', string>;
    expect(shareUrl).toBe(`${stage.url}/s/${sessionId}`);
    const watcher = watch(stage, sessionId);
    await watcher.next('agent_end');
    expect(await cli('rename', sessionId, 'A name')).toMatchObject({ code: 0, stderr: '' });
    const forked = await cli('fork', sessionId, '--name', 'The other way');
    expect(forked).toMatchObject({ code: 0 });
    expect(await cli('kill', sessionId)).toMatchObject({ code: 0, stderr: '' });
    expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'killed' });
    const rows = (await cli('ls', '--json')).stdout.trim().split('\n');
    const listed = rows.map((row) => JSON.parse(row) as { sessionId: string; name: string; state: string });
    expect(listed).toContainEqual(expect.objectContaining({ sessionId, name: 'A name', state: 'ended' }));
    expect(listed).toContainEqual(expect.objectContaining({ sessionId: forked.stdout.trim(), name: 'The other way' }));
    expect(await cli('rename', sessionId, 'too late')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('session_ended: ') as string,
    });
    watcher.close();
  });

  it('wait for the agent, and end as it did', async () => {
    const done = await cli('run', '--wait', ...project(), '/demo thinking');
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('every reader has an offset') as string });
    expect(await cli('run', '--wait', ...project(), '/demo error fatal')).toMatchObject({ code: 1 });
  });
});
