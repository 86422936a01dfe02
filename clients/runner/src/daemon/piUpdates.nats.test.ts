import { join } from 'node:path';
import { requestRpc } from '@pizzapi/backbone';
import { silentLogger } from '@pizzapi/process';
import { decode, encode, subjects, type RunnerEvent } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundledPi, processHost } from '../installation/index.js';
import { startWorker } from '../ipc/startWorker.js';
import { readRunnerOptions } from '../options.js';
import { FakePi } from '../testing/fakePi.js';
import { Rig } from '../testing/runnerHarness.js';
import { createRunner, type Runner } from './app.js';

const SLOW = { timeout: 40_000 };

let rig: Rig;
let pi: FakePi;
let runner: Runner;

beforeAll(async () => {
  rig = await Rig.start();
  pi = await FakePi.install(rig.folder, '9.0.0');
  await pi.update('9.0.0', { isBroken: true });
  const flags = { home: join(rig.folder, 'home'), roots: [rig.root], natsUrl: rig.nats.url };
  runner = await createRunner({
    options: readRunnerOptions({ ...flags, agentDir: join(rig.folder, 'agent') }, { PIZZAPI_RUNNER_TOKEN: rig.token }),
    log: silentLogger,
    signal: new AbortController().signal,
    workerMain: pi.workerMain,
    env: { ...process.env, PIZZAPI_DEMO_SPEED: 'instant', PIZZAPI_LOG_LEVEL: 'warn' },
    findPi: async () => ({ installation: await pi.find(), warnings: [] }),
    piCheckMs: 200,
  });
  void runner.run();
  await rig.watch();
});

afterAll(async () => {
  await runner.drain();
  await runner.stop();
  await rig.close();
});

const piOf = async (sid: string) => (await rig.record(sid)).worker?.pi;
/** A machine may have other warnings too, such as that of a clock. */
const isPiWarning = (event: RunnerEvent) => event.type === 'runner_warning' && event.code === 'pi_failed';
const warnings = () => rig.runnerEvents.items.filter(isPiWarning);

/** Waits until new workers run on a version. */
async function inUse(version: string): Promise<void> {
  const subject = subjects.runnerRpc(rig.runnerId, 'status');
  const status = async () => {
    const answer = await requestRpc(rig.backbone, subject, encode({}), { timeoutMs: 5_000 });
    return answer.kind === 'ok' ? decode(answer.body) : answer;
  };
  await expect.poll(status, SLOW).toMatchObject({ piVersion: version });
}

it('a runner whose workers do not start at all does not start either, and states why', async () => {
  const flags = { home: join(rig.folder, 'other'), roots: [rig.root], natsUrl: rig.nats.url };
  const starting = createRunner({
    options: readRunnerOptions(flags, { PIZZAPI_RUNNER_TOKEN: rig.token }),
    log: silentLogger,
    signal: new AbortController().signal,
    workerMain: join(rig.folder, 'none.js'),
  });
  await expect(starting).rejects.toMatchObject({
    code: 'runner_failed',
    message: expect.stringMatching(/did not start \(.*\.log\): .*Cannot find module/) as string,
  });
});

it('a worker whose Node is gone fails with the name of what is missing', async () => {
  const gone = join(rig.folder, 'gone', 'node');
  const installation = { ...(await pi.find()), node: { path: gone, version: '22.0.0' } };
  const place = { main: pi.workerMain, sockets: rig.folder, logs: rig.folder, env: process.env };
  await expect(startWorker(place, installation)).rejects.toMatchObject({
    message: expect.stringContaining(`spawn ${gone} ENOENT`) as string,
  });
});

it('a runner whose pi does not load starts with the bundled one and states why and what to do', async () => {
  const started = await rig.runnerEvents.until((event) => event.type === 'runner_started');
  const bundled = bundledPi(processHost());
  expect(started).toMatchObject({ piVersion: bundled.version });
  const warning = await rig.runnerEvents.until(isPiWarning);
  expect(warning).toHaveProperty('message', expect.stringMatching(/pi 9\.0\.0 .*Cannot find package pi-ai.*doctor/));
  expect(await piOf(await rig.newSession())).toMatchObject({ version: bundled.version, root: null });
  expect(warnings()).toHaveLength(1);
});

it('when pi is repaired, new sessions run on it, and an idle one continues on it with its next input', async () => {
  const old = await rig.newSession();
  await pi.update('9.1.0');
  await inUse('9.1.0');
  const changed = await rig.runnerEvents.until((event) => event.type === 'pi_changed');
  expect(changed).toMatchObject({ piVersion: '9.1.0', pi: { version: '9.1.0', path: pi.root } });
  expect(await piOf(await rig.newSession())).toMatchObject({ version: '9.1.0', root: pi.root });
  await expect.poll(() => runner.hosts.get(old)?.status.state, SLOW).toBe('asleep');
  const input = await rig.send('input', { text: '/demo help' }, old);
  expect(await rig.result(old, input)).toMatchObject({ ok: true });
  expect(runner.hosts.get(old)?.status).toMatchObject({ pi: '9.1.0' });
});

it('a session at work shows that its pi was updated, and rests when its work is done', async () => {
  const sid = await rig.newSession({ prompt: '/demo question confirm' });
  const log = await rig.log(sid);
  const question = await log.until((event) => event.type === 'dialog_opened' && event.method === 'confirm');
  await pi.update('9.2.0');
  const status = (event: { type: string }) => event.type === 'dialog_opened' && 'key' in event && event.key === 'pi';
  const shown = await log.until(status);
  expect(shown).toHaveProperty('title', expect.stringMatching(/runs on pi 9\.1\.0; pi 9\.2\.0 starts/));
  expect(await piOf(sid)).toMatchObject({ version: '9.1.0' });
  const { dialogId } = question as unknown as { dialogId: string };
  await rig.send('dialog_response', { dialogId, value: true }, sid);
  await expect.poll(() => runner.hosts.get(sid)?.status.state, SLOW).toBe('asleep');
  await log.until((event) => status(event) && 'title' in event && event.title === '');
  expect(log.items.filter(status)).toHaveLength(2);
  const input = await rig.send('input', { text: '/demo help' }, sid);
  await rig.result(sid, input);
  expect(await piOf(sid)).toMatchObject({ version: '9.2.0' });
});

it('an update that does not load leaves running sessions alone, and new ones run on the bundled pi', async () => {
  const sid = await rig.newSession();
  expect(await piOf(sid)).toMatchObject({ version: '9.2.0' });
  const from = rig.runnerEvents.items.length;
  await pi.update('9.3.0', { isBroken: true });
  await rig.runnerEvents.until(isPiWarning, from);
  expect(await piOf(await rig.newSession())).toMatchObject({ root: null });
  expect(runner.hosts.get(sid)?.status).toMatchObject({ pi: '9.2.0', state: 'idle' });
});
