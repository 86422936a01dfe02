import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '@pizzapi/protocol';
import { Rig } from '../testing/runnerHarness.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.startDaemon({ PIZZAPI_MAX_SESSIONS: '2' });
});
afterAll(() => rig.close());

const isAwake = async (sid: string) => (await rig.record(sid)).worker !== undefined;

it('a session that was idle for longest is suspended when another one needs its slot, and one at work is not', async () => {
  const first = await rig.newSession();
  const second = await rig.newSession();
  // A session that has just begun is not idle yet.
  const third = await expectRoom();
  await expect.poll(() => isAwake(first), { timeout: 20_000 }).toBe(false);
  expect([await isAwake(second), await isAwake(third)]).toEqual([true, true]);
  expect((await rig.log(first)).items.map(({ type }) => type)).not.toContain('session_ended');

  const commandId = await rig.send('set_name', { name: 'Awake again' }, first);
  expect(await rig.result(first, commandId)).toMatchObject({ ok: true });
});

it('a session is refused when every slot is taken by a session at work', async () => {
  for (const sid of await awake()) await rig.result(sid, await rig.send('kill_session', {}, sid));
  for (let n = 0; n < 2; n++) {
    const sid = await expectRoom({ prompt: '/demo question confirm' });
    await (await rig.log(sid)).until((event) => event.type === 'dialog_opened' && event.method === 'confirm');
  }
  const commandId = await rig.send('new_session', { sessionId: newId('s'), model: 'demo/demo', cwd: rig.root });
  expect(await rig.runnerResult(commandId)).toMatchObject({ error: { code: 'too_many_sessions' } });
});

async function awake(): Promise<string[]> {
  const result = await rig.runnerResult(await rig.send('list_sessions', {}));
  const { sessions } = result.result as { sessions: { sid: string; pid?: number }[] };
  return sessions.filter(({ pid }) => pid !== undefined).map(({ sid }) => sid);
}

/** Starts a session as soon as there is a slot for it. */
async function expectRoom(more: object = {}): Promise<string> {
  let sid = '';
  const start = async () => {
    sid = newId('s');
    const args = { sessionId: sid, model: 'demo/demo', cwd: rig.root, ...more };
    return (await rig.runnerResult(await rig.send('new_session', args))).ok;
  };
  await expect.poll(start, { timeout: 30_000, interval: 500 }).toBe(true);
  return sid;
}
