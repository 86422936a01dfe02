import { openSession } from '@pizzapi/session-client';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI } from './support/cli.js';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { startEndpoint, type ScriptedEndpoint } from './support/openai.js';
import { childOf } from './support/processes.js';
import { startTmux, type Window } from './support/tmux.js';
import { until } from './support/until.js';
import { apiOf, newSession, resultOf, tell, textsOf, watch } from './support/viewer.js';

/**
 * Our package in a pi without our wrapper. `PIZZAPI_TEST_PI` names another pi, by the folder of its package.json, and
 * `PIZZAPI_TEST_PI_NODE` the Node that runs it.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PI_ROOT = process.env['PIZZAPI_TEST_PI'] ?? join(ROOT, 'node_modules', '@mariozechner', 'pi-coding-agent');
const PI = join(PI_ROOT, 'dist', 'cli.js');
const NODE = process.env['PIZZAPI_TEST_PI_NODE'] ?? process.execPath;
const PACKAGE = join(ROOT, 'clients', 'pi-package');
/** The package as `npm pack` writes it, unpacked. */
const packed = () => join(dirname(stage.project), 'packed', 'package');

let stage: LocalStack;
let endpoint: ScriptedEndpoint;
/** The endpoint sends the second part of an answer when this resolves. */
let released: Promise<unknown> = Promise.resolve();
const tmux = startTmux();
/** The folder of pi's configuration. */
const agentDir = () => join(dirname(stage.project), 'plain');
const envOf = (home: string) => ({
  ...{ HOME: dirname(stage.project), PIZZAPI_HOME: home, PI_CODING_AGENT_DIR: agentDir(), PI_OFFLINE: '1' },
  PIZZAPI_API_KEY: '',
});

beforeAll(async () => {
  endpoint = await startEndpoint([
    { text: ['Dough ', 'rises.'], after: (text) => (text === 'Dough ' ? released : none) },
  ]);
  stage = await startLocalStack();
  mkdirSync(agentDir());
  const models = ['my-model', 'my-other'].map((id) => ({ id, name: id, contextWindow: 32_000, maxTokens: 2_000 }));
  const provider = { baseUrl: endpoint.baseUrl, api: 'openai-completions', apiKey: 'literal-key', models };
  writeFileSync(join(agentDir(), 'models.json'), JSON.stringify({ providers: { mine: provider } }));
  const folder = dirname(packed());
  mkdirSync(folder);
  const name = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: PACKAGE,
    encoding: 'utf8',
  });
  execFileSync('tar', ['-xzf', join(folder, name.trim()), '-C', folder]);
  execFileSync(NODE, [PI, 'install', packed()], { env: { ...process.env, ...envOf(stage.home) }, cwd: stage.project });
}, 120_000);
afterAll(async () => {
  tmux.kill();
  await endpoint.close();
  await stage.clear();
});

const none = Promise.resolve();

interface PlainPi extends Window {
  say(line: string): Promise<void>;
  /** Shares the session. Returns its id. */
  share(words?: string): Promise<string>;
  quit(): Promise<void>;
}

async function startPi(program: readonly string[] = [NODE, PI], home = stage.home): Promise<PlainPi> {
  const window = tmux.open([...program, '--model', 'mine/my-model'], envOf(home), stage.project);
  await window.shows('my-model');
  const say = async (line: string) => {
    window.type(line);
    await window.shows(line);
    window.press('Enter');
  };
  return {
    ...window,
    say,
    share: async (words = '') => {
      await say(`/pizzapi share ${words}`.trimEnd());
      await window.shows(words === '' ? 'shared · read-only' : 'shared · collab');
      await say('/pizzapi status');
      return /Session: +(s_\w+)/.exec(await window.shows(/Session: +s_\w+/))![1]!;
    },
    quit: async () => {
      window.press('C-c', 'C-c');
      await window.shows('exit 0');
    },
  };
}

describe('our package in a plain pi', () => {
  it('/pizzapi share shows the transcript so far and then live text, and viewers steer the agent until it stops', async () => {
    const pi = await startPi();
    await pi.say('Before it was shared');
    await pi.shows('rises.');
    const sid = await pi.share();
    const watcher = watch(stage, sid);
    await until('the transcript is loaded', () => textsOf(watcher, 'assistant').length === 1);
    expect(textsOf(watcher, 'user')).toEqual(['Before it was shared']);
    // pi shows one notice at a time: the one about the viewer must not take the place of the next one.
    await pi.shows('(you, elsewhere) joined');

    let release: () => void = () => undefined;
    released = new Promise<void>((resolve) => (release = resolve));
    const asked = await apiOf(stage).input(sid, { text: 'From the page' });
    expect(asked).toMatchObject({ kind: 'ok' });
    await pi.shows('Owner (by an API key) says:');
    // A notice replaces the one before it: the link is still there.
    expect(pi.text()).toContain('Everyone with this link can watch');
    await until('half of the answer is there', () => textsOf(watcher, 'assistant').at(-1) === 'Dough ');
    await apiOf(stage).input(sid, { text: 'And then?', deliverAs: 'steer' });
    await apiOf(stage).input(sid, { text: 'At last', deliverAs: 'followUp' });
    release();
    await until('all is answered', () => textsOf(watcher, 'assistant').length === 4);
    await until('the agent rests', () => !watcher.session.transcript.busy);
    expect(textsOf(watcher, 'user')).toEqual(['Before it was shared', 'From the page', 'And then?', 'At last']);
    expect(watcher.events.filter(({ event }) => event.type === 'input_delivered')).toHaveLength(3);
    // What the file of pi holds beside the conversation, such as a system prompt, is not in the log.
    const roles = watcher.events.map(({ event }) => (event['message'] as { role?: string } | undefined)?.role);
    expect(new Set(roles.filter((role) => role !== undefined))).toEqual(new Set(['user', 'assistant']));

    expect(await resultOf(watcher, 'model_set', { model: 'mine/my-other' })).toMatchObject({ kind: 'ok' });
    await pi.shows('my-other');
    expect(await resultOf(watcher, 'set_name', { name: 'Dough' })).toMatchObject({ kind: 'ok' });
    await watcher.next('session_info_changed');
    await pi.say('!echo from the person');
    await until('the viewer sees the shell', () =>
      watcher.session.transcript.items.some((item) => item.kind === 'message' && item.role === 'bashExecution'),
    );

    released = new Promise<void>((resolve) => (release = resolve));
    await pi.say('Typed in the terminal');
    await until('the agent is at work', () => textsOf(watcher, 'assistant').at(-1) === 'Dough ');
    expect(await resultOf(watcher, 'abort')).toMatchObject({ kind: 'ok' });
    release();
    const [typed] = watcher.session.transcript.items
      .filter((item) => item.kind === 'message' && item.by !== undefined)
      .slice(-1);
    expect(typed).toMatchObject({ by: { via: 'terminal' } });

    await pi.say('/pizzapi stop');
    await pi.shows('Its links are revoked');
    await pi.hides('shared · read-only');
    expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'completed' });
    watcher.close();
    await pi.quit();
  });

  it('a guest with write access is introduced, a reload keeps the share, and another session ends it', async () => {
    const pi = await startPi();
    const sid = await pi.share('--collab');
    const watcher = watch(stage, sid);
    const made = await apiOf(stage).createShare(sid, { mode: 'collab' });
    if (made.kind === 'failed') throw new Error(made.error.message);
    const { token } = made.value;
    const guest = openSession({ url: stage.url, token, sessionId: sid, name: 'Ada', WebSocket });
    await until('the guest may write', () => guest.mode === 'collab');
    await pi.shows('Ada (can write) joined');
    // A command of a guest is a text.
    expect(await guest.sendInput('/pizzapi stop')).toMatchObject({ kind: 'accepted' });
    await pi.shows('Ada (guest) says:');
    await pi.shows('A guest wrote: /pizzapi stop');
    const { seq } = await watcher.next('agent_end');
    await pi.say('/reload');
    await pi.shows('Reloaded');
    await pi.shows('shared · collab');
    expect(await guest.sendInput('After the reload')).toMatchObject({ kind: 'accepted' });
    await watcher.next('agent_end', undefined, seq);
    await pi.say('/new');
    expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'completed' });
    await pi.shows('Type /pizzapi share to share this one');
    await pi.quit();
    guest.close();
    watcher.close();
  });

  it('a killed pi is lost for its viewers, and the next one ends its session', async () => {
    const pi = await startPi();
    const sid = await pi.share();
    const watcher = watch(stage, sid);
    await watcher.next('session_started');
    process.kill(childOf(pi.pid(), 'pi'), 'SIGKILL');
    const next = await startPi();
    await next.share();
    const ended = await watcher.next('session_ended');
    expect(ended.event).toMatchObject({ reason: 'error', message: 'The terminal was closed unexpectedly' });
    await next.quit();
    watcher.close();
  });

  it('/pizzapi shows its help, and what to do without a gateway', async () => {
    const pi = await startPi(undefined, join(dirname(stage.home), 'nothing'));
    await pi.say('/pizzapi help');
    await pi.shows('Only the terminal of');
    await pi.say('/pizzapi share');
    await pi.shows('pizzapi runner pair');
    await pi.quit();
  });

  it('in the terminal of pizzapi the package only points to /share', async () => {
    const pi = await startPi([process.execPath, CLI]);
    await pi.say('/pizzapi share');
    await pi.shows('can share its session already. Use /share');
    await pi.quit();
  });

  it('in a session of a runner the package only says who hosts it', async () => {
    const settings = join(dirname(stage.project), '.pi', 'agent', 'settings.json');
    mkdirSync(dirname(settings), { recursive: true });
    writeFileSync(settings, JSON.stringify({ packages: [packed()] }));
    const sid = await newSession(stage);
    const watcher = watch(stage, sid);
    await tell(stage, sid, '/pizzapi share');
    const notice = await watcher.next('dialog_opened');
    expect(notice.event['title']).toContain('A runner of PizzaPi hosts this session already');
    watcher.close();
  });

  it('the package is one file that needs nothing else', () => {
    const files = readdirSync(packed(), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.map(({ name }) => name).sort()).toEqual(['README.md', 'main.js', 'package.json']);
    const manifest = JSON.parse(readFileSync(join(packed(), 'package.json'), 'utf8')) as Record<string, unknown>;
    expect(manifest).not.toHaveProperty('dependencies');
  });
});
