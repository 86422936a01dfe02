import { openSession } from '@pizzapi/session-client';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { processes } from './support/processes.js';
import { TESTED_PI } from './support/testedPi.js';
import { startTmux } from './support/tmux.js';
import { startTui, type Tui } from './support/tui.js';
import { until } from './support/until.js';
import { apiOf, resultOf, textsOf, watch } from './support/viewer.js';

/** `/share` in pi's own terminal UI: windows of tmux, and viewers of the shared sessions. */
let stage: LocalStack;
const tmux = startTmux();
beforeAll(async () => {
  stage = await startLocalStack();
}, 120_000);
afterAll(async () => {
  tmux.kill();
  await stage.clear();
});

/** Stops everything except the terminal, in which a person continues to type. */
async function typeWithoutGateway(tui: Tui): Promise<void> {
  await stage.stop();
  await tui.shows('offline');
  await tui.say('/demo thinking');
  await tui.shows('every reader has an offset');
  await tui.shows(/offline, \d+ waiting/);
}

/** What happens outside of pi is tested on the bundled one alone. */
const ofOurs = it.skipIf(TESTED_PI !== 'bundled');

describe('/share', () => {
  it("/share shows the transcript so far and then live events; a viewer's message appears in the terminal and is answered", async () => {
    const tui = await startTui(tmux, stage);
    await tui.say('Before it was shared');
    await tui.shows('Try /demo help');
    const { sid } = await tui.share();
    await tui.shows('shared · read-only');
    const watcher = watch(stage, sid);
    await until('the transcript is loaded', () => textsOf(watcher, 'assistant').length === 2);
    expect(textsOf(watcher, 'user')).toEqual(['Before it was shared']);

    await tui.say('/demo thinking');
    const received = await until('the viewer receives the input', () =>
      watcher.events.find(({ event }) => event.type === 'input_received' && event['text'] === '/demo thinking'),
    );
    const { seq } = await watcher.next('agent_end', undefined, received.seq);
    expect(textsOf(watcher, 'user')).toEqual(['Before it was shared', '/demo thinking']);
    const [typed] = watcher.session.transcript.items.filter((item) => item.kind === 'message' && item.by !== undefined);
    expect(typed).toMatchObject({ by: { via: 'terminal' } });

    await tui.say('/share --collab');
    await tui.shows('watch this session and write');
    const { shares } = await api(sid);
    expect(shares.map(({ mode }) => mode).sort()).toEqual(['collab', 'read']);
    const guest = openSession({
      url: stage.url,
      token: (await collabToken(sid)).token,
      sessionId: sid,
      name: 'Ada',
      WebSocket,
    });
    await until('the guest may write', () => guest.mode === 'collab');
    expect(await guest.sendInput('/demo error fatal')).toMatchObject({ kind: 'accepted' });
    await tui.shows('Ada (guest) says:');
    const delivered = await watcher.next('input_delivered', undefined, seq);
    const answered = await watcher.next('agent_end', undefined, delivered.seq);
    // A guest with write access may not share the session: a command from a guest is plain text.
    const links = (await api(sid)).shares.length;
    const sent = await guest.sendInput('/share --collab');
    if (sent.kind !== 'accepted') throw new Error(sent.kind);
    // Either event of the log may come first.
    expect(['ok', 'delivered']).toContain((await guest.result(sent.commandId)).kind);
    await watcher.next('agent_end', undefined, answered.seq);
    expect(textsOf(watcher, 'user').at(-1)).toBe('/share --collab');
    expect((await api(sid)).shares).toHaveLength(links);

    await tui.say('!echo from the person');
    await until('the viewer sees the shell', () =>
      watcher.session.transcript.items.some(
        (item) => item.kind === 'message' && item.role === 'bashExecution' && item.seq > answered.seq,
      ),
    );
    await tui.quit();
    expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'completed' });
    guest.close();
    watcher.close();
  });

  it('/share in the middle of an answer shows the open message to viewers', async () => {
    // So slow that the answer is still open when the session is shared.
    const tui = await startTui(tmux, stage, { env: { PIZZAPI_DEMO_SPEED: '90' } });
    await tui.say('/demo thinking');
    await tui.shows('log');
    const { sid } = await tui.share();
    const watcher = watch(stage, sid);
    await until('the agent is at work', () => watcher.session.transcript.busy);
    const opened = () => textsOf(watcher, 'assistant').at(-1) ?? '';
    await until('the open message is shown', () => opened() !== '' || watcher.session.transcript.items.length > 1);
    await watcher.next('agent_end', 60_000);
    expect(watcher.events.filter(({ event }) => event.type === 'message_start')).toHaveLength(
      watcher.events.filter(({ event }) => event.type === 'message_end').length,
    );
    await tui.quit();
    watcher.close();
  });

  it('/share shows a dialog on both sides, and the first answer on either side closes the other', async () => {
    const tui = await startTui(tmux, stage);
    const { sid } = await tui.share('--collab');
    const watcher = watch(stage, sid);
    await tui.say('/demo question confirm');
    await tui.shows('→ Yes');
    const received = await watcher.next('dialog_opened');
    const remote = await resultOf(watcher, 'dialog_response', { dialogId: received.event['dialogId'], value: true });
    expect(remote).toMatchObject({ kind: 'ok' });
    await tui.hides('→ Yes');
    await tui.shows('pineapple: yes');

    const { seq: before } = await watcher.next('agent_end', undefined, received.seq);
    await tui.say('/demo question confirm');
    await tui.shows('→ Yes');
    await watcher.next('dialog_opened', undefined, before);
    tui.press('Down', 'Enter');
    const resolved = await watcher.next('dialog_resolved', undefined, before);
    expect(resolved.event).toMatchObject({ value: false, outcome: 'answered', by: { via: 'terminal' } });
    await tui.shows('pineapple: no');

    await tui.say('/demo ask');
    await tui.shows('Which oven do you have?');
    const pending = await watcher.next('question_pending', undefined, before);
    const { toolCallId } = pending.event['question'] as { toolCallId: string };
    const answers = { dialogId: toolCallId, value: ['Gas', 'Anything but mushrooms'] };
    expect(await resultOf(watcher, 'dialog_response', answers)).toMatchObject({ kind: 'ok' });
    await tui.hides('→ Wood');
    await tui.shows('Anything but mushrooms');
    const thanked = await watcher.next('agent_end', undefined, pending.seq);

    await tui.say('/demo question editor');
    await tui.shows('Write a recipe');
    const editor = await watcher.next('dialog_opened', undefined, thanked.seq);
    expect(editor.event).toMatchObject({ method: 'editor', prefill: 'Flour, water, salt.' });
    const late = watcher.events.at(-1)!.seq;
    await resultOf(watcher, 'dialog_response', { dialogId: editor.event['dialogId'], value: 'Only cheese' });
    await tui.shows('recipe: Only cheese');
    await watcher.next('agent_end', undefined, late);
    expect(tui.text()).not.toContain('Write a recipe\n');
    await tui.quit();
    watcher.close();
  });

  it('/share never creates a gist, however it is typed', async () => {
    const tui = await startTui(tmux, stage);
    tui.type('/shar');
    await tui.shows('Share this session: a link and a QR code');
    tui.press('Enter');
    await tui.shows('Everyone with this link can watch');
    await tui.shows('shared · read-only');
    tui.type('/share   ');
    tui.press('Enter');
    await until('the link is shown again', () => tui.history().split('Everyone with this link').length > 2);
    expect(tui.history()).not.toMatch(/gist|GitHub/i);
    await tui.quit();
  });

  it('/share ends with /share stop, which revokes its links, and with its session; a reload changes nothing', async () => {
    const tui = await startTui(tmux, stage);
    const { sid } = await tui.share();
    const watcher = watch(stage, sid);
    await tui.say('/reload');
    await tui.shows('Reloaded keybindings');
    await tui.shows('shared · read-only');
    await tui.say('/share status');
    await tui.shows(sid);
    await tui.say('/share stop');
    await tui.shows('Its links are revoked');
    await tui.hides('shared · read-only');
    expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'completed' });
    expect((await api(sid)).shares.every(({ revokedAt }) => revokedAt !== undefined)).toBe(true);

    // What happened while it was not shared is there once, in the same session.
    await tui.say('Between two shares');
    await tui.shows('Try /demo help');
    const again = await tui.share();
    expect(again.sid).toBe(sid);
    expect(again.url.length).toBeLessThanOrEqual(80);
    expect(
      tui
        .history()
        .split('\n')
        .map((line) => line.trim()),
    ).toContain(again.url);
    const second = watch(stage, sid);
    await until('the transcript is whole', () => textsOf(second, 'user').includes('Between two shares'));
    expect(textsOf(second, 'user').filter((text) => text === 'Between two shares')).toHaveLength(1);
    expect(second.session.transcript.ended).toBe(false);
    const guest = openSession({
      url: stage.url,
      token: (await collabToken(sid)).token,
      sessionId: sid,
      name: 'Ada',
      WebSocket,
    });
    await tui.shows('Ada (can write) joined');
    await tui.say('/share status');
    await tui.shows('Watching:');
    guest.close();
    await tui.shows('Ada left');
    const { seq } = second.events.at(-1)!;
    await tui.say('/new');
    expect((await second.next('session_ended', undefined, seq)).event).toMatchObject({ reason: 'completed' });
    await tui.shows('no longer shared');
    await tui.shows('session is no longer shared. Type /share');
    await tui.quit();
    watcher.close();
    second.close();
  });

  it('a shared terminal refuses commands that it does not support, and shows who ended the session', async () => {
    const tui = await startTui(tmux, stage);
    const { sid } = await tui.share();
    const watcher = watch(stage, sid);
    await watcher.next('session_started');
    const info = (await ok(apiOf(stage).session(sid))).session;
    await until('its runner is listed', async () =>
      (await ok(apiOf(stage).runners())).runners.some(({ runnerId }) => runnerId === info.runnerId),
    );
    const refused = await apiOf(stage).createSession({ runnerId: info.runnerId, prompt: 'Hello' });
    expect(refused).toMatchObject({
      kind: 'failed',
      error: { message: expect.stringContaining('terminal') as string },
    });
    const forked = await resultOf(watcher, 'fork', {});
    expect(forked).toMatchObject({ kind: 'failed', error: { message: expect.stringContaining('/fork') as string } });
    await watcher.session.command('kill_session', {});
    expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'killed' });
    await tui.shows('ended the session for its viewers');
    await tui.say('Still here?');
    await tui.shows('Still here?');
    await tui.quit();
    watcher.close();
  });

  ofOurs(
    'a shared terminal continues without its gateway, and publishes all events when the gateway is back',
    async () => {
      const tui = await startTui(tmux, stage);
      const { sid } = await tui.share();
      await typeWithoutGateway(tui);
      await stage.restart();
      await tui.hides('offline', 60_000);
      const watcher = watch(stage, sid);
      await watcher.next('agent_end');
      expect(textsOf(watcher, 'user')).toEqual(['/demo thinking']);
      await tui.quit();
      await watcher.next('session_ended');
      watcher.close();
    },
  );

  it.each(['a hang-up', 'a SIGTERM'])('a shared terminal that gets %s ends its session as completed', async (how) => {
    const tui = await startTui(tmux, stage);
    const { sid } = await tui.share();
    const watcher = watch(stage, sid);
    await watcher.next('session_started');
    const pid = tui.process();
    if (how === 'a hang-up') tui.close();
    else process.kill(pid, 'SIGTERM');
    expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'completed' });
    // The next terminal takes the slot of this one.
    await until('the terminal is gone', () => processes().every((other) => other.pid !== pid));
    watcher.close();
  });

  ofOurs('a killed terminal is lost for its viewers, and the next terminal ends its session', async () => {
    const tui = await startTui(tmux, stage);
    const { sid } = await tui.share();
    const watcher = watch(stage, sid);
    await watcher.next('session_started');
    process.kill(tui.process(), 'SIGKILL');
    await until('the terminal is lost', async () => (await ok(apiOf(stage).session(sid))).session.host === 'lost');
    const next = await startTui(tmux, stage);
    await next.share();
    const ended = await watcher.next('session_ended');
    expect(ended.event).toMatchObject({ reason: 'error', message: 'The terminal was closed unexpectedly' });
    await next.quit();
    watcher.close();
  });

  ofOurs(
    'events that a terminal spooled without a gateway are published by the next terminal after a kill',
    async () => {
      const tui = await startTui(tmux, stage);
      const { sid } = await tui.share();
      await typeWithoutGateway(tui);
      process.kill(tui.process(), 'SIGKILL');
      await stage.restart();
      const next = await startTui(tmux, stage);
      await next.share();
      const watcher = watch(stage, sid);
      expect((await watcher.next('session_ended')).event).toMatchObject({ reason: 'error' });
      expect(textsOf(watcher, 'user')).toEqual(['/demo thinking']);
      expect(textsOf(watcher, 'assistant').at(-1)).toContain('every reader has an offset');
      await next.quit();
      watcher.close();
    },
  );

  it("/share without a known gateway shows what to do, and hides the person's credentials from the agent", async () => {
    const nowhere = { home: join(dirname(stage.home), 'nothing'), project: stage.project };
    const tui = await startTui(tmux, nowhere, { env: { PIZZAPI_API_KEY: 'pzk_hidden' } });
    await tui.say('/share');
    await tui.shows('pizzapi local');
    expect(tui.text()).toContain('pizzapi runner pair');
    await tui.say('!printenv PIZZAPI_API_KEY || echo not""there');
    await tui.shows('notthere');
    await tui.quit();
  });

  it('an extension of the person may register a tool with the name of one of ours', async () => {
    writeFileSync(
      join(dirname(stage.project), 'mine.ts'),
      `export default (pi) => pi.registerTool({ name: 'todo', label: 'Mine', description: 'Mine', parameters: {},
        execute: async () => ({ content: [], details: undefined }) });`,
    );
    const tui = await startTui(tmux, stage, { args: ['-e', join(dirname(stage.project), 'mine.ts')] });
    await tui.say('Hello');
    await tui.shows('Try /demo help');
    await tui.quit();
  });
});

async function ok<T>(
  request: Promise<{ kind: 'ok'; value: T } | { kind: 'failed'; error: { message: string } }>,
): Promise<T> {
  const reply = await request;
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  return reply.value;
}

const api = (sid: string) => ok(apiOf(stage).shares(sid));
const collabToken = (sid: string) => ok(apiOf(stage).createShare(sid, { mode: 'collab' }));
