import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signalProcess } from '../../processes.js';
import { Rig, type Logged } from '../../testing/runnerHarness.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.startDaemon();
});

afterAll(async () => {
  await rig.close();
});

const by = { userId: 'owner', via: 'agent' } as const;
const payload = { questions: [{ question: 'Which oven?', options: ['Wood', 'Gas'] }] };

/** A session with a story, so that its agent has a file. */
async function parent(): Promise<{ sid: string; log: Awaited<ReturnType<Rig['log']>> }> {
  const sid = await rig.newSession({ prompt: '/demo thinking' });
  const log = await rig.log(sid);
  await log.until((event) => event.type === 'agent_end');
  while ((await rig.record(sid)).file === undefined) await pause(20);
  return { sid, log };
}

const read = (items: Logged[], triggerId: string) =>
  items.filter(
    (event) =>
      event.type === 'message_end' && event.message.role === 'user' && JSON.stringify(event).includes(triggerId),
  );

describe('a trigger in the hand of a host that dies', () => {
  it.each([0, 1, 3, 10, 30, 60])('is carried out by the next one, once, when it dies %i ms later', async (ms) => {
    const { sid, log } = await parent();
    const triggerId = `t_${ms}`;
    const args = { triggerId, kind: 'ask_user_question', sessionId: 'kid', payload };
    const { worker } = await rig.record(sid);
    const commandId = await rig.send('session_trigger', args, sid, { by });
    while (!readFileSync(rig.home.ledger, 'utf8').includes(commandId)) await pause(1);
    await pause(ms);
    const dead = rig.endDaemon('SIGKILL');
    signalProcess(worker!.pid, 'SIGKILL');
    await dead;
    await rig.startDaemon();
    expect(await rig.result(sid, commandId)).toMatchObject({ ok: true });
    await log.until((event) => event.type === 'trigger_response' && event.triggerId === triggerId);
    const received = log.items.flatMap((event) => (event.type === 'trigger_received' ? [event.triggerId] : []));
    expect(received).toEqual([triggerId]);
    // A run that the death cut off is begun once more; what was still on its way is only given.
    expect([1, 2]).toContain(read(log.items, triggerId).length);
    expect(log.items.filter((event) => event.type === 'trigger_response')).toHaveLength(1);
    const results = log.items.filter((event) => event.type === 'command_result' && event.commandId === commandId);
    expect(results).toMatchObject([{ ok: true }]);
  });
});

it('nobody but the process manager speaks in the name of another session', async () => {
  const { sid } = await parent();
  const args = { triggerId: 't', kind: 'session_complete', sessionId: 'kid' };
  const commandId = await rig.send('session_trigger', args, sid);
  expect(await rig.result(sid, commandId)).toMatchObject({ ok: false, error: { code: 'forbidden' } });
});

it('a session whose child is being begun can speak to it at once', async () => {
  const sid = 'early-bird';
  const start = rig.send('new_session', { sessionId: sid, model: 'demo/demo', parentSessionId: 'p' });
  const told = rig.send('session_message', { from: 'p', text: '/demo thinking' }, sid, { by });
  expect(await rig.runnerResult(await start)).toMatchObject({ ok: true });
  expect(await rig.result(sid, await told)).toMatchObject({ ok: true });
  const log = await rig.log(sid);
  expect(await log.until((event) => event.type === 'session_trigger')).toMatchObject({ kind: 'session_complete' });
});
