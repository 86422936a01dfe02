import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isSameProcess } from '@pizzapi/process';
import { newId } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signalProcess } from '../processes.js';
import { Rig } from '../testing/runnerHarness.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.startDaemon();
});
afterAll(() => rig.close());

/** A session with one turn. */
async function told(): Promise<string> {
  const sid = await rig.newSession({ prompt: '/demo thinking' });
  const log = await rig.log(sid);
  await log.until((event) => event.type === 'agent_end');
  await expect.poll(async () => (await rig.record(sid)).file, { timeout: 20_000 }).toBeDefined();
  return sid;
}

async function kill(sid: string): Promise<void> {
  await rig.result(sid, await rig.send('kill_session', {}, sid));
  await closed(sid);
}

const closed = (sid: string) =>
  rig.runnerEvents.until((event) => event.type === 'session_closed' && event.sessionId === sid);

async function restart(between: () => Promise<void> = () => Promise.resolve()): Promise<void> {
  await rig.endDaemon('SIGTERM');
  await between();
  await rig.startDaemon();
}

/** Forks a session that has ended, and expects its history in the new one. */
async function expectFork(sid: string): Promise<void> {
  const sessionId = newId('s');
  const commandId = await rig.send('fork', { sessionId }, sid);
  expect(await rig.result(sid, commandId)).toMatchObject({ ok: true, result: { sessionId } });
  const log = await rig.log(sessionId);
  await log.until((event) => event.type === 'auth_source_changed');
  expect(log.items[0]).toMatchObject({ type: 'session_started', forkedFrom: { sessionId: sid } });
  const roles = log.items.flatMap((event) => (event.type === 'message_end' ? [event.message.role] : []));
  expect(roles).toEqual(['user', 'assistant']);
  const input = await rig.send('input', { text: '/demo thinking' }, sessionId);
  expect(await rig.result(sessionId, input)).toMatchObject({ ok: true });
  await log.until((event) => event.type === 'agent_end');
  await kill(sessionId);
}

describe('a fork of a session that has ended', () => {
  it('has the history of a session that was killed, before and after a restart of its runner', async () => {
    const sid = await told();
    await kill(sid);
    await expectFork(sid);
    await restart();
    await expectFork(sid);
  });

  it('has the history of a session that expired, or was killed while it was suspended', async () => {
    const [expired, suspended] = [await told(), await told()];
    await restart(async () => {
      const path = join(rig.home.sessions, `${expired}.json`);
      const record = JSON.parse(await readFile(path, 'utf8')) as object;
      await writeFile(path, JSON.stringify({ ...record, lastActivityAt: 1 }));
    });
    const log = await rig.log(expired);
    expect(await log.until((event) => event.type === 'session_ended')).toMatchObject({ reason: 'expired' });
    await kill(suspended);
    for (const sid of [expired, suspended]) await expectFork(sid);
  });

  it('has the history of a session whose worker died again and again', async () => {
    const sid = await told();
    const log = await rig.log(sid);
    for (let crash = 1; crash <= 4; crash++) {
      await expect.poll(async () => (await rig.record(sid)).worker, { timeout: 20_000 }).toBeDefined();
      const { worker } = await rig.record(sid);
      signalProcess(worker!.pid, 'SIGKILL');
      const resumed = () => log.items.filter((event) => event.type === 'session_resumed').length;
      if (crash < 4) await expect.poll(resumed, { timeout: 20_000 }).toBe(crash);
      await expect.poll(() => isSameProcess(worker!.pid, worker!.start), { timeout: 20_000 }).toBe(false);
    }
    expect(await log.until((event) => event.type === 'session_ended')).toMatchObject({ reason: 'error' });
    await closed(sid);
    await expectFork(sid);
  });

  it('has a result that says why it is not possible', async () => {
    const sid = await told();
    const file = (await rig.record(sid)).file!;
    await kill(sid);
    await rename(file, `${file}.moved`);
    const sessionId = newId('s');
    const commandId = await rig.send('fork', { sessionId }, sid);
    expect(await rig.result(sid, commandId)).toMatchObject({ ok: false, error: { code: 'file_not_found' } });
  });
});

describe('a command that the runner cannot take', () => {
  it('is answered in the log of the session, where its sender reads', async () => {
    const sid = await told();
    await kill(sid);
    const late = await rig.send('input', { text: 'hello?' }, sid);
    expect(await rig.result(sid, late)).toMatchObject({ ok: false, error: { code: 'session_ended' } });
    const results = (await rig.log(sid)).items.filter(
      (event) => event.type === 'command_result' && event.commandId === late,
    );
    expect(results).toHaveLength(1);
  });

  it('is answered in the log of a suspended session, which stays suspended', async () => {
    const sid = await told();
    await restart();
    const expired = await rig.send('input', { text: 'too late' }, sid, { expiresAt: 1 });
    expect(await rig.result(sid, expired)).toMatchObject({ ok: false, error: { code: 'command_expired' } });
    expect((await rig.record(sid)).worker).toBeUndefined();
  });
});
