import { encode, isErrorCode, MAX_FRAME_BYTES } from '@pizzapi/protocol';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.js';
import { shareLocalStack, type SharedStack } from './support/localStack.js';
import { readLog } from './support/log.js';
import { connectRaw, refusedUpgrade } from './support/raw.js';
import { until } from './support/until.js';
import { apiOf, newSession, watch, type SessionWatcher } from './support/viewer.js';
import { logAsSeen } from './support/expectCompleteLog.js';

let stage: SharedStack;
/** The session that receives invalid requests, and a session that must not be affected. */
let sid: string;
let other: string;
let bystander: SessionWatcher;
const disturbances: string[] = [];

beforeAll(async () => {
  stage = await shareLocalStack();
  writeFileSync(join(stage.project, 'file.txt'), '');
  mkdirSync(join(stage.home, '..', 'secret'));
  symlinkSync(join(stage.home, '..', 'secret'), join(stage.project, 'way-out'));
  [sid, other] = await Promise.all([newSession(stage), newSession(stage)]);
  await until('both are listed', async () => (await listed()).length === 2);
  bystander = watch(stage, other);
  await until('the bystander is live', () => bystander.session.connection.state.kind === 'live');
  bystander.session.subscribe(({ connection, problem }) => {
    if (connection && bystander.session.connection.state.kind !== 'live')
      disturbances.push(bystander.session.connection.sentence);
    if (problem) disturbances.push(JSON.stringify(bystander.session.problem));
  });
}, 120_000);
afterEach(() => expect(disturbances).toEqual([]));
afterAll(async () => {
  bystander.close();
  await stage.release();
});

/** Returns the ids of the listed sessions. */
async function listed(): Promise<string[]> {
  const reply = await apiOf(stage).sessions();
  return reply.kind === 'ok' ? reply.value.sessions.map(({ sessionId }) => sessionId).sort() : [];
}

/** Checks an error as people receive it: a code of the table and a sentence, without internal details. */
function expectError(error: unknown, code: string): void {
  expect(error).toMatchObject({ code });
  const { message, ...rest } = error as { code: string; message: string };
  expect(isErrorCode(code)).toBe(true);
  expect(message).toMatch(/^\S.* .*[.?]$/s);
  expect(message).not.toMatch(/\n|\bat .*:\d+:\d+|node_modules|node:|Error:/);
  for (const key of Object.keys(rest)) expect(['code', 'type', 'ref']).toContain(key);
}

describe('over HTTP', () => {
  interface Bad {
    path: string;
    method?: string;
    body?: unknown;
    raw?: string;
    headers?: Record<string, string>;
  }
  const spawn = (body: object) => ({
    path: '/api/sessions',
    body: { model: 'demo/demo', cwd: stage.project, ...body },
  });
  const cases: [what: string, status: number, code: string, bad: () => Bad][] = [
    ['a folder that does not exist', 422, 'cwd_not_found', () => spawn({ cwd: join(stage.project, 'nowhere') })],
    ['a folder that is a file', 422, 'cwd_not_a_folder', () => spawn({ cwd: join(stage.project, 'file.txt') })],
    ['a folder outside the roots', 422, 'cwd_outside_roots', () => spawn({ cwd: '/etc' })],
    [
      'a symbolic link out of the roots',
      422,
      'cwd_outside_roots',
      () => spawn({ cwd: join(stage.project, 'way-out') }),
    ],
    ['an unknown runner', 404, 'runner_not_found', () => spawn({ runnerId: 'no-such-runner' })],
    ['a runner id with invalid characters', 400, 'invalid_id', () => spawn({ runnerId: 'a.b>' })],
    ['an unknown model', 422, 'model_unknown', () => spawn({ model: 'demo/none' })],
    [
      'a session file that does not exist',
      404,
      'file_not_found',
      () => spawn({ resumedFrom: join(stage.project, 'none.jsonl') }),
    ],
    ['a body of the wrong shape', 400, 'bad_request', () => spawn({ cwd: 7 })],
    ['a body that is not JSON', 400, 'bad_request', () => ({ path: '/api/sessions', raw: '{"cwd":' })],
    [
      'a body of another type',
      415,
      'unsupported_media_type',
      () => ({ path: '/api/sessions', raw: '<a/>', headers: { 'content-type': 'text/xml' } }),
    ],
    [
      'a body that is too large',
      413,
      'body_too_large',
      () => ({ path: `/api/sessions/${sid}/commands`, body: { name: 'x', pad: 'p'.repeat(2_000_000) } }),
    ],
    ['an unknown session', 404, 'session_not_found', () => ({ path: '/api/sessions/no-such-session' })],
    [
      'input to an unknown session',
      404,
      'session_not_found',
      () => ({ path: '/api/sessions/no-such-session/input', body: { text: 'x' } }),
    ],
    [
      'the end of an unknown session',
      404,
      'session_not_found',
      () => ({ path: '/api/sessions/no-such-session', method: 'DELETE' }),
    ],
    ['a session id with invalid characters', 400, 'invalid_id', () => ({ path: '/api/sessions/a.b%3E/events' })],
    ['an empty input', 422, 'input_empty', () => ({ path: `/api/sessions/${sid}/input`, body: { text: ' ' } })],
    [
      'an unknown command',
      422,
      'command_unknown',
      () => ({ path: `/api/sessions/${sid}/commands`, body: { name: 'dance' } }),
    ],
    [
      'a command with wrong arguments',
      422,
      'command_invalid',
      () => ({ path: `/api/sessions/${sid}/commands`, body: { name: 'model_set', args: {} } }),
    ],
    [
      'an offset beyond the end of the log',
      400,
      'invalid_offset',
      () => ({ path: `/api/sessions/${sid}/events?after=99999999` }),
    ],
    [
      'an offset that is not a number',
      400,
      'invalid_offset',
      () => ({ path: `/api/sessions/${sid}/events?after=soon` }),
    ],
    ['an unknown path', 404, 'not_found', () => ({ path: '/api/pizzas' })],
    [
      'an invalid token',
      403,
      'forbidden',
      () => ({ path: '/api/sessions', headers: { authorization: 'Bearer made-up' } }),
    ],
    [
      'a page of another site',
      403,
      'forbidden_origin',
      () => ({ path: '/api/sessions', body: {}, headers: { origin: 'https://evil.example' } }),
    ],
  ];

  it.each(cases)('HTTP: %s is answered with %i %s', async (_what, status, code, bad) => {
    const before = await listed();
    const { path, body, raw, headers = {}, method = body === undefined && raw === undefined ? 'GET' : 'POST' } = bad();
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(stage.url + path, {
      method,
      headers: {
        authorization: `Bearer ${stage.token}`,
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
    });
    const answer = (await response.json()) as { error: unknown };
    expect(Object.keys(answer)).toEqual(['error']);
    expectError(answer.error, code);
    expect(response.status).toBe(status);
    expect(await listed()).toEqual(before);
  });
});

describe('over a WebSocket', () => {
  it.each([
    ['an unknown session', '/ws/sessions/no-such-session', 404, 'session_not_found'],
    ['an id with invalid characters', '/ws/sessions/a.b%3E', 400, 'invalid_id'],
    ['an unknown path', '/ws/pizzas', 404, 'not_found'],
  ])('WebSocket: %s is refused before the upgrade', async (_what, path, status, code) => {
    const refused = await refusedUpgrade(stage, path);
    expect(refused.status).toBe(status);
    expectError((JSON.parse(refused.body) as { error: unknown }).error, code);
  });

  it('WebSocket: an invalid token is refused before the upgrade', async () => {
    const refused = await refusedUpgrade(stage, `/ws/sessions/${sid}`, 'made-up');
    expect(refused.status).toBe(403);
    expectError((JSON.parse(refused.body) as { error: unknown }).error, 'forbidden');
  });

  it.each([
    ['an unknown frame', { type: 'dance', ref: 'r' }, 'bad_frame'],
    ['a frame of the wrong shape', { type: 'input', ref: 'r', text: 7 }, 'bad_frame'],
    ['an empty input', { type: 'input', ref: 'r', text: '' }, 'input_empty'],
    ['an unknown command', { type: 'command', ref: 'r', name: 'dance', args: {} }, 'command_unknown'],
    [
      'a command with wrong arguments',
      { type: 'command', ref: 'r', name: 'model_set', args: { model: 7 } },
      'command_invalid',
    ],
  ])('WebSocket: %s is answered with an error, and the connection stays open', async (_what, frame, code) => {
    const raw = connectRaw(stage, `/ws/sessions/${sid}`);
    await raw.heard('hello');
    raw.send(frame);
    expectError(await raw.heard('error', ({ ref }) => ref === 'r'), code);
    raw.send({ type: 'resume' });
    await raw.heard('live');
    raw.ws.close();
  });

  it.each([
    ['an unknown model', 'model_set', { model: 'demo/none' }, 'model_unknown'],
    ['an answer to an unknown question', 'dialog_response', { dialogId: 'none', value: true }, 'dialog_unknown'],
  ])('WebSocket: %s is accepted, and the log holds the reason why it was not run', async (_what, name, args, code) => {
    const raw = connectRaw(stage, `/ws/sessions/${sid}`);
    await raw.heard('hello');
    raw.send({ type: 'resume' });
    raw.send({ type: 'command', ref: 'r', name, args });
    const { commandId } = await raw.heard('ack', ({ ref }) => ref === 'r');
    const { event } = await raw.heard('event', (frame) => {
      const { type, commandId: id } = frame['event'] as Record<string, unknown>;
      return type === 'command_result' && id === commandId;
    });
    expect(event).toMatchObject({ ok: false });
    expectError((event as { error: unknown }).error, code);
    raw.ws.close();
  });

  it('an offset beyond the end of the log resets the viewer to the first event, with a reason', async () => {
    const raw = connectRaw(stage, `/ws/sessions/${sid}`);
    await raw.heard('hello');
    raw.send({ type: 'resume', after: 99_999_999 });
    expect(await raw.heard('reset')).toMatchObject({ reason: 'future' });
    const seq = (await raw.heard('live'))['seq'] as number;
    const upTo = (seqs: number[]) => seqs.filter((one) => one <= seq);
    const log = await readLog(stage, sid);
    const received = raw.frames.flatMap((frame) => (frame.type === 'event' ? [frame['seq'] as number] : []));
    expect(upTo(received)).toEqual(upTo(log.map((entry) => entry.seq)));
    raw.ws.close();
  });

  it.each([
    ['invalid bytes', Buffer.from([0xc1, 0xff, 0x00]), 4001],
    ['a text message on a binary connection', '{"type":"ping"}', 4001],
    ['a value that is not a map', Buffer.from(encode([1, 2])), 4001],
    ['an oversized frame', Buffer.from(encode({ type: 'input', ref: 'r', text: 'x'.repeat(MAX_FRAME_BYTES) })), 1009],
  ])('WebSocket: %s closes the connection with a code that states the reason', async (_what, bytes, code) => {
    const raw = connectRaw(stage, `/ws/sessions/${sid}`);
    await raw.heard('hello');
    raw.ws.send(bytes);
    expect(await raw.closed).toBe(code);
    for (const frame of raw.frames.filter(({ type }) => type === 'error')) expectError(frame, 'bad_frame');
  });
});

describe('on the command line', () => {
  const cases: [what: string, exit: number, code: string, args: () => string[], env?: NodeJS.ProcessEnv][] = [
    ['an unknown session', 1, 'session_not_found', () => ['tail', 'no-such-session']],
    ['a text that is no id and no name', 1, 'session_not_found', () => ['tail', 'a.b>']],
    ['an offset beyond the end of the log', 1, 'invalid_offset', () => ['tail', sid, '--from', '99999999']],
    ['an offset that is not a number', 2, 'invalid_offset', () => ['tail', sid, '--from', 'soon']],
    ['a gateway that does not run', 1, 'gateway_unreachable', () => ['sessions', '--relay-url', 'http://127.0.0.1:1']],
    ['an invalid key', 1, 'unauthenticated', () => ['sessions'], { PIZZAPI_API_KEY: 'made-up' }],
    ['an unknown command', 2, 'bad_option', () => ['dance']],
    ['an unknown option', 2, 'bad_option', () => ['sessions', '--dance']],
    ['a file that does not exist', 1, 'file_not_found', () => ['import', '/nowhere.jsonl']],
  ];

  it.each(cases)('command line: %s exits with %i and %s', async (_what, exit, code, args, env = {}) => {
    const run = await runCli({ home: stage.home, env }, ...args());
    const match = /^([a-z_]+): ([^\n]+)\n$/.exec(run.stderr);
    expect({ code: run.code, stdout: run.stdout, error: match?.[1] ?? run.stderr }).toEqual({
      code: exit,
      stdout: '',
      error: code,
    });
    expectError({ code: match![1], message: match![2] }, code);
  });

  it.each([
    ['an invalid port', 'bad_option', ['local', '--port', 'http']],
    ['a root that does not exist', 'cwd_not_found', ['runner', '--roots', '/nowhere']],
  ])('a program that is started with %s exits with the error %s', async (_what, code, args) => {
    const run = await runCli({ home: join(stage.project, 'elsewhere') }, ...args);
    expect(run).toMatchObject({ stdout: '' });
    expect(run.code).toBeGreaterThan(0);
    const match = /^\w+: ([^\n]+) \[([a-z_]+)\]\n$/.exec(run.stderr);
    expect(match, run.stderr).not.toBeNull();
    expectError({ code: match![2], message: match![1] }, code);
  });
});

it('after all invalid requests, another session has received only its own events and still works', async () => {
  const before = bystander.session.cursor;
  expect(await apiOf(stage).input(other, { text: 'hello' })).toMatchObject({ kind: 'ok' });
  await bystander.next('agent_end', 30_000, before);
  const log = await logAsSeen(stage, other, bystander);
  expect(bystander.events).toEqual(log.map(({ seq, event }) => ({ seq, event })));
  expect(bystander.session.repeats).toBe(0);
  const mine = await readLog(stage, sid);
  expect(mine.some(({ event }) => event.type === 'input_received')).toBe(false);
});

describe('commands on a host', () => {
  const exec = (...args: string[]) => runCli(stage, 'exec', runnerId, '--cwd', stage.project, ...args);
  let runnerId: string;
  beforeAll(async () => {
    const reply = await apiOf(stage).runners();
    runnerId = reply.kind === 'ok' ? reply.value.runners[0]!.runnerId : '';
  });

  it('answer in a pipe as ssh does, and a folder that leads out of the roots is refused', async () => {
    const ran = await exec('--', 'sh', '-c', 'pwd; printf "\\033[31mred" >&2; exit 5');
    expect(ran).toEqual({ code: 5, stdout: `${stage.project}\n`, stderr: '\u001b[31mred' });
    for (const folder of [join(stage.project, 'way-out'), '/proc/self/root', '~/..', '/'])
      expect(await apiOf(stage).runnerCall(runnerId, 'exec', { argv: ['pwd'], cwd: folder })).toMatchObject({
        error: { code: 'cwd_outside_roots' },
      });
  });

  it('have no token of the host in their environment, and their rows in the audit log name the command', async () => {
    const { stdout } = await exec('--', 'env');
    expect(stdout).toContain('PATH=');
    expect(stdout).not.toMatch(/PIZZAPI_(RUNNER_TOKEN|API_KEY|NATS_PASSWORD)=|pzr_|pzk_/);
    const rows = await runCli(stage, 'audit', '--kind', 'runner_call', '--json');
    const [last] = rows.stdout.trim().split('\n').slice(-1);
    expect(JSON.parse(last!)).toMatchObject({ method: 'exec', command: 'env', cwd: stage.project, runnerId });
  });

  it('are measured hop by hop', async () => {
    const ping = await runCli(stage, 'runner', 'ping', runnerId, '--json');
    expect(JSON.parse(ping.stdout)).toMatchObject({ gateway: { runnerMs: expect.any(Number) as number } });
  });
});
