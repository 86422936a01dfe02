import { bucket, type Backbone } from '@pizzapi/backbone';
import type { SessionInfo, ShareRow } from '@pizzapi/protocol';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { connectTo, readLog } from '../support/log.js';
import { workerOf } from '../support/processes.js';
import { until } from '../support/until.js';
import { apiOf, newSession, tell, untilHosted, watch, type SessionWatcher } from '../support/viewer.js';
import { ask, type HttpAnswer } from './support/http.js';
import { newShare } from './support/people.js';
import { join as enter, type OpenSocket } from './support/socket.js';
import { auditRow, auditRows } from './support/auditRows.js';

const CLI = fileURLToPath(new URL('../../clients/cli/dist/main.js', import.meta.url));
/** A lease has to run out, a process to start. */
const SLOW_MS = 90_000;

let stage: LocalStack;
let admin: Backbone;
const watchers: SessionWatcher[] = [];
const sockets: OpenSocket[] = [];

beforeAll(async () => {
  stage = await startLocalStack({ PIZZAPI_DEMO_SPEED: 'instant' });
  admin = await connectTo(stage);
}, 240_000);
afterEach(() => {
  for (const watcher of watchers.splice(0)) watcher.close();
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(async () => {
  await admin?.close();
  await stage?.clear();
});

type Event = Record<string, unknown> & { type: string };

const follow = (sid: string): SessionWatcher => {
  const watcher = watch(stage, sid);
  watchers.push(watcher);
  return watcher;
};
const call = (tool: string, args: object) => `/demo call ${tool} ${JSON.stringify(args)}`;
const spawning = (prompt: string, more: object = {}) => call('spawn_session', { prompt, ...more });
const QUESTION = call('ask_user_question', { questions: [{ question: 'Which oven?', options: ['Wood', 'Gas'] }] });

/** The n-th event on a log that fits, once it comes. */
const find = (log: SessionWatcher, type: string, fields: object = {}, n = 1): Promise<Event> =>
  until(
    `${n} × ${type} ${JSON.stringify(fields)}`,
    () =>
      log.events.filter(
        ({ event }) => event.type === type && Object.entries(fields).every(([key, value]) => event[key] === value),
      )[n - 1]?.event,
    SLOW_MS,
  );

/** The texts of people that the agent of a session has read. */
const read = (log: SessionWatcher): string[] =>
  log.events.flatMap(({ event }) => {
    const message = event['message'] as { role: string; content: { text?: string }[] } | undefined;
    if (event.type !== 'message_end' || message?.role !== 'user') return [];
    return [message.content.map(({ text = '' }) => text).join('')];
  });

/** Somebody who came by a link, over HTTP and a socket. */
interface Guest {
  token: string;
  shareId: string;
  post(path: string, json: object): Promise<HttpAnswer>;
  /** Says something and returns the command; throws when it is refused. */
  say(text: string, deliverAs?: string): Promise<string>;
  answer(dialogId: unknown, value: unknown): Promise<HttpAnswer>;
  /** The same over the socket: the code of the refusal, or the result of the command. */
  answerBySocket(dialogId: unknown, value: unknown): Promise<string>;
  end(): Promise<HttpAnswer>;
}

async function guest(sid: string, mode: 'collab' | 'approve', name = 'Bob'): Promise<Guest> {
  const { token, shareId } = await newShare(stage, stage.token, sid, { mode });
  const socket = await enter(stage.url, `/ws/sessions/${sid}?name=${name}`, { bearer: token });
  sockets.push(socket);
  await socket.heard('hello');
  socket.send({ type: 'resume' });
  await socket.heard('live');
  const post: Guest['post'] = (path, json) =>
    ask(stage.url, `/api/sessions/${sid}/${path}?name=${name}`, { bearer: token, json });
  const resultOf = (commandId: unknown) =>
    socket.heard('event', ({ event }) => {
      const { type, commandId: id } = event as Event;
      return type === 'command_result' && id === commandId;
    });
  let refs = 0;
  return {
    ...{ token, shareId, post },
    say: async (text, deliverAs) => {
      const answer = await post('input', { text, ...(deliverAs === undefined ? {} : { deliverAs }) });
      if (answer.status !== 202) throw new Error(answer.text);
      return (answer.json as { commandId: string }).commandId;
    },
    answer: (dialogId, value) => post('commands', { name: 'dialog_response', args: { dialogId, value } }),
    answerBySocket: async (dialogId, value) => {
      const ref = `r${++refs}`;
      socket.send({ type: 'command', ref, name: 'dialog_response', args: { dialogId, value } });
      const answered = await until('an answer', () =>
        socket.frames.find((frame) => frame.ref === ref && (frame.type === 'ack' || frame.type === 'error')),
      );
      if (answered.type === 'error') return `refused ${String(answered['code'])}`;
      const { event } = await resultOf(answered['commandId']);
      const { ok, error } = event as { ok: boolean; error?: { code: string } };
      return ok ? 'ok' : String(error?.code);
    },
    end: () => ask(stage.url, `/api/sessions/${sid}/shares/${shareId}`, { method: 'DELETE', bearer: stage.token }),
  };
}

/** A session whose owner wants to be asked before anything is changed. */
async function careful(): Promise<{ sid: string; log: SessionWatcher }> {
  const sid = await newSession(stage);
  const log = follow(sid);
  await tell(stage, sid, '/approvals ask');
  await find(log, 'dialog_opened', { method: 'notify' });
  return { sid, log };
}

const wants = (path: string) => call('write', { path, content: 'x' });
const inProject = (path: string) => existsSync(join(stage.project, path));

describe('the slash commands of a guest', () => {
  it('are texts to the agent: no policy, no rule, no plan mode and no goal changes', async () => {
    const { sid, log } = await careful();
    // The owner has decided something for this folder.
    await tell(stage, sid, call('bash', { command: 'touch owners-rule' }));
    const decided = (await find(log, 'approval_pending'))['approval'] as { promptId: string };
    await log.session.command('dialog_response', { dialogId: decided.promptId, value: 'folder' });
    await find(log, 'agent_end');
    const file = join(stage.project, '..', '.pi', 'agent', 'pizzapi-approvals.json');
    const rules = readFileSync(file, 'utf8');
    expect(rules).toContain('touch owners-rule');

    const bob = await guest(sid, 'collab');
    const commands = ['/approvals allow', '/approvals forget', '/plan off', '/goal mine', '/share --collab', '/delink'];
    await tell(stage, sid, '/plan on');
    await find(log, 'plan_mode_toggled', { enabled: true });
    for (const text of commands) await bob.say(text);
    await until('all of it is read', () => commands.every((text) => read(log).includes(text)), SLOW_MS);
    expect(readFileSync(file, 'utf8')).toBe(rules);
    expect(log.session.meta.planModeEnabled).toBe(true);
    expect(log.session.meta.goal).toBeNull();
    await tell(stage, sid, '/plan off');
    await find(log, 'plan_mode_toggled', { enabled: false });
    await until('the agent rests', () => !log.session.transcript.busy, SLOW_MS);
    await tell(stage, sid, call('bash', { command: 'touch not-approved' }));
    await find(log, 'approval_pending', {}, 2);
    expect(inProject('not-approved')).toBe(false);
  });
});

describe('what a guest answers', () => {
  it('with a link to write: a question, and no approval, neither through the gateway nor past it', async () => {
    const { sid, log } = await careful();
    const bob = await guest(sid, 'collab');
    await tell(stage, sid, QUESTION);
    const question = (await find(log, 'question_pending'))['question'] as { toolCallId: string };
    expect((await bob.answer(question.toolCallId, 'Wood')).status).toBe(202);
    await find(log, 'agent_end');

    await tell(stage, sid, wants('by-bob'));
    const { promptId } = (await find(log, 'approval_pending'))['approval'] as { promptId: string };
    const step = await find(log, 'dialog_opened', { promptId });
    await until('the gateway knows', async () => (await bob.answer(promptId, 'approve')).code === 'forbidden');
    for (const value of ['approve', 'session', 'folder', 'deny', { action: 'deny', reason: 'x' }, null]) {
      const refused = await bob.answer(promptId, value);
      expect([refused.status, refused.code]).toEqual([403, 'forbidden']);
      expect(refused.text).toContain('writing but not approving');
      expect(await bob.answerBySocket(promptId, value)).toBe('refused forbidden');
    }
    // Which dialog is a step of what, the host knows.
    for (const value of [...(step['options'] as string[]), null])
      expect(await bob.answerBySocket(step['dialogId'], value)).toBe('forbidden');
    expect(log.session.meta.pendingApproval).not.toBeNull();
    expect(inProject('by-bob')).toBe(false);
  });

  it('with a link to approve: this one call, and nothing that is remembered', async () => {
    const { sid, log } = await careful();
    const eve = await guest(sid, 'approve', 'Eve');
    const pending = async (path: string, n: number) => {
      await tell(stage, sid, wants(path));
      const { promptId } = (await find(log, 'approval_pending', {}, n))['approval'] as { promptId: string };
      const step = await find(log, 'dialog_opened', { promptId });
      return { promptId, step: step['dialogId'], options: step['options'] as string[] };
    };
    const first = await pending('once-by-eve', 1);
    await until('the gateway knows', async () => (await eve.answer(first.promptId, 'folder')).code === 'forbidden');
    for (const value of ['session', 'folder', { action: 'edit', text: 'x' }]) {
      const refused = await eve.answer(first.promptId, value);
      expect([refused.status, refused.code]).toEqual([403, 'forbidden']);
      expect(await eve.answerBySocket(first.promptId, value)).toBe('refused forbidden');
    }
    for (const value of first.options.slice(1, 3))
      expect(await eve.answerBySocket(first.step, value)).toBe('forbidden');
    expect(await eve.answerBySocket(first.promptId, 'approve')).toBe('ok');
    await until('it is done', () => inProject('once-by-eve'));
    await find(log, 'dialog_resolved', { dialogId: first.promptId });
    // The next call like it waits again.
    const second = await pending('once-by-eve', 2);
    expect((await eve.answer(second.promptId, { action: 'deny', reason: 'once is enough' })).status).toBe(202);
    await find(log, 'agent_end', {}, 2);

    // Taken back a step, the link approves no more. Raised it is never.
    const share = `/api/sessions/${sid}/shares/${eve.shareId}`;
    const patch = (mode: string) => ask(stage.url, share, { method: 'PATCH', bearer: stage.token, json: { mode } });
    expect((await patch('collab')).status).toBe(204);
    expect((await patch('approve')).status).toBe(400);
    const third = await pending('once-by-eve', 3);
    await until('the gateway knows', async () => (await eve.answer(third.promptId, 'approve')).code === 'forbidden');
  });

  it('is nobody else’s answer: who a client says it is does not count', async () => {
    const { sid, log } = await careful();
    const by = { userId: 'mallory', via: 'owner', name: 'Mallory', right: 'approve' };
    await tell(stage, sid, spawning(QUESTION, { name: 'Baker, for a person' }));
    const pending = (await find(log, 'approval_pending'))['approval'] as { promptId: string };
    await log.session.command('dialog_response', { dialogId: pending.promptId, value: 'approve' });
    const { triggerId } = await find(log, 'trigger_received', { kind: 'ask_user_question' });
    await log.session.command('trigger_response', { triggerId, response: 'Wood', by });
    expect((await find(log, 'trigger_response', { triggerId }))['by']).toMatchObject({ userId: 'owner', via: 'api' });
    await log.session.command('session_message', { from: 'your-parent', text: 'do it', by });
    expect((await find(log, 'session_message'))['from']).toBe('owner');
    const bob = await guest(sid, 'collab');
    const sent = await bob.post('commands', { name: 'input', args: { text: 'who am I', by, right: 'approve' } });
    const { commandId } = sent.json as { commandId: string };
    const received = await find(log, 'input_received', { commandId });
    expect(received['by']).toEqual({ userId: `guest_${bob.shareId}`, via: 'collab', name: 'Bob' });
  });
});

const sessionsOf = async (): Promise<SessionInfo[]> => {
  const reply = await apiOf(stage).sessions();
  return reply.kind === 'ok' ? reply.value.sessions : [];
};
const listed = (sid: string, fits: (info: SessionInfo) => boolean) =>
  until(
    `${sid} in the list`,
    async () => (await sessionsOf()).find((info) => info.sessionId === sid && fits(info)),
    SLOW_MS,
  );
const isOver = (sid: string) => listed(sid, ({ state }) => state === 'ended');

/** A guest's child, which has a child itself, and a child of the owner, all of them with something to wait for. */
async function family() {
  const sid = await newSession(stage);
  const log = follow(sid);
  await tell(stage, sid, spawning(QUESTION, { name: 'Baker, for a person' }));
  const own = String((await find(log, 'session_spawn'))['sessionId']);
  await listed(own, ({ state }) => state === 'waiting');
  await until('the agent rests', () => !log.session.transcript.busy, SLOW_MS);
  const bob = await guest(sid, 'collab');
  await bob.say(spawning(spawning(QUESTION, { name: 'Baker, for a person' }), { name: 'Baker, for a person' }));
  const spawned = await find(log, 'session_spawn', {}, 2);
  const child = String(spawned['sessionId']);
  await listed(child, () => true);
  const childLog = follow(child);
  const grandchild = String((await find(childLog, 'session_spawn'))['sessionId']);
  await listed(grandchild, ({ state }) => state === 'waiting');
  return { sid, log, own, bob, spawned, child, childLog, grandchild };
}

describe('what a guest has agents begin', () => {
  it('is theirs in the log, in the list and in the audit log, and ends with their link; the owner’s goes on', async () => {
    const { sid, log, own, bob, spawned, child, childLog, grandchild } = await family();
    const ref = { shareId: bob.shareId, sessionId: sid, name: 'Bob' };
    expect(spawned['guests']).toEqual([ref]);
    expect((await find(childLog, 'session_started'))['startedBy']).toEqual([ref]);
    for (const each of [child, grandchild]) {
      expect((await listed(each, () => true)).startedBy, each).toEqual([ref]);
      expect((await listed(each, () => true)).userId).toBe('owner');
      const row = await auditRow(stage, 'guest_spawn', (found) => found['sessionId'] === each);
      expect(row).toMatchObject({ userId: 'owner', shareId: bob.shareId, guest: 'Bob' });
    }
    expect(await listed(own, () => true)).not.toHaveProperty('startedBy');

    expect((await bob.end()).status).toBe(204);
    for (const each of [child, grandchild]) {
      expect(await isOver(each)).toMatchObject({ endReason: 'killed' });
      const ended = (await readLog(stage, each)).find(({ event }) => event.type === 'session_ended')!;
      expect(ended.event['message']).toBe('The share link of Bob was revoked.');
      const row = await auditRow(stage, 'guest_stopped', (found) => found['sessionId'] === each);
      expect(row).toMatchObject({ what: 'session', why: 'revoked', shareId: bob.shareId, guest: 'Bob' });
    }
    expect(await listed(own, () => true)).toMatchObject({ state: 'waiting' });
    // The agent is not set to work by their end.
    await tell(stage, sid, 'still here');
    await until('the owner is heard', () => read(log).includes('still here'));
    expect(read(log).filter((text) => text.includes(child) && text.includes('has failed'))).toEqual([]);
  });

  it('also when all links are revoked, when it only lets them watch any more, and when it expires', async () => {
    const ends = {
      all: (sid: string) => ask(stage.url, `/api/sessions/${sid}/shares`, { method: 'DELETE', bearer: stage.token }),
      restricted: (sid: string, shareId: string) =>
        ask(stage.url, `/api/sessions/${sid}/shares/${shareId}`, {
          ...{ method: 'PATCH', bearer: stage.token, json: { mode: 'read' } },
        }),
      // A minute is the shortest life: this is what a minute does.
      expired: async (sid: string, shareId: string) => {
        const shares = bucket<ShareRow>(admin, 'shares');
        const found = (await shares.get(`${sid}.${shareId}`))!;
        await shares.put(`${sid}.${shareId}`, { ...found.value, expiresAt: Date.now() });
      },
    };
    for (const [how, end] of Object.entries(ends)) {
      const sid = await newSession(stage);
      const log = follow(sid);
      const bob = await guest(sid, 'collab');
      await bob.say(spawning(QUESTION));
      const child = String((await find(log, 'session_spawn'))['sessionId']);
      await listed(child, ({ state }) => state !== 'ended');
      await end(sid, bob.shareId);
      expect(await isOver(child), how).toMatchObject({ endReason: 'killed' });
    }
  });

  it('is stopped in their session too: their turn, and what they have waiting, with one line that says why', async () => {
    const sid = await newSession(stage);
    const log = follow(sid);
    const bob = await guest(sid, 'collab');
    const eve = await guest(sid, 'collab', 'Eve');
    await bob.say(QUESTION);
    await find(log, 'question_pending');
    const waiting = [await bob.say('steered by Bob'), await bob.say('later by Bob', 'followUp')];
    await eve.say('from Eve', 'followUp');
    await log.session.sendInput('from Ada', { deliverAs: 'followUp' });
    await until('all of it waits', () => log.session.transcript.queue.followUp.length === 3);
    await bob.end();
    for (const commandId of waiting) {
      const { error } = await find(log, 'input_dropped', { commandId });
      expect(error).toMatchObject({ code: 'link_ended' });
      expect((error as { message: string }).message).toContain('The share link of Bob was revoked');
    }
    await until('the others are read', () => read(log).includes('from Ada') && read(log).includes('from Eve'), SLOW_MS);
    expect(read(log).filter((text) => text.includes('by Bob'))).toEqual([]);
    const lines = log.events.filter(({ event }) => event['method'] === 'notify' && event['level'] === 'warning');
    expect(lines.map(({ event }) => event['title'])).toEqual([
      'The share link of Bob was revoked. Ended: what the agent did for them, and 2 inputs that waited. Write to have the agent go on.',
    ]);
    const row = await auditRow(stage, 'guest_stopped', (found) => found['sessionId'] === sid);
    expect(row).toMatchObject({ what: 'work', why: 'revoked', shareId: bob.shareId });
  });

  it('does not touch a turn of the owner', async () => {
    const sid = await newSession(stage);
    const log = follow(sid);
    const bob = await guest(sid, 'collab');
    await bob.say('hello');
    await find(log, 'agent_end');
    await tell(stage, sid, QUESTION);
    const question = (await find(log, 'question_pending'))['question'] as { toolCallId: string };
    const commandId = await bob.say('steered by Bob');
    await bob.end();
    await find(log, 'input_dropped', { commandId });
    await log.session.command('dialog_response', { dialogId: question.toolCallId, value: 'Gas' });
    await find(log, 'tool_execution_end', { toolName: 'ask_user_question', isError: false });
    await find(log, 'agent_end', {}, 2);
    expect(read(log)).not.toContain('steered by Bob');
  });
});

describe('what a guest has begun on a host that is away', () => {
  let farHome: string;
  let far: ChildProcess;
  const startFar = (): ChildProcess => {
    const file = join(stage.home, 'nats', 'credentials.json');
    const { runnerToken } = JSON.parse(readFileSync(file, 'utf8')) as { runnerToken: string };
    const args = [CLI, 'runner', '--home', farHome, '--name', 'far', '--roots', stage.project];
    const own = { PIZZAPI_DEMO_SPEED: 'instant', PIZZAPI_NATS_URL: stage.natsUrl, PIZZAPI_RUNNER_TOKEN: runnerToken };
    const env = { ...process.env, HOME: join(stage.project, '..'), ...own };
    return spawn(process.execPath, args, { env, stdio: 'ignore' });
  };
  const gone = (host: ChildProcess) =>
    host.exitCode !== null || host.signalCode !== null
      ? Promise.resolve()
      : new Promise<void>((resolve) => host.once('exit', () => resolve()));

  beforeAll(() => {
    farHome = join(stage.project, '..', 'far-state');
    mkdirSync(farHome);
    far = startFar();
  });
  afterAll(async () => {
    far.kill('SIGTERM');
    await gone(far);
  });

  it('ends when it is back, and what waited there is not read', async () => {
    const rid = await until('the far runner is there', async () => {
      const reply = await apiOf(stage).runners();
      return reply.kind === 'ok' && reply.value.runners.find(({ name, online }) => name === 'far' && online)?.runnerId;
    });
    const made = await apiOf(stage).createSession({ runnerId: rid, cwd: stage.project, model: 'demo/demo' });
    if (made.kind === 'failed') throw new Error(made.error.message);
    const { sessionId: sid } = made.value;
    await untilHosted(stage, sid);
    const log = follow(sid);
    const bob = await guest(sid, 'collab');
    await bob.say(spawning(QUESTION, { name: 'Baker, for a person' }));
    const child = String((await find(log, 'session_spawn'))['sessionId']);
    await listed(child, ({ state }) => state === 'waiting');
    await until('the agent rests', () => !log.session.transcript.busy, SLOW_MS);
    await tell(stage, sid, QUESTION);
    await find(log, 'question_pending');
    const commandId = await bob.say('waits for the agent');
    await until('it waits', () => log.session.transcript.queue.steering.length === 1);

    const workers = [workerOf(farHome, sid), workerOf(farHome, child)];
    far.kill('SIGKILL');
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await gone(far);
    await bob.end();
    await auditRow(stage, 'guest_stopped', (row) => row['sessionId'] === child);
    far = startFar();
    expect(await isOver(child)).toMatchObject({ endReason: 'killed' });
    await find(log, 'input_dropped', { commandId });
    await untilHosted(stage, sid);
    await tell(stage, sid, 'from Ada');
    await until('the owner is heard', () => read(log).includes('from Ada'), SLOW_MS);
    expect(read(log)).not.toContain('waits for the agent');
    expect((await auditRows(stage, 'guest_spawn')).length).toBeGreaterThan(0);
  });
});
