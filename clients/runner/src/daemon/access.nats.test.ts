import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { askErasure, bucket, headOf, holdLease } from '@pizzapi/backbone';
import { OWNER_ID } from '@pizzapi/protocol';
import { silentLogger, isSameProcess } from '@pizzapi/process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rig } from '../testing/runnerHarness.js';
import { connectRunner, requireToken } from './connections.js';
import { hasSpool } from './directLogWriter.js';
import { loadIdentity } from './identity.js';
import { SessionRecords } from './records.js';
import { requireSameWire } from './requireSameWire.js';

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.start();
  await rig.startDaemon({ PIZZAPI_DEMO_SPEED: 'fast', PIZZAPI_API_KEY: 'pzk_of_the_person' });
});
afterAll(() => rig.close());

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await what())) await pause(20);
}

describe('a runner that is not let in', () => {
  const host = async (token: string) => ({
    natsUrl: rig.nats.url,
    identity: await loadIdentity(rig.home.identity),
    token,
    log: silentLogger,
    signal: new AbortController().signal,
  });

  it('without a token says where to get one', () => {
    expect(() => requireToken({ runnerToken: undefined })).toThrow(
      /The runner has no token\. Run `pizzapi runner pair`/,
    );
  });

  it('with a token that is none any more gives up and says what to do', async () => {
    const token = await rig.secured.newRunnerToken(OWNER_ID);
    await rig.secured.revokeToken(token);
    const connecting = connectRunner(await host(token), 300);
    await expect(connecting).rejects.toMatchObject({
      code: 'runner_refused',
      message: expect.stringMatching(/The token was revoked.*pizzapi runner pair/) as string,
    });
  });

  it('with the id of another account’s runner is refused too', async () => {
    const token = await rig.secured.newRunnerToken('somebody');
    await expect(connectRunner(await host(token), 300)).rejects.toMatchObject({ code: 'runner_refused' });
  });
});

it('a runner of another wire than its relay says which side to update, and one of the same wire runs whatever its version', async () => {
  const { natsUrl, log, signal } = { natsUrl: rig.nats.url, log: silentLogger, signal: new AbortController().signal };
  const identity = { ...(await loadIdentity(rig.home.identity)), runnerId: 'r-versions' };
  const backbone = await connectRunner({ natsUrl, identity, token: rig.token, log, signal });
  const check = (host: { version: string; wire: number }) =>
    requireSameWire(backbone, { runnerId: identity.runnerId, relayUrl: 'https://h', log }, host);
  await expect(check({ version: '99.0.0', wire: 99 })).rejects.toMatchObject({
    code: 'wire_mismatch',
    message: expect.stringMatching(
      /99\.0\.0, newer than .* Update the relay, or .* curl -fsSL https:\/\/h\/install\.sh/,
    ) as string,
  });
  await expect(check({ version: '0.0.1', wire: 0 })).rejects.toThrow(/older than .* Update the host: curl/);
  await check({ version: '99.0.0', wire: 1 });
  await backbone.close();
});

it('what an agent starts finds no secret of ours, neither in its own environment nor in its worker’s', async () => {
  const sid = await rig.newSession();
  const { worker } = await rig.record(sid);
  const exec = await rig.send('exec', { command: 'env > seen.txt' }, sid);
  await rig.result(sid, exec);
  const files = [join(rig.root, 'project', 'seen.txt'), `/proc/${worker!.pid}/environ`];
  const seen = (await Promise.all(files.map((file) => readFile(file, 'utf8')))).join('\n');
  expect(seen).toContain('PIZZAPI_SESSION');
  for (const secret of ['PIZZAPI_RUNNER_TOKEN', rig.token, 'pzk_of_the_person']) expect(seen).not.toContain(secret);
  const { runnerSecret } = await loadIdentity(rig.home.identity);
  expect(seen).not.toContain(runnerSecret);
});

it('a session that another host of its owner has taken over is given up, its worker with it', async () => {
  const sid = await rig.newSession();
  const { worker } = await rig.record(sid);
  const epoch = await bucket(rig.backbone, 'owners').put(sid, { userId: OWNER_ID, runnerId: 'other' });
  const held = await holdLease(rig.backbone, `session.${sid}`, { epoch });
  const closed = await rig.runnerEvents.until((event) => event.type === 'session_closed' && event.sessionId === sid);
  expect(closed).toMatchObject({ reason: 'fenced' });
  expect(await isSameProcess(worker!.pid, worker!.start)).toBe(false);
  if (held.kind === 'held') await held.lease.release();
});

it('a session that was erased is dropped for good: its worker ends, and no spool, record or event of it is left', async () => {
  const sid = await rig.newSession();
  const { worker } = await rig.record(sid);
  await askErasure(rig.secured.admin, { userId: OWNER_ID, sid }, { at: Date.now(), why: 'asked' });
  const closed = await rig.runnerEvents.until((event) => event.type === 'session_closed' && event.sessionId === sid);
  expect(closed).toMatchObject({ reason: 'fenced' });
  expect(await isSameProcess(worker!.pid, worker!.start)).toBe(false);
  expect(hasSpool(rig.home, sid)).toBe(false);
  expect(await new SessionRecords(rig.home.ended).read(sid)).toBeUndefined();
  expect(await new SessionRecords(rig.home.sessions).read(sid)).toBeUndefined();
  await until(async () => (await headOf(rig.secured.admin, sid)).last === 0);
});

it('a session whose runner’s token is revoked goes on, and all it says is in the log once there is a new one', async () => {
  // The turn ends when the test says so, after the host is cut off.
  const command = 'while [ ! -e cut-off ]; do sleep 0.05; done';
  const sid = await rig.newSession({ prompt: `/demo call bash ${JSON.stringify({ command })}` });
  const log = await rig.log(sid);
  await log.until((event) => event.type === 'tool_execution_start');
  const { worker } = await rig.record(sid);
  await rig.secured.revokeToken(rig.token);
  await until(async () => (await rig.secured.connectedHosts()).length === 0);
  await writeFile(join(rig.root, 'project', 'cut-off'), '');
  await until(async () => (await rig.record(sid)).activity === 'idle');
  await pause(1_000);
  expect(log.items.map(({ type }) => type)).not.toContain('agent_end');

  await rig.endDaemon('SIGKILL');
  const token = await rig.secured.newRunnerToken(OWNER_ID);
  await rig.startDaemon({ PIZZAPI_RUNNER_TOKEN: token });
  await log.until((event) => event.type === 'agent_end');
  expect((await rig.record(sid)).worker).toEqual(worker);
  expect(log.items.map(({ type }) => type)).not.toContain('session_resumed');
  const name = await rig.send('set_name', { name: 'Back' }, sid);
  expect(await rig.result(sid, name)).toMatchObject({ ok: true });
});
