import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { replay } from '@pizzapi/backbone';
import { decode, partitionOf } from '@pizzapi/protocol';
import { runCli } from './support/cli.js';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { connectTo, readLog } from './support/log.js';
import { childOf, workerOf } from './support/processes.js';
import { until } from './support/until.js';
import { apiOf, watch, type SessionWatcher } from './support/viewer.js';

const CLI = fileURLToPath(new URL('../clients/cli/dist/bundle/main.js', import.meta.url));
/** How long a child session on the far runner waits for an answer, in s. It accepts an answer for twice as long. */
const FAR_WAIT_S = 6;
/** Enough for a lease to expire, a process to start, and an unacknowledged event to be redelivered. */
const SLOW_MS = 90_000;

/** Two runners: that of the local run, and another one with a home of its own. */
let stage: LocalStack;
let near: string;
let far: string;
let farHome: string;
let farRunner: ChildProcess;
const watchers: SessionWatcher[] = [];

const follow = (sid: string): SessionWatcher => {
  const watcher = watch(stage, sid);
  watchers.push(watcher);
  return watcher;
};

const online = (name: string) => async () => {
  const reply = await apiOf(stage).runners();
  const found = reply.kind === 'ok' ? reply.value.runners.filter((runner) => runner.online === true) : [];
  return found.find((runner) => runner.name === name || (name === '' && runner.name !== 'far'))?.runnerId;
};

function startFar(): ChildProcess {
  const access = JSON.parse(readFileSync(join(stage.home, 'nats', 'credentials.json'), 'utf8')) as {
    runnerToken: string;
  };
  return spawn(process.execPath, [CLI, 'runner', '--home', farHome, '--name', 'far', '--roots', stage.project], {
    env: {
      ...process.env,
      HOME: join(stage.project, '..'),
      PIZZAPI_DEMO_SPEED: 'instant',
      PIZZAPI_LINK_WAIT_SECONDS: String(FAR_WAIT_S),
      PIZZAPI_NATS_URL: stage.natsUrl,
      PIZZAPI_RUNNER_TOKEN: access.runnerToken,
    },
    stdio: 'ignore',
  });
}

const exitOf = (runner: ChildProcess) =>
  runner.exitCode !== null || runner.signalCode !== null
    ? Promise.resolve()
    : new Promise<void>((resolve) => runner.once('exit', () => resolve()));

beforeAll(async () => {
  stage = await startLocalStack({ PIZZAPI_DEMO_SPEED: 'instant', PIZZAPI_PARTITIONS: '3' });
  near = await until('the near runner is online', online(''), SLOW_MS);
  farHome = join(stage.project, '..', 'far-state');
  mkdirSync(farHome);
  farRunner = startFar();
  far = await until('the far runner is online', online('far'), SLOW_MS);
}, 240_000);

afterEach(() => watchers.splice(0).forEach((watcher) => watcher.close()));

afterAll(async () => {
  farRunner.kill('SIGTERM');
  await exitOf(farRunner);
  await stage.clear();
});

const call = (tool: string, args: object) => `/demo call ${tool} ${JSON.stringify(args)}`;
const ask = call('ask_user_question', { questions: [{ question: 'Which oven?', options: ['Wood', 'Gas'] }] });

/** Waits for the first event of a type with the given fields on a log. */
const find = (log: SessionWatcher, type: string, fields: object = {}) =>
  until(
    `${type} ${JSON.stringify(fields)}`,
    () =>
      log.events.find(
        ({ event }) => event.type === type && Object.entries(fields).every(([key, value]) => event[key] === value),
      )?.event,
    SLOW_MS,
  );

/** Starts a session on a runner, with the demo model. */
async function session(runnerId: string, prompt?: string): Promise<string> {
  const firstInput = prompt === undefined ? {} : { prompt };
  const reply = await apiOf(stage).createSession({ runnerId, cwd: stage.project, model: 'demo/demo', ...firstInput });
  if (reply.kind === 'failed') throw new Error(`${reply.error.code}: ${reply.error.message}`);
  return reply.value.sessionId;
}

/** Starts a parent session on one runner and its child session on another. */
async function linkedPair(parentOn: string, childOn: string, prompt: string, name = 'Baker') {
  const spawning = call('spawn_session', { prompt, name, runner: childOn, cwd: stage.project });
  const parentId = await session(parentOn, spawning);
  const parent = follow(parentId);
  const { sessionId, spawnId } = await find(parent, 'session_spawn');
  await find(parent, 'link_receipt', { requestId: spawnId, outcome: 'delivered' });
  const childId = String(sessionId);
  return { parentId, childId, parent, child: follow(childId) };
}

describe('parent and child sessions on two runners', () => {
  it('a trigger reaches a parent whose runner was killed once, after the restart, and the answer reaches the child', async () => {
    const { parentId, childId, parent, child } = await linkedPair(far, near, '/demo thinking');
    await find(parent, 'trigger_received', { kind: 'session_complete', sessionId: childId });

    const worker = workerOf(farHome, parentId);
    farRunner.kill('SIGKILL');
    process.kill(worker, 'SIGKILL');
    await exitOf(farRunner);
    await child.session.sendInput(ask);
    const { triggerId } = await find(child, 'session_trigger', { kind: 'ask_user_question' });
    await find(child, 'link_receipt', { requestId: triggerId, outcome: 'queued' });

    farRunner = startFar();
    await find(parent, 'trigger_response', { triggerId, to: childId });
    await find(child, 'trigger_response', { triggerId, response: 'Wood' });
    await find(parent, 'link_receipt', { requestId: triggerId, outcome: 'delivered' });
    await find(child, 'link_receipt', { requestId: triggerId, outcome: 'delivered' });
    const answered = child.events.find(({ event }) => event.type === 'trigger_response')!;
    await child.next('agent_end', SLOW_MS, answered.seq);

    const log = await readLog(stage, parentId);
    expect(
      log.filter(({ event }) => event.type === 'trigger_received' && event['triggerId'] === triggerId),
    ).toHaveLength(1);
    const read = log.filter(
      ({ event }) => event.type === 'message_end' && JSON.stringify(event).includes(`\\"${String(triggerId)}\\"`),
    );
    expect(read.filter(({ event }) => (event['message'] as { role: string }).role === 'user')).toHaveLength(1);
    expect(child.session.meta.pendingQuestion).toBeNull();
  });

  it('a time-out is an event on both logs, and a later answer is refused as late', async () => {
    const { childId, parent, child } = await linkedPair(near, far, ask, 'Baker, for a person');
    const { triggerId } = await find(child, 'session_trigger', { kind: 'ask_user_question' });
    await find(child, 'trigger_closed', { triggerId, how: 'timed_out' });
    await find(parent, 'trigger_closed', { triggerId, how: 'timed_out', sessionId: childId });
    // The child session continued and completed.
    await find(parent, 'trigger_received', { kind: 'session_complete' });
    const { expiresAt } = await find(parent, 'trigger_received', { triggerId });
    await until('the time to answer is over', () => Date.now() > Number(expiresAt));
    await child.session.command('trigger_response', { triggerId, response: 'Gas' });
    expect(await find(child, 'command_result', { ok: false })).toMatchObject({ error: { code: 'trigger_late' } });
  });
});

describe('the approvals that a parent session needs', () => {
  it('a child session on another runner needs the same approvals as its parent', async () => {
    const parent = follow(await session(near, '/approvals ask'));
    await find(parent, 'dialog_opened', { method: 'notify' });
    const baked = join(stage.project, 'baked-by-a-child');
    const prompt = call('bash', { command: `touch ${baked}` });
    await parent.session.sendInput(call('spawn_session', { prompt, runner: far, cwd: stage.project }));
    const pending = await find(parent, 'approval_pending');
    const { promptId } = pending['approval'] as { promptId: string };
    await parent.session.command('dialog_response', { dialogId: promptId, value: 'approve' });
    const { sessionId, spawnId } = await find(parent, 'session_spawn');
    await find(parent, 'link_receipt', { requestId: spawnId, outcome: 'delivered' });
    const child = follow(String(sessionId));
    const { approval } = (await find(child, 'approval_pending')) as {
      approval?: { promptId: string; toolName: string };
    };
    expect(approval!.toolName).toBe('bash');
    await child.session.command('dialog_response', { dialogId: approval!.promptId, value: 'deny' });
    await find(child, 'agent_end');
    expect(existsSync(baked)).toBe(false);
  });
});

describe('linked sessions', () => {
  it('a person answers in place of the parent session, and the parent receives a notice', async () => {
    const { parentId, childId, parent, child } = await linkedPair(near, near, ask, 'Baker, for a person');
    const { triggerId } = await find(parent, 'trigger_received', { kind: 'ask_user_question' });
    const { dialogId } = await find(child, 'dialog_opened', { method: 'select' });
    await child.session.command('dialog_response', { dialogId, value: 'Gas' });
    const closed = await find(parent, 'trigger_closed', { triggerId, how: 'answered', sessionId: childId });
    expect(closed['by']).toMatchObject({ userId: 'owner', via: 'api' });
    await find(child, 'trigger_closed', { triggerId, how: 'answered' });
    // Now every other answer is too late.
    await child.session.command('trigger_response', { triggerId, response: 'Wood' });
    expect(await find(child, 'command_result', { ok: false })).toMatchObject({ error: { code: 'trigger_late' } });
    const listed = await until('the list has the child', async () => {
      const reply = await apiOf(stage).sessions();
      return reply.kind === 'ok' && reply.value.sessions.find(({ sessionId }) => sessionId === childId);
    });
    expect(listed.parentSessionId).toBe(parentId);
  });

  it('no event of linked sessions is lost when the projector is killed in between', async () => {
    const { parentId, childId, parent, child } = await linkedPair(near, near, '/demo thinking');
    await find(parent, 'trigger_received', { kind: 'session_complete' });
    process.kill(childOf(stage.pid, 'meta-projector/dist/bundle/main.js'), 'SIGKILL');
    await child.session.sendInput(ask);
    const { triggerId } = await find(child, 'session_trigger', { kind: 'ask_user_question' });
    await find(child, 'trigger_response', { triggerId, response: 'Wood' });
    await find(parent, 'link_receipt', { requestId: triggerId, outcome: 'delivered' });
    const log = await readLog(stage, parentId);
    const received = log.filter(({ event }) => event.type === 'trigger_received' && event['sessionId'] === childId);
    expect(received.filter(({ event }) => event['triggerId'] === triggerId)).toHaveLength(1);
  });

  it('the demo spawns a child that asks and completes, and a child that is cleaned up ends', async () => {
    const parent = follow(await session(near, '/demo spawn'));
    const { sessionId } = await find(parent, 'session_spawn');
    await find(parent, 'trigger_received', { kind: 'ask_user_question' });
    const done = await find(parent, 'trigger_received', { kind: 'session_complete' });
    expect(JSON.stringify(done['payload'])).toContain('Margherita');
    await parent.session.sendInput(call('cleanup_child_session', { sessionId }));
    await find(follow(String(sessionId)), 'session_ended', { reason: 'killed' });
    await find(parent, 'link_receipt', { requestId: sessionId, outcome: 'delivered' });
  });

  it('a spawn on an unknown runner and a message to a session that is not linked are refused with an error', async () => {
    const parent = follow(await session(near, call('spawn_session', { prompt: 'x', runner: 'no-such-runner' })));
    const refused = await find(parent, 'link_receipt', { outcome: 'failed' });
    expect(refused['error']).toMatchObject({ code: 'runner_not_found' });
    const unlinked = await session(near);
    await parent.session.sendInput(call('tell_child', { sessionId: unlinked, text: 'x' }));
    const ended = await until('the tool refuses', () =>
      parent.events.find(({ event }) => event.type === 'tool_execution_end' && event['toolName'] === 'tell_child'),
    );
    expect(ended.event).toMatchObject({ isError: true });
    const reply = await apiOf(stage).command(unlinked, {
      name: 'session_trigger',
      args: { triggerId: 't', kind: 'x' },
    });
    expect(reply).toMatchObject({ kind: 'failed', error: { code: 'command_unknown' } });
  });
});

describe('the partitions of the log of these sessions', () => {
  it('change while the product is stopped: every log is the same, and it starts with its own number only', async () => {
    const started: string[] = [];
    for (let i = 0; i < 4; i++) started.push(await session(near));
    const sids = await until('the sessions are listed', async () => {
      const all = await listed();
      return started.every((sid) => all.includes(sid)) && all.sort();
    });
    const logs = () => readLogs(sids);
    const running = await runCli(stage, 'migrate', '--partitions', '2');
    expect(running).toMatchObject({ code: 1, stderr: expect.stringContaining('services_running') as string });
    expect(new Set(sids.map((sid) => partitionOf(sid, 3))).size).toBeGreaterThan(1);

    farRunner.kill('SIGTERM');
    await exitOf(farRunner);
    const before = await logs();
    await stage.stop();
    for (const to of ['1', '3']) {
      const moved = await runCli(stage, 'migrate', '--partitions', to);
      expect(moved).toMatchObject({ code: 0 });
      const [old, copy] = moved.stdout.split('\n').map((text) => text.replace(/^\w+: +/, ''));
      expect(old).toMatch(/^\d+ sessions, \d+ messages, SHA-256 [0-9a-f]{64}$/);
      expect(copy).toBe(old);
      if (to === '1') await expect(stage.restart()).rejects.toThrow(/partitions_differ/);
    }
    await stage.restart();
    await expect.poll(async () => (await listed()).sort(), { timeout: 60_000 }).toEqual(sids);
    // What was there is there, in the same order; a host may have added something at the stop.
    const after = await logs();
    for (const [sid, log] of before) expect(after.get(sid)?.slice(0, log.length)).toEqual(log);
  });
});

async function listed(): Promise<string[]> {
  const reply = await apiOf(stage).sessions();
  return reply.kind === 'ok' ? reply.value.sessions.map(({ sessionId }) => sessionId) : [];
}

/** The events of these sessions without their offsets. */
async function readLogs(sids: readonly string[]): Promise<Map<string, unknown[]>> {
  const backbone = await connectTo(stage);
  try {
    const logs = new Map<string, unknown[]>();
    for (const sid of sids) {
      const events: unknown[] = [];
      for await (const batch of replay(backbone, sid))
        for (const { epoch, n, msgId, payload } of batch) events.push({ epoch, n, msgId, event: decode(payload) });
      logs.set(sid, events);
    }
    return logs;
  } finally {
    await backbone.close();
  }
}
