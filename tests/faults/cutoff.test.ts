import { textOf } from '@pizzapi/protocol';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startTcpProxy, type TcpProxy } from '@pizzapi/backbone/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { until } from '../support/until.js';
import { apiOf, tell, untilHosted, watch } from '../support/viewer.js';
import { logAsSeen } from '../support/expectCompleteLog.js';

const CLI = fileURLToPath(new URL('../../clients/cli/dist/bundle/main.js', import.meta.url));
/** Much longer than a lease, so that the runner is shown as lost. */
const CUT_MS = 60_000;

let stage: LocalStack;
let wire: TcpProxy;
let runner: ChildProcess;
let runnerId: string;

beforeAll(async () => {
  stage = await startLocalStack();
  wire = await startTcpProxy(() => Number(new URL(stage.natsUrl).port));
  const home = join(stage.project, '..', 'far-state');
  mkdirSync(home);
  const access = JSON.parse(readFileSync(join(stage.home, 'nats', 'credentials.json'), 'utf8')) as {
    runnerToken: string;
  };
  runner = spawn(process.execPath, [CLI, 'runner', '--home', home, '--name', 'far', '--roots', stage.project], {
    env: {
      ...process.env,
      HOME: join(stage.project, '..'),
      // So slow that the answer lasts longer than the time until the cut.
      PIZZAPI_DEMO_SPEED: 'human',
      PIZZAPI_NATS_URL: `nats://127.0.0.1:${wire.port}`,
      PIZZAPI_RUNNER_TOKEN: access.runnerToken,
    },
    stdio: 'ignore',
  });
  runnerId = await until('the far runner is online', async () => {
    const reply = await apiOf(stage).runners();
    return (
      reply.kind === 'ok' && reply.value.runners.find(({ name, online }) => name === 'far' && online === true)?.runnerId
    );
  });
}, 120_000);

afterAll(async () => {
  if (runner.exitCode === null) {
    const gone = new Promise((resolve) => runner.once('exit', resolve));
    runner.kill('SIGTERM');
    await gone;
  }
  await wire.close();
  await stage.clear();
});

it('a runner that is cut off for a minute in the middle of an answer catches up from its spool, for every viewer', async () => {
  const reply = await apiOf(stage).createSession({ runnerId, cwd: stage.project, model: 'demo/demo' });
  if (reply.kind === 'failed') throw new Error(reply.error.message);
  const sid = reply.value.sessionId;
  const views = [watch(stage, sid), watch(stage, sid, { tail: 1 })];
  const [view] = views as [(typeof views)[0]];
  await untilHosted(stage, sid);
  await until('both are live', () => views.every(({ session }) => session.connection.state.kind === 'live'));
  await tell(stage, sid, '/demo long 120000');
  await until('some of the message', () =>
    view.session.transcript.items.some((item) => item.kind === 'message' && item.open && textOf(item).length > 100),
  );
  wire.cut();
  await until('the runner is shown as lost', () => view.session.info.host === 'lost', 40_000);
  await delay(CUT_MS - 20_000);
  expect(view.session.info.state).not.toBe('ended');
  wire.heal();
  const late = watch(stage, sid);
  for (const watcher of [...views, late]) await watcher.next('agent_end', 60_000);
  await until('the runner is back', () => view.session.info.host === 'connected');

  const log = await logAsSeen(stage, sid, view);
  expect(new Set(log.map(({ msgId }) => msgId)).size).toBe(log.length);
  const answer = log.find(
    ({ event }) => event.type === 'message_end' && (event['message'] as { role: string }).role === 'assistant',
  );
  expect(JSON.stringify(answer?.event).length).toBeGreaterThan(120_000);
  for (const watcher of [view, late]) {
    const ownLog = await logAsSeen(stage, sid, watcher);
    expect(watcher.events.map(({ event }) => event)).toEqual(ownLog.map(({ event }) => event));
    expect(watcher.session.repeats).toBe(0);
    watcher.close();
  }
  views[1]!.close();
}, 240_000);
