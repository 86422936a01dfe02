import { shareRows } from '@pizzapi/backbone';
import type { SessionInfo } from '@pizzapi/protocol';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLog } from '../support/log.js';
import { workerOf } from '../support/processes.js';
import { until } from '../support/until.js';
import { apiOf, newSession, tell, untilHosted } from '../support/viewer.js';
import { auditRow, auditRows } from './support/auditRows.js';
import { find, QUESTION, read, SLOW_MS, spawning, useGuestStage } from './support/guestStage.js';
import { ask } from './support/http.js';

const CLI = fileURLToPath(new URL('../../clients/cli/dist/bundle/main.js', import.meta.url));

const guests = useGuestStage();
const { follow, guest } = guests;

const sessionsOf = async (): Promise<SessionInfo[]> => {
  const reply = await apiOf(guests.stage).sessions();
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
async function linkedSessions() {
  const sid = await newSession(guests.stage);
  const log = follow(sid);
  await tell(guests.stage, sid, spawning(QUESTION, { name: 'Baker, for a person' }));
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
    const { sid, log, own, bob, spawned, child, childLog, grandchild } = await linkedSessions();
    const ref = { shareId: bob.shareId, sessionId: sid, name: 'Bob' };
    expect(spawned['guests']).toEqual([ref]);
    expect((await find(childLog, 'session_started'))['startedBy']).toEqual([ref]);
    for (const each of [child, grandchild]) {
      expect((await listed(each, () => true)).startedBy, each).toEqual([ref]);
      expect((await listed(each, () => true)).userId).toBe('owner');
      const row = await auditRow(guests.stage, 'guest_spawn', (found) => found['sessionId'] === each);
      expect(row).toMatchObject({ userId: 'owner', shareId: bob.shareId, guest: 'Bob' });
    }
    expect(await listed(own, () => true)).not.toHaveProperty('startedBy');

    expect((await bob.end()).status).toBe(204);
    for (const each of [child, grandchild]) {
      expect(await isOver(each)).toMatchObject({ endReason: 'killed' });
      const ended = (await readLog(guests.stage, each)).find(({ event }) => event.type === 'session_ended')!;
      expect(ended.event['message']).toBe('The share link of Bob was revoked.');
      const row = await auditRow(guests.stage, 'guest_stopped', (found) => found['sessionId'] === each);
      expect(row).toMatchObject({ what: 'session', why: 'revoked', shareId: bob.shareId, guest: 'Bob' });
    }
    expect(await listed(own, () => true)).toMatchObject({ state: 'waiting' });
    // The agent is not set to work by their end.
    await tell(guests.stage, sid, 'still here');
    await until('the owner is heard', () => read(log).includes('still here'));
    expect(read(log).filter((text) => text.includes(child) && text.includes('has failed'))).toEqual([]);
  });

  it('also when all links are revoked, when it only lets them watch any more, and when it expires', async () => {
    const ends = {
      all: (sid: string) =>
        ask(guests.stage.url, `/api/sessions/${sid}/shares`, { method: 'DELETE', bearer: guests.stage.token }),
      restricted: (sid: string, shareId: string) =>
        ask(guests.stage.url, `/api/sessions/${sid}/shares/${shareId}`, {
          ...{ method: 'PATCH', bearer: guests.stage.token, json: { mode: 'read' } },
        }),
      // A minute is the shortest life: this is what a minute does.
      expired: async (sid: string, shareId: string) => {
        const shares = shareRows(guests.admin);
        const found = (await shares.get(`${sid}.${shareId}`))!;
        await shares.put(`${sid}.${shareId}`, { ...found.value, expiresAt: Date.now() });
      },
    };
    for (const [how, end] of Object.entries(ends)) {
      const sid = await newSession(guests.stage);
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
    const sid = await newSession(guests.stage);
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
    const row = await auditRow(guests.stage, 'guest_stopped', (found) => found['sessionId'] === sid);
    expect(row).toMatchObject({ what: 'work', why: 'revoked', shareId: bob.shareId });
  });

  it('does not touch a turn of the owner', async () => {
    const sid = await newSession(guests.stage);
    const log = follow(sid);
    const bob = await guest(sid, 'collab');
    await bob.say('hello');
    await find(log, 'agent_end');
    await tell(guests.stage, sid, QUESTION);
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
    const file = join(guests.stage.home, 'nats', 'credentials.json');
    const { runnerToken } = JSON.parse(readFileSync(file, 'utf8')) as { runnerToken: string };
    const args = [CLI, 'runner', '--home', farHome, '--name', 'far', '--roots', guests.stage.project];
    const own = {
      PIZZAPI_DEMO_SPEED: 'instant',
      PIZZAPI_NATS_URL: guests.stage.natsUrl,
      PIZZAPI_RUNNER_TOKEN: runnerToken,
    };
    const env = { ...process.env, HOME: join(guests.stage.project, '..'), ...own };
    return spawn(process.execPath, args, { env, stdio: 'ignore' });
  };
  const gone = (host: ChildProcess) =>
    host.exitCode !== null || host.signalCode !== null
      ? Promise.resolve()
      : new Promise<void>((resolve) => host.once('exit', () => resolve()));

  beforeAll(() => {
    farHome = join(guests.stage.project, '..', 'far-state');
    mkdirSync(farHome);
    far = startFar();
  });
  afterAll(async () => {
    far.kill('SIGTERM');
    await gone(far);
  });

  it('ends when it is back, and what waited there is not read', async () => {
    const rid = await until('the far runner is there', async () => {
      const reply = await apiOf(guests.stage).runners();
      return reply.kind === 'ok' && reply.value.runners.find(({ name, online }) => name === 'far' && online)?.runnerId;
    });
    const made = await apiOf(guests.stage).createSession({
      runnerId: rid,
      cwd: guests.stage.project,
      model: 'demo/demo',
    });
    if (made.kind === 'failed') throw new Error(made.error.message);
    const { sessionId: sid } = made.value;
    await untilHosted(guests.stage, sid);
    const log = follow(sid);
    const bob = await guest(sid, 'collab');
    await bob.say(spawning(QUESTION, { name: 'Baker, for a person' }));
    const child = String((await find(log, 'session_spawn'))['sessionId']);
    await listed(child, ({ state }) => state === 'waiting');
    await until('the agent rests', () => !log.session.transcript.busy, SLOW_MS);
    await tell(guests.stage, sid, QUESTION);
    await find(log, 'question_pending');
    const commandId = await bob.say('waits for the agent');
    await until('it waits', () => log.session.transcript.queue.steering.length === 1);

    const workers = [workerOf(farHome, sid), workerOf(farHome, child)];
    far.kill('SIGKILL');
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await gone(far);
    await bob.end();
    await auditRow(guests.stage, 'guest_stopped', (row) => row['sessionId'] === child);
    far = startFar();
    expect(await isOver(child)).toMatchObject({ endReason: 'killed' });
    await find(log, 'input_dropped', { commandId });
    await untilHosted(guests.stage, sid);
    await tell(guests.stage, sid, 'from Ada');
    await until('the owner is heard', () => read(log).includes('from Ada'), SLOW_MS);
    expect(read(log)).not.toContain('waits for the agent');
    expect((await auditRows(guests.stage, 'guest_spawn')).length).toBeGreaterThan(0);
  });
});
