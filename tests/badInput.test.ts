import { encode, isErrorCode, MAX_FRAME_BYTES } from '@pizzapi/protocol';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from './support/cli.js';
import { startLocalStack, type LocalStack } from './support/localStack.js';
import { readLog } from './support/log.js';
import { connectRaw, refusedUpgrade } from './support/raw.js';
import { until } from './support/until.js';
import { apiOf, newSession, watch, type SessionWatcher } from './support/viewer.js';
import { logAsSeen } from './support/expectCompleteLog.js';

let stage: LocalStack;
/** The session that is asked for wrong things, and one that must not notice. */
let sid: string;
let other: string;
let bystander: SessionWatcher;
const disturbances: string[] = [];

beforeAll(async () => {
  stage = await startLocalStack();
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
  await stage.clear();
});

/** The ids of the sessions that people see. */
async function listed(): Promise<string[]> {
  const reply = await apiOf(stage).sessions();
  return reply.kind === 'ok' ? reply.value.sessions.map(({ sessionId }) => sessionId).sort() : [];
}

/** An error as people get it: a name of the table and a sentence, and nothing of our inside. */
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
    ['a link out of the roots', 422, 'cwd_outside_roots', () => spawn({ cwd: join(stage.project, 'way-out') })],
    ['an unknown runner', 404, 'runner_not_found', () => spawn({ runnerId: 'nobody' })],
    ['a runner’s id of other characters', 400, 'invalid_id', () => spawn({ runnerId: 'a.b>' })],
    ['an unknown model', 422, 'model_unknown', () => spawn({ model: 'demo/none' })],
    [
      'an old session that is not there',
      404,
      'file_not_found',
      () => spawn({ resumedFrom: join(stage.project, 'none.jsonl') }),
    ],
    ['a body of the wrong shape', 400, 'bad_request', () => spawn({ cwd: 7 })],
    ['a body that is no JSON', 400, 'bad_request', () => ({ path: '/api/sessions', raw: '{"cwd":' })],
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
    ['an unknown session', 404, 'session_not_found', () => ({ path: '/api/sessions/nobody' })],
    [
      'input to an unknown session',
      404,
      'session_not_found',
      () => ({ path: '/api/sessions/nobody/input', body: { text: 'x' } }),
    ],
    [
      'the end of an unknown session',
      404,
      'session_not_found',
      () => ({ path: '/api/sessions/nobody', method: 'DELETE' }),
    ],
    ['a session’s id of other characters', 400, 'invalid_id', () => ({ path: '/api/sessions/a.b%3E/events' })],
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
      'an offset from the future',
      400,
      'invalid_offset',
      () => ({ path: `/api/sessions/${sid}/events?after=99999999` }),
    ],
    ['an offset that is no number', 400, 'invalid_offset', () => ({ path: `/api/sessions/${sid}/events?after=soon` })],
    ['an address where nothing is', 404, 'not_found', () => ({ path: '/api/pizzas' })],
    [
      'nobody’s credentials',
      403,
      'forbidden',
      () => ({ path: '/api/sessions', headers: { authorization: 'Bearer made-up' } }),
    ],
    [
      'another site’s page',
      403,
      'forbidden_origin',
      () => ({ path: '/api/sessions', body: {}, headers: { origin: 'https://evil.example' } }),
    ],
  ];

  it.each(cases)('%s: %i %s', async (_what, status, code, bad) => {
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
    ['an unknown session', '/ws/sessions/nobody', 404, 'session_not_found'],
    ['an id of other characters', '/ws/sessions/a.b%3E', 400, 'invalid_id'],
    ['an address where nothing is', '/ws/pizzas', 404, 'not_found'],
  ])('%s is refused at the door', async (_what, path, status, code) => {
    const refused = await refusedUpgrade(stage, path);
    expect(refused.status).toBe(status);
    expectError((JSON.parse(refused.body) as { error: unknown }).error, code);
  });

  it('a made-up token is refused at the door', async () => {
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
  ])('%s is answered, and the connection goes on', async (_what, frame, code) => {
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
    ['an answer to a question nobody asked', 'dialog_response', { dialogId: 'none', value: true }, 'dialog_unknown'],
  ])('%s is taken, and the log says why it was not done', async (_what, name, args, code) => {
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

  it('an offset from the future begins again from the first event, and says so', async () => {
    const raw = connectRaw(stage, `/ws/sessions/${sid}`);
    await raw.heard('hello');
    raw.send({ type: 'resume', after: 99_999_999 });
    expect(await raw.heard('reset')).toMatchObject({ reason: 'future' });
    const seq = (await raw.heard('live'))['seq'] as number;
    const upTo = (seqs: number[]) => seqs.filter((one) => one <= seq);
    const log = await readLog(stage, sid);
    const heard = raw.frames.flatMap((frame) => (frame.type === 'event' ? [frame['seq'] as number] : []));
    expect(upTo(heard)).toEqual(upTo(log.map((entry) => entry.seq)));
    raw.ws.close();
  });

  it.each([
    ['broken bytes', Buffer.from([0xc1, 0xff, 0x00]), 4001],
    ['text where bytes are spoken', '{"type":"ping"}', 4001],
    ['what is no map', Buffer.from(encode([1, 2])), 4001],
    ['an oversized frame', Buffer.from(encode({ type: 'input', ref: 'r', text: 'x'.repeat(MAX_FRAME_BYTES) })), 1009],
  ])('%s ends the connection with a code that says why', async (_what, bytes, code) => {
    const raw = connectRaw(stage, `/ws/sessions/${sid}`);
    await raw.heard('hello');
    raw.ws.send(bytes);
    expect(await raw.closed).toBe(code);
    for (const frame of raw.frames.filter(({ type }) => type === 'error')) expectError(frame, 'bad_frame');
  });
});

describe('on the command line', () => {
  const cases: [what: string, exit: number, code: string, args: () => string[], env?: NodeJS.ProcessEnv][] = [
    ['an unknown session', 1, 'session_not_found', () => ['tail', 'nobody']],
    ['an id of other characters', 1, 'invalid_id', () => ['tail', 'a.b>']],
    ['an offset from the future', 1, 'invalid_offset', () => ['tail', sid, '--from', '99999999']],
    ['an offset that is no number', 2, 'invalid_offset', () => ['tail', sid, '--from', 'soon']],
    ['a gateway that is not there', 1, 'gateway_unreachable', () => ['sessions', '--relay-url', 'http://127.0.0.1:1']],
    ['made-up credentials', 1, 'unauthenticated', () => ['sessions'], { PIZZAPI_API_KEY: 'made-up' }],
    ['an unknown command', 2, 'bad_option', () => ['dance']],
    ['an unknown option', 2, 'bad_option', () => ['sessions', '--dance']],
    ['a file that is not there', 1, 'file_not_found', () => ['import', '/nowhere.jsonl']],
  ];

  it.each(cases)('%s: exit %i, %s', async (_what, exit, code, args, env = {}) => {
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
    ['a port that is none', 'bad_option', ['local', '--port', 'http']],
    ['a root that does not exist', 'cwd_not_found', ['runner', '--roots', '/nowhere']],
  ])('a program that is given %s does not start: %s', async (_what, code, args) => {
    const run = await runCli({ home: join(stage.project, 'elsewhere') }, ...args);
    expect(run).toMatchObject({ stdout: '' });
    expect(run.code).toBeGreaterThan(0);
    const match = /^\w+: ([^\n]+) \[([a-z_]+)\]\n$/.exec(run.stderr);
    expect(match, run.stderr).not.toBeNull();
    expectError({ code: match![2], message: match![1] }, code);
  });
});

it('after all of that the bystander has seen its own session and nothing else, and it works', async () => {
  const before = bystander.session.cursor;
  expect(await apiOf(stage).input(other, { text: 'hello' })).toMatchObject({ kind: 'ok' });
  await bystander.next('agent_end', 30_000, before);
  const log = await logAsSeen(stage, other, bystander);
  expect(bystander.events).toEqual(log.map(({ seq, event }) => ({ seq, event })));
  expect(bystander.session.repeats).toBe(0);
  const mine = await readLog(stage, sid);
  expect(mine.some(({ event }) => event.type === 'input_received')).toBe(false);
});
