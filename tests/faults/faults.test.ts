import { bucket, readSessionRow } from '@pizzapi/backbone';
import {
  applyMetaEvent,
  applySessionInfo,
  CONTINUE_INPUT,
  defaultMetaState,
  initialSessionInfo,
  textOf,
} from '@pizzapi/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { connectTo, readLog } from '../support/log.js';
import { childOf, taggedWith, unattended, workerOf } from '../support/processes.js';
import { until } from '../support/until.js';
import { apiOf, newSession, tell, watch, type SessionWatcher } from '../support/viewer.js';
import { expectCompleteLog } from '../support/expectCompleteLog.js';

/** A message that takes some seconds at the speed of the demo model, so that each fault happens in the middle of it. */
const LONG = '/demo long 120000';

let stage: LocalStack;
const watchers: SessionWatcher[] = [];

beforeAll(async () => {
  stage = await startLocalStack();
}, 120_000);
afterEach(() => watchers.splice(0).forEach((watcher) => watcher.close()));
afterAll(() => stage.clear());

function viewer(sid: string): SessionWatcher {
  const watcher = watch(stage, sid);
  watchers.push(watcher);
  return watcher;
}

const isLive = ({ session }: SessionWatcher) => session.connection.state.kind === 'live';

/** Makes the agent write a long message, and waits until the viewer has a part of it. */
async function stream(sid: string, view: SessionWatcher): Promise<void> {
  await tell(stage, sid, LONG);
  await until('some of the message', () =>
    view.session.transcript.items.some((item) => item.kind === 'message' && item.open && textOf(item).length > 200),
  );
}

/** Returns a session and its viewer in the middle of a streamed message. */
async function midStream(): Promise<{ sid: string; view: SessionWatcher; seen: number }> {
  const sid = await newSession(stage);
  const view = viewer(sid);
  // Waits before the agent begins, so that the connection does not take time of the message.
  await until('the viewer is live', () => isLive(view));
  await stream(sid, view);
  return { sid, view, seen: view.session.cursor };
}

/** Checks that the projections equal a new fold of the log. */
async function expectProjected(sid: string): Promise<void> {
  const backbone = await connectTo(stage);
  try {
    const metas = bucket<{ state: unknown; lastSeq: number }>(backbone, 'session-meta');
    // Both have to be at the same offset, because an event may be appended between the two reads.
    const { log, row, meta } = await until('the projection is at the end of the log', async () => {
      const [row, meta] = [await readSessionRow(backbone, sid), await metas.get(sid)];
      const log = await readLog(stage, sid);
      return row?.lastSeq === log.at(-1)?.seq && { log, row, meta: meta?.value };
    });
    const state = log.reduce((before, { event }) => applyMetaEvent(before, event), defaultMetaState());
    const info = log.reduce((before, { event }) => applySessionInfo(before, event), initialSessionInfo(sid));
    expect(row?.info).toEqual(JSON.parse(JSON.stringify(info)));
    expect(meta?.state).toEqual(state);
  } finally {
    await backbone.close();
  }
}

describe('a process is killed in the middle of a streamed message', () => {
  it('when the gateway is killed, the viewer resumes from its offset and misses nothing', async () => {
    const { sid, view, seen } = await midStream();
    await unattended(stage, async () => {
      process.kill(childOf(stage.pid, 'gateway/dist/bundle/main.js'), 'SIGKILL');
      await until('the viewer notices', () => !isLive(view));
      expect(view.session.connection.sentence).toMatch(/nothing is lost/i);
    });
    await view.next('agent_end', 60_000);
    expect(view.session.cursor).toBeGreaterThan(seen);
    await expectCompleteLog(stage, sid, view);
    await expectProjected(sid);
  });

  it('when the projector is killed, its projections catch up and equal a new fold of the log', async () => {
    const { sid, view } = await midStream();
    process.kill(childOf(stage.pid, 'meta-projector/dist/bundle/main.js'), 'SIGKILL');
    await view.next('agent_end', 60_000);
    await expectCompleteLog(stage, sid, view);
    await expectProjected(sid);
  });

  it('when the daemon is killed, its worker continues and the next daemon adopts it', async () => {
    const { sid, view } = await midStream();
    const worker = workerOf(stage.home, sid);
    process.kill(childOf(stage.pid, 'runner/dist/bundle/main.js'), 'SIGKILL');
    await view.next('agent_end', 60_000);
    expect(workerOf(stage.home, sid)).toBe(worker);
    const sent = await until('the new daemon takes commands', async () => {
      const outcome = await apiOf(stage).input(sid, { text: 'still there?' });
      return outcome.kind === 'ok' && outcome.value;
    });
    const { seq } = await until('the input is in the agent', () =>
      view.events.find(({ event }) => event.type === 'input_delivered' && event['commandId'] === sent.commandId),
    );
    await view.next('agent_end', 60_000, seq);
    await expectCompleteLog(stage, sid, view);
    await expectProjected(sid);
  });

  it('when a worker is killed, another one takes over, no event is duplicated, and no process remains', async () => {
    const sid = await newSession(stage);
    const view = viewer(sid);
    await view.next('session_started');
    await apiOf(stage).command(sid, { name: 'exec', args: { command: 'sleep 300' } });
    const tagged = await until('the command runs', () => {
      const pids = taggedWith(sid);
      return pids.length >= 1 && pids;
    });
    await stream(sid, view);
    process.kill(workerOf(stage.home, sid), 'SIGKILL');
    await view.next('session_resumed', 60_000);
    expect(view.session.transcript).toMatchObject({ interrupted: true, busy: false });
    await until('its processes have ended', () => tagged.every((pid) => !taggedWith(sid).includes(pid)));
    const before = view.session.cursor;
    await tell(stage, sid, 'go on');
    await view.next('agent_end', 60_000, before);
    await expectCompleteLog(stage, sid, view);
    await expectProjected(sid);
  });

  it('when nats-server is killed, the worker spools its events, and all of them are stored after the restart', async () => {
    const { sid, view } = await midStream();
    process.kill(childOf(stage.pid, 'nats-server'), 'SIGKILL');
    await view.next('agent_end', 60_000);
    await expectCompleteLog(stage, sid, view);
    await expectProjected(sid);
  });

  it('when the authenticator is killed, connected workers stay connected, and its successor grants the next session', async () => {
    const { sid, view } = await midStream();
    process.kill(childOf(stage.pid, 'authenticator/dist/bundle/main.js'), 'SIGKILL');
    const next = await newSession(stage);
    await viewer(next).next('session_started');
    await view.next('agent_end', 60_000);
    await expectCompleteLog(stage, sid, view);
  });
});

describe('ending and restarting', () => {
  it('a killed session leaves no process behind', async () => {
    const sid = await newSession(stage);
    const view = viewer(sid);
    await view.next('session_started');
    await apiOf(stage).command(sid, { name: 'exec', args: { command: 'sleep 300 & sleep 300' } });
    await until('the command runs', () => taggedWith(sid).length >= 2);
    await apiOf(stage).command(sid, { name: 'kill_session' });
    const { event } = await view.next('session_ended');
    expect(event['reason']).toBe('killed');
    await until('no process is left', () => taggedWith(sid).length === 0);
  });

  it('a session whose agent wrote when everything was stopped is interrupted, and continues after the restart', async () => {
    const sid = await newSession(stage, 'remember the number 42');
    const view = viewer(sid);
    await view.next('agent_end', 60_000);
    const before = (await readLog(stage, sid)).map(({ msgId }) => msgId);
    await stream(sid, view);
    await stage.stop();
    await stage.restart();
    await until('the viewer is live again', () => isLive(view), 60_000);
    await until('the viewer knows of the interruption', () => view.session.transcript.interrupted, 60_000);
    const cut = view.session.transcript.items.findLast((item) => item.kind === 'message' && item.role === 'assistant');
    expect(cut).toMatchObject({ open: false, interrupted: true });
    await until('the list names it', async () => {
      const reply = await apiOf(stage).session(sid);
      return reply.kind === 'ok' && reply.value.session.interrupted === true;
    });
    const last = view.session.cursor;
    await until(
      'the runner accepts input again',
      async () => (await apiOf(stage).input(sid, { text: CONTINUE_INPUT })).kind === 'ok',
      60_000,
    );
    await view.next('agent_end', 60_000, last);
    expect(view.session.transcript.interrupted).toBe(false);
    const log = await expectCompleteLog(stage, sid, view);
    expect(log.map(({ msgId }) => msgId).slice(0, before.length)).toEqual(before);
  });
});

describe('a lost runner', () => {
  it('a lost runner is marked within 20 s, commands to it are refused at once, and its session has not ended', async () => {
    const { sid, view } = await midStream();
    const daemon = childOf(stage.pid, 'runner/dist/bundle/main.js');
    // Frozen, not killed: like a machine that hangs or lost its network. Its supervisor does not notice.
    const frozen = [daemon, workerOf(stage.home, sid)];
    frozen.forEach((pid) => process.kill(pid, 'SIGSTOP'));
    try {
      // 20 s, with a margin for a busy machine.
      await until('the viewer shows it as lost', () => view.session.info.host === 'lost', 35_000);
      const started = Date.now();
      const reply = await apiOf(stage).input(sid, { text: 'anyone?' });
      expect(reply).toMatchObject({ kind: 'failed', error: { code: 'host_lost' } });
      // 2 s, with a margin for a busy machine: the input is not stored until the runner returns.
      expect(Date.now() - started).toBeLessThan(8_000);
    } finally {
      frozen.forEach((pid) => process.kill(pid, 'SIGCONT'));
    }
    await until('the runner is back', () => view.session.info.host === 'connected', 60_000);
    await view.next('agent_end', 60_000);
    expect(view.session.info.state).not.toBe('ended');
    await expectCompleteLog(stage, sid, view);
  });
});
