import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { readLease } from '@pizzapi/backbone';
import { createMetrics, METRICS, silentLogger } from '@pizzapi/process';
import { newId } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRunnerOptions } from '../options.js';
import { signalProcess } from '../processes.js';
import { BUNDLED_PI_VERSION } from '../installation/bundled.js';
import { startModelServer } from '../testing/modelServer.js';
import { Rig } from '../testing/runnerHarness.js';
import { createRunner, type Runner } from './app.js';

/** Soon, but not between the start of a worker and the beginning of what it was started for. */
const IDLE_MS = 5_000;
const SLEEP = { timeout: 40_000 };

let rig: Rig;
let runner: Runner;
const metrics = createMetrics();

beforeAll(async () => {
  rig = await Rig.start();
  const flags = {
    home: join(rig.folder, 'home'),
    roots: [rig.root],
    natsUrl: rig.nats.url,
    agentDir: join(rig.folder, 'agent'),
  };
  runner = await createRunner({
    options: readRunnerOptions(flags, { PIZZAPI_RUNNER_TOKEN: rig.token }),
    log: silentLogger,
    signal: new AbortController().signal,
    workerMain: fileURLToPath(new URL('../../dist/bundle/workerMain.js', import.meta.url)),
    env: { ...process.env, PIZZAPI_DEMO_SPEED: 'instant', PIZZAPI_LOG_LEVEL: 'warn' },
    idleMs: IDLE_MS,
    metrics,
  });
  void runner.run();
  await rig.watch();
});

afterAll(async () => {
  await runner.drain();
  await runner.stop();
  await rig.close();
});

it('a quiet session sleeps, its lease held by the daemon, and the next command wakes it', async () => {
  const sid = await rig.newSession({ prompt: '/demo thinking' });
  const log = await rig.log(sid);
  await log.until((event) => event.type === 'agent_end');
  const host = runner.hosts.get(sid)!;
  await expect.poll(() => host.status.state, SLEEP).toBe('asleep');
  const { epoch } = await rig.record(sid);
  await expect.poll(async () => (await readLease(rig.backbone, `session.${sid}`))?.epoch).toBe(epoch);
  expect(log.items.map(({ type }) => type)).not.toContain('session_ended');

  const commandId = await rig.send('input', { text: '/demo help' }, sid);
  expect(await rig.result(sid, commandId)).toMatchObject({ ok: true });
  const resumed = await log.until((event) => event.type === 'session_resumed');
  // Guests of the session see this event, so the pi has no path in it.
  const bundled = { name: '@mariozechner/pi-coding-agent', version: BUNDLED_PI_VERSION };
  const pi = { ...bundled, node: process.versions.node, tested: true };
  expect([log.items[0], resumed]).toMatchObject([{ type: 'session_started', pi }, { pi }]);
  expect(Object.keys((log.items[0] as { pi?: object }).pi ?? {})).toEqual(Object.keys(pi));
  await log.until((event) => event.type === 'agent_end' && event.epochOf === resumed.epochOf);
  expect(log.items.filter((event) => event.type === 'session_resumed')).toHaveLength(1);
});

it('a session that wakes without its model names it, and sends nothing to another one', async () => {
  const server = await startModelServer();
  const provide = (...ids: string[]) => {
    const models = ids.map((id) => ({ id }));
    const office = { baseUrl: `${server.url}/v1`, api: 'openai-completions', apiKey: 'key', models };
    writeFileSync(join(rig.folder, 'agent', 'models.json'), JSON.stringify({ providers: { office } }));
  };
  provide('old', 'paid');
  const sid = await rig.newSession({ model: 'office/old', prompt: 'Hello' });
  const log = await rig.log(sid);
  await log.until((event) => event.type === 'agent_end');
  await expect.poll(() => runner.hosts.get(sid)?.status.state, SLEEP).toBe('asleep');
  provide('paid');
  const error = { code: 'model_unknown', message: expect.stringContaining('office/old') as string };
  const commandId = await rig.send('input', { text: 'Still there?' }, sid);
  expect(await rig.result(sid, commandId)).toMatchObject({ ok: false, error });
  expect(server.requests).toHaveLength(1);
  const forked = newId('s');
  expect(await rig.result(sid, await rig.send('fork', { sessionId: forked }, sid))).toMatchObject({ ok: true });
  expect(await rig.result(forked, await rig.send('input', { text: 'You?' }, forked))).toMatchObject({
    ok: false,
    error,
  });

  expect(await rig.result(sid, await rig.send('model_set', { model: 'office/paid' }, sid))).toMatchObject({ ok: true });
  expect(await rig.result(sid, await rig.send('input', { text: 'And now?' }, sid))).toMatchObject({ ok: true });
  await expect.poll(() => server.requests.length).toBe(2);
  rmSync(join(rig.folder, 'agent', 'models.json'));
  await server.close();
});

it('a sleeping session can be killed without being woken', async () => {
  const sid = await rig.newSession();
  await expect.poll(() => runner.hosts.get(sid)?.status.state, SLEEP).toBe('asleep');
  const commandId = await rig.send('kill_session', {}, sid);
  const log = await rig.log(sid);
  expect(await rig.result(sid, commandId)).toMatchObject({ ok: true });
  expect(await log.until((event) => event.type === 'session_ended')).toMatchObject({ reason: 'killed' });
  await expect.poll(() => runner.hosts.get(sid)).toBeUndefined();
});

it('what sleeps, what was answered and what died is in the metrics', async () => {
  const sid = await rig.newSession();
  await expect.poll(() => runner.hosts.get(sid)?.status.state, SLEEP).toBe('asleep');
  const refused = await rig.send('input', { text: 'hello' }, 'nobody');
  await rig.runnerResult(refused);
  const busy = await rig.newSession({ prompt: '/demo question confirm' });
  const log = await rig.log(busy);
  await log.until((event) => event.type === 'dialog_opened' && event.method === 'confirm');
  signalProcess((await rig.record(busy)).worker!.pid, 'SIGKILL');
  await log.until((event) => event.type === 'session_resumed');

  expect(runner.ready()).toBe(true);
  const asleep = runner.hosts.all.filter((host) => !host.isAwake).length;
  const text = await metrics.render();
  expect(text).toContain(`${METRICS.runnerSessions}{state="asleep"} ${asleep}\n`);
  expect(text).toMatch(new RegExp(`^${METRICS.runnerCommands}\\{outcome="ok"\\} [1-9]`, 'm'));
  expect(text).toContain(`${METRICS.runnerCommands}{outcome="session_not_found"} 1\n`);
  expect(text).toContain(`${METRICS.runnerWorkerRestarts} 1\n`);
  expect(text).toContain(`${METRICS.backboneReconnects} 0\n`);
  expect(text).toMatch(new RegExp(`^${METRICS.runnerSpoolBytes} \\d+$`, 'm'));
});
