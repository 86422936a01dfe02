import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { run } from '../testing/run.js';
import { ok, refuse, scriptedApi, type ScriptedApi } from '../testing/scriptedApi.js';

const READ = 'POST /api/runners/r1/rpc/read_log';
const logId = 'log_aaaaaaaaaaaaaaaaaaaa';
let api: ScriptedApi;
let env: NodeJS.ProcessEnv;
beforeEach(async () => {
  const runner = { runnerId: 'r1', name: 'laptop', kind: 'daemon', online: true };
  api = await scriptedApi({ 'GET /api/runners': () => ok({ runners: [runner] }) });
  env = { PIZZAPI_RELAY_URL: api.url, PIZZAPI_API_KEY: 'pzk_x', PIZZAPI_HOME: '/nonexistent' };
});
afterEach(() => api.close());
const bodies = () => api.requests.filter(({ route }) => route === READ).map(({ body }) => body);

it('pizzapi runner logs <runner> prints the last lines, safe for a terminal', async () => {
  api.script[READ] = () => ok({ logId, lines: ['{"msg":"a\\u001b[2J\u009b"}', 'cut {"msg\u001b[2J'], next: 9 });
  const ran = await run(['runner', 'logs', 'laptop', '--lines', '2'], { env });
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  expect(ran.stdout.split('\n')[0]).toBe('{"msg":"a\\u001b[2J\\u009b"}');
  for (const control of ['\u001b', '\u009b']) expect(ran.stdout).not.toContain(control);
  expect(bodies()).toEqual([{ lines: 2 }]);
  api.script[READ] = () => refuse(403, 'right_missing');
  expect(await run(['runner', 'logs', 'laptop'], { env })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('right_missing') as string,
  });
});

it('pizzapi runner logs -f <runner> continues with what comes, over a restart of the runner, until Ctrl-C', async () => {
  const signals = new EventEmitter();
  const answers = [
    ok({ logId, lines: ['{"n":1}'], next: 5 }),
    ok({ logId, lines: ['{"n":2}'], next: 9, skipped: 3 }),
    refuse(503, 'host_lost'),
    ok({ logId: 'log_bbbbbbbbbbbbbbbbbbbb', lines: ['{"n":3}'], next: 1 }),
  ];
  api.script[READ] = () => {
    const answer = answers.shift();
    if (answer !== undefined) return answer;
    signals.emit('SIGINT');
    return ok({ logId, lines: [], next: 1 });
  };
  const ran = await run(['runner', 'logs', '-f', 'laptop'], { env, io: { signals } });
  expect(ran).toEqual({
    code: 0,
    stdout: '{"n":1}\n{"n":2}\n{"n":3}\n',
    stderr: '3 lines are not kept any more\n',
  });
  expect(bodies().slice(0, 3)).toEqual([
    { lines: 100 },
    { logId, after: 5, waitMs: 20_000 },
    { logId, after: 9, waitMs: 20_000 },
  ]);
});
