import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isSameProcess } from '@pizzapi/process';
import { newId } from '@pizzapi/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rig } from '../testing/runnerHarness.js';
import type { SessionRecord } from './records.js';

let rig: Rig;
const NEVER = 'await new Promise(() => undefined);';
const SPIN = 'for (;;);';

beforeAll(async () => {
  rig = await Rig.start();
});
afterAll(() => rig.close());

/** A folder whose extension does something while pi loads it. */
async function folderWith(does: string): Promise<string> {
  const cwd = join(rig.root, newId());
  await mkdir(join(cwd, '.pi', 'extensions'), { recursive: true });
  await writeFile(join(cwd, '.pi', 'extensions', 'slow.ts'), `export default async (pi: any) => { ${does} };`);
  return cwd;
}

async function open(cwd: string): Promise<{ sid: string; commandId: string }> {
  const sid = newId('s');
  const commandId = await rig.send('new_session', { sessionId: sid, model: 'demo/demo', cwd, pi: { approve: true } });
  return { sid, commandId };
}

type WorkerPlace = NonNullable<SessionRecord['worker']>;

/** The worker of a session that opens. */
async function workerOf(sid: string): Promise<WorkerPlace> {
  for (;;) {
    const record = await rig.record(sid).catch(() => undefined);
    if (record?.worker !== undefined) return record.worker;
    await pause(20);
  }
}

const isGone = ({ pid, start }: WorkerPlace) =>
  expect.poll(() => isSameProcess(pid, start), { timeout: 20_000 }).toBe(false);

describe('a session that does not open in time', () => {
  beforeAll(() => rig.startDaemon({ PIZZAPI_OPEN_SECONDS: '4', PIZZAPI_MAX_SESSIONS: '2' }));
  afterAll(() => rig.endDaemon('SIGTERM'));

  it.each([
    ['never resolves', NEVER],
    ['spins', SPIN],
  ])('ends with a result that names what hung when an extension %s, and frees its slot', async (_how, does) => {
    const cwd = await folderWith(does);
    const { sid, commandId } = await open(cwd);
    const worker = await workerOf(sid);
    expect(await rig.runnerResult(commandId)).toMatchObject({
      ok: false,
      error: { code: 'open_timeout', message: expect.stringContaining(join(cwd, '.pi/extensions/slow.ts')) as string },
    });
    await isGone(worker);
    const log = await rig.log(sid);
    const ended = await log.until((event) => event.type === 'session_ended');
    expect(ended).toMatchObject({ reason: 'error', message: expect.stringContaining('slow.ts') as string });
    expect(log.items.map(({ type }) => type)).toEqual(['session_started', 'session_ended']);
    await rig.runnerEvents.until((event) => event.type === 'session_closed' && event.sessionId === sid);
  });
});

describe('a session that is ended', () => {
  beforeAll(() => rig.startDaemon({ PIZZAPI_OPEN_SECONDS: '600', PIZZAPI_MAX_SESSIONS: '1' }));

  it.each([
    ['never resolves', NEVER],
    ['spins', SPIN],
  ])('has no process any more when it still opens, because an extension %s', async (_how, does) => {
    const { sid, commandId } = await open(await folderWith(does));
    const worker = await workerOf(sid);
    const kill = await rig.send('kill_session', {}, sid);
    expect(await rig.result(sid, kill)).toMatchObject({ ok: true });
    const log = await rig.log(sid);
    expect(await log.until((event) => event.type === 'session_ended')).toMatchObject({ reason: 'killed' });
    expect(await rig.runnerResult(commandId)).toMatchObject({ ok: false, error: { code: 'session_ended' } });
    await isGone(worker);
    await rig.runnerEvents.until((event) => event.type === 'session_closed' && event.sessionId === sid);
  });

  it('has no process any more when its worker spins, and frees its slot', async () => {
    const does = `pi.registerCommand('spin', { handler: async () => { ${SPIN} } });`;
    const sid = await rig.newSession({ cwd: await folderWith(does), pi: { approve: true } });
    const worker = await workerOf(sid);
    await rig.send('input', { text: '/spin' }, sid);
    const kill = await rig.send('kill_session', {}, sid);
    expect(await rig.result(sid, kill)).toMatchObject({ ok: true });
    await isGone(worker);
    // The runner takes one session: the slot is free.
    await rig.runnerEvents.until((event) => event.type === 'session_closed' && event.sessionId === sid);
    const next = await rig.newSession();
    await rig.result(next, await rig.send('kill_session', {}, next));
  });
});
