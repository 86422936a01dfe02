import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import type { LoggedEvent } from '../support/log.js';
import { childOf, unattended } from '../support/processes.js';
import { startTmux } from '../support/tmux.js';
import { startTui, type Tui } from '../support/tui.js';
import { until } from '../support/until.js';
import { watch, type SessionWatcher } from '../support/viewer.js';
import { expectCompleteLog } from '../support/expectCompleteLog.js';

/** `/share` while the services that it depends on are killed, and while it is killed itself. */
let stage: LocalStack;
const tmux = startTmux();
const watchers: SessionWatcher[] = [];
beforeAll(async () => {
  // Longer than this test takes to restart what it killed.
  stage = await startLocalStack({ PIZZAPI_HOST_LOST_GRACE_MS: '10000' });
}, 120_000);
afterEach(() => watchers.splice(0).forEach((watcher) => watcher.close()));
afterAll(async () => {
  tmux.kill();
  await stage.clear();
});

function viewer(sid: string): SessionWatcher {
  const watcher = watch(stage, sid);
  watchers.push(watcher);
  return watcher;
}

/** Returns an input for a command of the agent that prints lines for some seconds. Every line holds `name`. */
const printing = (name: string) =>
  `/demo call bash {"command":"for i in $(seq 15); do echo ${name} $i; sleep .2; done"}`;

/** Waits until the agent has answered an input. */
const answered = (tui: Tui, text: string) => tui.shows(new RegExp(`You wrote:\\s+│ ${text}[^]*works here too\\.`));

async function talk(tui: Tui, text: string): Promise<void> {
  await tui.say(text);
  await answered(tui, text);
}

/**
 * Returns the ids of the messages in pi's latest session file: those that the terminal has, with or without viewers.
 */
function piMessages(): string[] {
  const folder = join(dirname(stage.project), '.pi', 'agent', 'sessions');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.jsonl'))
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const lines = readFileSync(files[0]!, 'utf8').trim().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as { type: string; id: string });
  return entries.filter(({ type }) => type === 'message').map(({ id }) => id);
}

/** Returns the spool of a session in the terminal. */
function spoolOf(sid: string): Buffer {
  const folder = join(stage.home, 'tui');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return readFileSync(
    join(
      folder,
      files.find((name) => name.endsWith(`${sid}.spool`))!,
    ),
  );
}

const loggedMessages = (log: readonly LoggedEvent[]) =>
  log.filter(({ event }) => event.type === 'message_end').map(({ event }) => event['entryId']);

const inputTexts = (log: readonly LoggedEvent[]) =>
  log.filter(({ event }) => event.type === 'input_received').map(({ event }) => event['text']);

it('a person who types while the gateway and then nats-server are down finds every input in the log, once', async () => {
  const tui = await startTui(tmux, stage);
  await talk(tui, 'Before');
  const { sid } = await tui.share();
  const view = viewer(sid);
  await until('the viewer is live', () => view.session.connection.state.kind === 'live');

  await tui.say(printing('slice'));
  await tui.shows('slice 2');
  await unattended(stage, async () => {
    process.kill(childOf(stage.pid, 'gateway/dist/bundle/main.js'), 'SIGKILL');
    await until('the viewer notices', () => view.session.connection.state.kind !== 'live');
    await tui.say('Without a gateway');
    await tui.shows(/shared · read-only · 1 watching *$/m);
  });
  await answered(tui, 'Without a gateway');
  await until('the viewer is back', () => view.session.connection.state.kind === 'live');

  await tui.say(printing('topping'));
  await tui.shows('topping 2');
  await unattended(stage, async () => {
    process.kill(childOf(stage.pid, 'nats-server'), 'SIGKILL');
    await tui.say('Without a log');
    await tui.shows(/shared · read-only · 1 watching · offline, [1-9]\d* waiting/);
  });
  await answered(tui, 'Without a log');
  await tui.shows(/shared · read-only · 1 watching *$/m);
  await talk(tui, 'After all');
  const { seq } = await until('the viewer has the input', () =>
    view.events.find(({ event }) => event.type === 'input_received' && event['text'] === 'After all'),
  );
  await view.next('agent_end', undefined, seq);
  await tui.quit();

  const late = viewer(sid);
  for (const watcher of [view, late]) await watcher.next('session_ended');
  const log = await expectCompleteLog(stage, sid, late);
  expect(await expectCompleteLog(stage, sid, view)).toEqual(log);
  expect(loggedMessages(log)).toEqual(piMessages());
  expect(inputTexts(log)).toEqual([
    printing('slice'),
    'Without a gateway',
    printing('topping'),
    'Without a log',
    'After all',
  ]);
  expect(log.at(-1)!.event).toMatchObject({ type: 'session_ended', reason: 'completed' });
  // A terminal that is only cut off does not count as lost.
  expect(log.map(({ event }) => event.type)).not.toContain('session_resumed');
});

it('when a terminal is killed with spooled events, its host is lost, then its session ends, and the next terminal publishes the rest', async () => {
  const tui = await startTui(tmux, stage);
  await talk(tui, 'Before');
  const { sid } = await tui.share();
  const view = viewer(sid);
  await view.next('session_started');
  const states: string[] = [];
  view.session.subscribe(() => {
    const { host, state } = view.session.info;
    states.push(state === 'ended' ? 'ended' : String(host));
  });
  const nats = childOf(stage.pid, 'nats-server');
  process.kill(nats, 'SIGSTOP');
  try {
    await tui.say('/demo thinking');
    await until('the answer is on the disk', () => spoolOf(sid).includes('every reader has an offset'));
    process.kill(tui.process(), 'SIGKILL');
  } finally {
    process.kill(nats, 'SIGCONT');
  }
  const { event, seq } = await view.next('session_ended', 60_000);
  expect(event).toMatchObject({ reason: 'host_lost' });
  // The session is lost before it ends.
  expect(states.slice(0, states.indexOf('ended'))).toContain('lost');

  const own = piMessages();
  const next = await startTui(tmux, stage);
  const shared = await next.share();
  expect(shared.sid).not.toBe(sid);
  const { event: end } = await view.next('session_ended', undefined, seq);
  expect(end).toMatchObject({ reason: 'error', message: 'The terminal was closed unexpectedly' });
  const log = await expectCompleteLog(stage, sid, view);
  expect(loggedMessages(log)).toEqual(own);
  expect(inputTexts(log)).toEqual(['/demo thinking']);
  await next.quit();
});

it("when a terminal is closed in the middle of an answer, the log has as much of it as pi's own file", async () => {
  const tui = await startTui(tmux, stage);
  await talk(tui, 'Before');
  const { sid } = await tui.share();
  const view = viewer(sid);
  await view.next('session_started');
  await tui.say('/demo long 100000');
  await tui.shows('12. The quick');
  await tui.quit();
  expect(await view.next('session_ended')).toMatchObject({ event: { reason: 'completed' } });
  const log = await expectCompleteLog(stage, sid, view);
  expect(loggedMessages(log)).toEqual(piMessages());
});
