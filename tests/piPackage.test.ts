import { openSession } from '@pizzapi/session-client';
import type { TranscriptItem } from '@pizzapi/protocol';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { startEndpoint, type ScriptedEndpoint } from './support/openai.js';
import { startTmux, type Window } from './support/tmux.js';
import { until } from './support/until.js';
import { apiOf, watch, type SessionWatcher } from './support/viewer.js';

/**
 * Our package in a pi without our wrapper. `PIZZAPI_TEST_PI` and `PIZZAPI_TEST_PI_NODE` name another pi (its `cli.js`)
 * and the Node that runs it.
 */
const PI =
  process.env['PIZZAPI_TEST_PI'] ??
  fileURLToPath(new URL('../node_modules/@mariozechner/pi-coding-agent/dist/cli.js', import.meta.url));
const NODE = process.env['PIZZAPI_TEST_PI_NODE'] ?? process.execPath;
const PACKAGE = fileURLToPath(new URL('../clients/pi-package', import.meta.url));

let stage: LocalStack;
let endpoint: ScriptedEndpoint;
/** The answer waits for this. */
let released: Promise<unknown> = Promise.resolve();
const tmux = startTmux();
const env = () => ({
  HOME: dirname(stage.project),
  PIZZAPI_HOME: stage.home,
  PI_CODING_AGENT_DIR: agentDir(),
  PI_OFFLINE: '1',
});
const agentDir = () => join(dirname(stage.project), 'plain');

beforeAll(async () => {
  endpoint = await startEndpoint([{ text: ['Dough ', 'rises.'], after: () => released }]);
  stage = await startLocalStack();
  mkdirSync(agentDir());
  const models = [{ id: 'my-model', name: 'My model', contextWindow: 32_000, maxTokens: 2_000 }];
  const provider = { baseUrl: endpoint.baseUrl, api: 'openai-completions', apiKey: 'literal-key', models };
  writeFileSync(join(agentDir(), 'models.json'), JSON.stringify({ providers: { mine: provider } }));
  execFileSync(NODE, [PI, 'install', PACKAGE], { env: { ...process.env, ...env() }, cwd: stage.project });
}, 120_000);
afterAll(async () => {
  tmux.kill();
  await endpoint.close();
  await stage.clear();
});

async function startPi(): Promise<Window & { say: (line: string) => Promise<void> }> {
  const window = tmux.open([NODE, PI, '--model', 'mine/my-model'], env(), stage.project);
  await window.shows('my-model');
  const say = async (line: string) => {
    window.type(line);
    await window.shows(line);
    window.press('Enter');
  };
  return { ...window, say };
}

const textsOf = (watcher: SessionWatcher, role: string) =>
  watcher.session.transcript.items.flatMap((item: TranscriptItem) =>
    item.kind === 'message' && item.role === role
      ? [item.blocks.map((block) => (block.kind === 'text' ? block.text : '')).join('')]
      : [],
  );

/** The session that a window shares, from its status. */
async function sharedSession(pi: Awaited<ReturnType<typeof startPi>>): Promise<string> {
  await pi.say('/pizzapi status');
  const text = await pi.shows(/Session: +s_\w+/);
  return /Session: +(s_\w+)/.exec(text)![1]!;
}

describe('the pi package', () => {
  it('/pizzapi share shows the history and live text, and an input of a viewer reaches the agent', async () => {
    const pi = await startPi();
    await pi.say('Before it was shared');
    await pi.shows('rises.');
    await pi.say('/pizzapi share');
    await pi.shows('Everyone with this link can watch');
    await pi.shows('shared · read-only');
    const sid = await sharedSession(pi);
    const watcher = watch(stage, sid);
    await until('the transcript is loaded', () => textsOf(watcher, 'assistant').length === 1);
    expect(textsOf(watcher, 'user')).toEqual(['Before it was shared']);
    expect(await apiOf(stage).input(sid, { text: 'From the page' })).toMatchObject({ kind: 'ok' });
    await pi.shows('From the page');
    await watcher.next('agent_end');
    pi.press('C-c', 'C-c');
    await pi.shows('exit 0');
    expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'completed' });
    watcher.close();
  });
});
void openSession;
void WebSocket;
