import { bucket, headOf, ownerOf } from '@pizzapi/backbone';
import { initialRunnerInfo, OWNER_ID } from '@pizzapi/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { pageOf } from './testing/browser.js';
import { FakeRunner } from './testing/fakeRunner.js';
import { PATIENT } from './testing/patience.js';
import { startScenario, type GatewayScenario } from './testing/scenario.js';

let s: GatewayScenario;
let runner: FakeRunner;

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function ask(path: string, init: Parameters<GatewayScenario['fetch']>[1] = {}): Promise<Answer> {
  const response = await s.fetch(path, init);
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}
const post = (path: string, body: unknown, headers = {}) => ask(path, { method: 'POST', json: body, headers });
const failure = (status: number, code: string) => ({ status, body: { error: { code } } });

beforeAll(async () => {
  s = await startScenario();
  runner = await FakeRunner.start(s.b, 'r1', s.home);
  await vi.waitFor(async () => {
    expect(await ask('/api/runners')).toMatchObject({ body: { runners: [{ runnerId: 'r1', online: true }] } });
  }, PATIENT);
});
beforeEach(() => {
  runner.mood = 'willing';
});
afterAll(async () => {
  await runner.stop();
  await s.end();
});

async function spawn(): Promise<string> {
  const { body } = await post('/api/sessions', { runnerId: 'r1', cwd: '/' });
  const sid = body['sessionId'] as string;
  await expect
    .poll(() => ask(`/api/sessions/${sid}`))
    .toMatchObject({ body: { session: { host: 'connected', runnerId: 'r1' } } });
  return sid;
}

describe('starting a session', () => {
  it('answers 201 once its first event is in the log', async () => {
    const { status, body } = await post('/api/sessions', { runnerId: 'r1', cwd: '/', prompt: 'hi', name: 'one' });
    const sid = body['sessionId'] as string;
    expect({ status, body }).toEqual({
      status: 201,
      body: { sessionId: sid, runnerId: 'r1', shareUrl: `${pageOf(s.url)}/s/${sid}` },
    });
    expect((await headOf(s.b, sid)).last).toBeGreaterThan(0);
    expect(runner.commands.at(-1)).toMatchObject({
      name: 'new_session',
      args: { sessionId: sid, prompt: 'hi' },
      by: { userId: 'owner', name: expect.any(String) as string },
    });
  });

  it('takes the only runner when none is named, and runner_id at the older address', async () => {
    expect((await post('/api/sessions', {})).status).toBe(201);
    expect((await post('/ws/sessions', { runner_id: 'r1' })).status).toBe(201);
  });

  it('takes a model as one text and as its parts', async () => {
    for (const model of ['demo/demo', { provider: 'demo', id: 'demo' }]) {
      expect((await post('/api/sessions', { runnerId: 'r1', model })).status).toBe(201);
      expect(runner.commands.at(-1)).toMatchObject({ args: { model: 'demo/demo' } });
    }
  });

  it('tells the runner what pi is to be told, and the level of thinking', async () => {
    const pi = { tools: ['read'], noContextFiles: true };
    for (const path of ['/api/sessions', '/ws/sessions']) {
      expect((await post(path, { runnerId: 'r1', thinkingLevel: 'high', pi })).status).toBe(201);
      expect(runner.commands.at(-1)).toMatchObject({ args: { thinkingLevel: 'high', pi } });
    }
  });

  it('tells the runner the modes, and the goal also as the first input when there is no other', async () => {
    const goal = { description: 'All tests pass', maxTurns: 9 };
    const rules = [{ tool: 'bash', decision: 'deny' }];
    await post('/api/sessions', {
      runnerId: 'r1',
      approvals: 'ask',
      planMode: true,
      goal,
      pi: { approvals: { rules } },
    });
    expect(runner.commands.at(-1)).toMatchObject({
      args: { prompt: 'All tests pass', pi: { approvals: { mode: 'ask', planMode: true, rules }, goal } },
    });
    await post('/api/sessions', { runnerId: 'r1', goal, prompt: 'Begin' });
    expect(runner.commands.at(-1)).toMatchObject({ args: { prompt: 'Begin', pi: { goal } } });
    const wrong = { runnerId: 'r1', goal: { description: '' } };
    expect(await post('/api/sessions', wrong)).toMatchObject({ status: 400 });
  });

  it('in a work tree of its own is refused for a runner that would start it in the folder of the person', async () => {
    const before = runner.commands.length;
    expect(await post('/api/sessions', { runnerId: 'r1', worktree: {} })).toMatchObject(failure(503, 'git_missing'));
    expect(runner.commands.length).toBe(before);
  });

  it('happens once, however often a request with the same key comes', async () => {
    const before = runner.commands.length;
    const first = await post('/api/sessions', { runnerId: 'r1' }, { 'idempotency-key': 'key-1' });
    expect(await post('/api/sessions', { runnerId: 'r1' }, { 'idempotency-key': 'key-1' })).toEqual(first);
    expect(runner.commands.length).toBe(before + 1);
  });

  it('passes the code of a refusal on', async () => {
    runner.mood = 'cwd_outside_roots';
    expect(await post('/api/sessions', { runnerId: 'r1', cwd: '/etc' })).toMatchObject(
      failure(422, 'cwd_outside_roots'),
    );
  });

  it('answers 202 when a runner that is there has not answered, and 504 when it went away meanwhile', async () => {
    runner.mood = 'silent';
    const { url } = await s.start({ spawnWaitMs: 100 });
    const { status, body } = await ask('/api/sessions', { method: 'POST', json: { runnerId: 'r1' }, url });
    expect(status).toBe(202);
    // Not later, when it would be willing.
    await expect.poll(() => runner.commands.at(-1)?.args).toMatchObject({ sessionId: body['sessionId'] });
    const other = await FakeRunner.start(s.b, 'r2', s.home);
    other.mood = 'silent';
    await expect.poll(() => ask('/api/runners/r2')).toMatchObject({ body: { runner: { online: true } } });
    const answer = post('/api/sessions', { runnerId: 'r2' });
    await expect.poll(() => other.commands.length).toBe(1);
    await other.letGo('runner.r2');
    expect(await answer).toMatchObject(failure(504, 'runner_timeout'));
    await other.stop();
  });

  it.each([
    ['an unknown runner', { runnerId: 'nobody' }, 404, 'runner_not_found'],
    ['an id with other characters', { runnerId: 'a.b' }, 400, 'invalid_id'],
    ['a body of the wrong shape', { runnerId: 'r1', cwd: 5 }, 400, 'bad_request'],
    ['an option of pi that means nothing here', { runnerId: 'r1', pi: { apiKey: 'x' } }, 400, 'bad_request'],
    ['no object', [], 400, 'bad_request'],
    [
      'an attachment that is no base64',
      { runnerId: 'r1', attachments: [{ mediaType: 'image/png', data: '%%%' }] },
      422,
      'command_invalid',
    ],
  ])('refuses %s and sends nothing', async (_what, body, status, code) => {
    const before = runner.commands.length;
    expect(await post('/api/sessions', body)).toMatchObject(failure(status, code));
    expect(runner.commands.length).toBe(before);
  });

  it('refuses a runner that is offline', async () => {
    await bucket(s.b, 'owners').put('runner.r3', { userId: OWNER_ID, runnerId: 'r3', secretHash: '' });
    await bucket(s.b, 'runners').put('r3', { info: initialRunnerInfo('r3'), lastSeq: 0 });
    await expect.poll(() => ask('/api/runners/r3')).toMatchObject({ body: { runner: { online: false } } });
    expect(await post('/api/sessions', { runnerId: 'r3' })).toMatchObject(failure(503, 'host_lost'));
  });

  it('refuses a runner that speaks another wire, and says which side to update', async () => {
    await bucket(s.b, 'owners').put('runner.r4', { userId: OWNER_ID, runnerId: 'r4', secretHash: '' });
    await bucket(s.b, 'runners').put('r4', {
      info: { ...initialRunnerInfo('r4'), version: '99.0.0', wire: 99 },
      lastSeq: 0,
    });
    await expect.poll(() => ask('/api/runners/r4')).toMatchObject({ body: { runner: { wire: 99 } } });
    expect(await post('/api/sessions', { runnerId: 'r4' })).toMatchObject({
      status: 409,
      body: {
        error: { code: 'wire_mismatch', message: expect.stringMatching(/newer than .*Update the relay/) as string },
      },
    });
  });
});

describe('commands', () => {
  it('go to the host with attachments as references, and are acknowledged once stored', async () => {
    const sid = await spawn();
    const client = await s.connect(sid);
    await client.heard('hello');
    const data = Buffer.from('not really a picture').toString('base64');
    client.send({
      type: 'input',
      ref: 'r',
      text: 'look',
      deliverAs: 'steer',
      attachments: [{ name: 'a.png', mediaType: 'image/png', data }],
    });
    const { commandId } = await client.heard('ack');
    await expect.poll(() => runner.commands.at(-1)?.commandId).toBe(commandId);
    const [attachment] = (runner.commands.at(-1)!.args as { attachments: { blob: string }[] }).attachments;
    expect(attachment).toMatchObject({ name: 'a.png', mediaType: 'image/png', size: 20 });
    client.send({ type: 'resume' });
    await expect
      .poll(() => client.of('event').map(({ event }) => event))
      .toContainEqual(expect.objectContaining({ type: 'command_result', commandId, ok: true }));

    const blob = await s.fetch(`/api/sessions/${sid}/blobs/${attachment!.blob}`);
    expect(await blob.text()).toBe('not really a picture');
    expect(blob.headers.get('content-disposition')).toBe('inline');
    expect(blob.headers.get('x-content-type-options')).toBe('nosniff');
    expect(blob.headers.get('content-security-policy')).toContain('sandbox');
  });

  it('take attachments in the names of the original protocol, as an input and as a command', async () => {
    const sid = await spawn();
    const path = `/api/sessions/${sid}`;
    const headers = { 'content-type': 'text/plain' };
    const up = await s.fetch(`${path}/blobs`, { method: 'POST', body: 'some notes', headers });
    const { blob, url, ...others } = (await up.json()) as { blob: string; url: string };
    expect(others).toEqual({ size: 10, mediaType: 'text/plain', attachmentId: blob });
    expect(url).toBe(`${pageOf(s.url)}${path}/blobs/${blob}`);
    const stored = { ...{ blob, size: 10, attachmentId: blob }, ...{ name: 'notes.md', filename: 'notes.md' } };
    for (const [attachment, mediaType] of [
      [{ attachmentId: blob, filename: 'notes.md', mediaType: 'text/markdown' }, 'text/markdown'],
      [{ attachmentId: blob, filename: 'notes.md' }, 'text/plain'],
      [{ url, filename: 'notes.md' }, 'text/plain'],
      [{ name: 'notes.md', blob, size: 1, mediaType: 'text/markdown' }, 'text/markdown'],
    ] as const) {
      const input = { text: 'look', attachments: [attachment] };
      for (const sent of [
        await post(`${path}/input`, input),
        await post(`${path}/commands`, { name: 'input', args: input }),
      ]) {
        expect(sent.status).toBe(202);
        await expect
          .poll(() => runner.commands.find(({ commandId }) => commandId === sent.body['commandId'])?.args)
          .toMatchObject({ text: 'look', attachments: [{ ...stored, mediaType }] });
      }
    }
    const attachments = [{ attachmentId: blob, filename: 'notes.md' }];
    expect((await post('/api/sessions', { runnerId: 'r1', prompt: 'look', attachments })).status).toBe(201);
    expect(runner.commands.at(-1)).toMatchObject({ name: 'new_session', args: { attachments: [stored] } });
    for (const [attachment, status, code] of [
      [{ url: 'https://elsewhere.example/notes.md' }, 422, 'command_invalid'],
      [{ attachmentId: '0'.repeat(64) }, 404, 'blob_not_found'],
      [{ filename: 'notes.md' }, 400, 'bad_request'],
      // One form is right, and a field of another one has a foreign type.
      [{ data: 'aGk=', mediaType: 'text/plain', attachmentId: 7 }, 422, 'command_invalid'],
      [{ blob: 7, data: 7, mediaType: 7 }, 400, 'bad_request'],
    ] as const)
      expect(await post(`${path}/input`, { text: 'look', attachments: [attachment] })).toMatchObject(
        failure(status, code),
      );
  });

  it('by HTTP answer 202 with their id; the same key is the same command', async () => {
    const sid = await spawn();
    const path = `/api/sessions/${sid}/commands`;
    const setName = () => post(path, { name: 'set_name', args: { name: 'x' } }, { 'idempotency-key': 'k' });
    const first = await setName();
    expect(first.status).toBe(202);
    expect(await setName()).toEqual(first);
    await post(`/api/sessions/${sid}/input`, { text: 'then this' });
    await expect.poll(() => runner.commands.at(-1)?.name).toBe('input');
    expect(runner.commands.filter(({ commandId }) => commandId === first.body['commandId'])).toHaveLength(1);
  });

  it.each([
    ['an unknown command', 'commands', { name: 'dance' }, 422, 'command_unknown'],
    ['a command of the runner', 'commands', { name: 'shutdown' }, 422, 'command_unknown'],
    ['arguments of the wrong shape', 'commands', { name: 'model_set', args: { model: 1 } }, 422, 'command_invalid'],
    ['an empty input', 'input', { text: '  ' }, 422, 'input_empty'],
  ])('refuse %s', async (_what, what, body, status, code) => {
    const sid = [...runner.writers.keys()][0]!;
    expect(await post(`/api/sessions/${sid}/${what}`, body)).toMatchObject(failure(status, code));
  });

  it('to a session whose host is gone answer host_lost within two seconds; its viewers are told', async () => {
    const sid = await spawn();
    const client = await s.connect(sid);
    await client.heard('hello');
    client.send({ type: 'resume' });
    await client.heard('live');
    await runner.letGo(`session.${sid}`);
    await expect.poll(() => ask(`/api/sessions/${sid}`)).toMatchObject({ body: { session: { host: 'lost' } } });
    client.send({ type: 'input', ref: 'r', text: 'hello?' });
    expect(await client.heard('error')).toMatchObject({ ref: 'r', code: 'host_lost' });
    // A machine that stands still may make an answer late; patience that is too long makes every one.
    let quickest = Infinity;
    for (let i = 0; i < 5 && quickest >= 2_000; i++) {
      const began = Date.now();
      expect(await post(`/api/sessions/${sid}/input`, { text: 'hello?' })).toMatchObject(failure(503, 'host_lost'));
      quickest = Math.min(quickest, Date.now() - began);
    }
    expect(quickest).toBeLessThan(2_000);
    expect(await client.heard('host')).toEqual({ type: 'host', state: 'lost' });
    const { body } = await ask('/api/sessions');
    const listed = (body['sessions'] as { sessionId: string; host: string }[]).find(
      ({ sessionId }) => sessionId === sid,
    );
    expect(listed?.host).toBe('lost');
  });
});

describe('the log over HTTP', () => {
  it('is NDJSON: after an offset, before one, and no more than asked for', async () => {
    const writer = await s.writer('log');
    const seqs: number[] = [];
    for (let i = 0; i < 30; i++) {
      const outcome = await writer.append({ type: 'note', at: i });
      if (outcome.kind === 'appended') seqs.push(outcome.seq);
    }
    const lines = async (query: string) => {
      const text = await (await s.fetch(`/api/sessions/log/events${query}`)).text();
      return text
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as { seq: number; event: { at: number } }]));
    };
    const of = (list: { seq: number }[]) => list.map(({ seq }) => seq);
    expect(of(await lines(''))).toEqual(seqs);
    expect((await lines('?limit=1'))[0]).toEqual({ seq: seqs[0], event: { type: 'note', at: 0 } });
    expect(of(await lines(`?after=${seqs[9]}&limit=5`))).toEqual(seqs.slice(10, 15));
    expect(of(await lines(`?before=${seqs[20]}&limit=5`))).toEqual(seqs.slice(15, 20));
    expect(await ask('/api/sessions/log/events?after=99999999')).toMatchObject(failure(400, 'invalid_offset'));
    expect(await ask('/api/sessions/log/events?after=-1')).toMatchObject(failure(400, 'invalid_offset'));
    expect(await ask('/api/sessions/log/events?limit=0')).toMatchObject(failure(400, 'bad_request'));
  });
});

describe('deleting a session', () => {
  it('ends it, removes its log and what was folded, and sends its viewers away for good', async () => {
    const sid = await spawn();
    const client = await s.connect(sid);
    await client.heard('hello');
    expect((await ask(`/api/sessions/${sid}`, { method: 'DELETE' })).status).toBe(204);
    expect(await client.closed).toMatchObject({ code: 4410 });
    expect(await headOf(s.b, sid)).toEqual({ first: 0, last: 0 });
    expect(await ownerOf(s.b, sid)).toBeUndefined();
    expect(runner.commands.at(-1)).toMatchObject({ name: 'kill_session', sessionId: sid });
  });
});

describe('every error', () => {
  it.each([
    ['an unknown address', '/api/nothing', {}, 404, 'not_found'],
    ['an unknown session', '/api/sessions/nobody', {}, 404, 'session_not_found'],
    ['an id with other characters', '/api/sessions/a%20b', {}, 400, 'invalid_id'],
    ['an id that is too long', `/api/sessions/${'a'.repeat(200)}`, {}, 400, 'invalid_id'],
    [
      'broken JSON',
      '/api/sessions',
      { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } },
      400,
      'bad_request',
    ],
    [
      'another media type',
      '/api/sessions',
      { method: 'POST', body: 'x', headers: { 'content-type': 'text/xml' } },
      415,
      'unsupported_media_type',
    ],
    [
      'too large a body',
      '/api/auth/link',
      {
        method: 'POST',
        body: JSON.stringify({ token: 'x'.repeat(2e6) }),
        headers: { 'content-type': 'application/json' },
      },
      413,
      'body_too_large',
    ],
    ['no blob', `/api/sessions/log/blobs/${'0'.repeat(64)}`, {}, 404, 'blob_not_found'],
  ])('has a code and a sentence: %s', async (_what, path, init, status, code) => {
    const answer = await ask(path, init);
    expect(answer).toMatchObject(failure(status, code));
    expect((answer.body['error'] as { message: string }).message.length).toBeGreaterThan(20);
  });
});

describe('files', () => {
  it('are kept as they are and offered as files, whatever they claim to be', async () => {
    const headers = { 'content-type': 'image/svg+xml' };
    const up = await s.fetch('/api/sessions/log/blobs', { method: 'POST', body: '<svg onload="alert(1)"/>', headers });
    expect(up.status).toBe(201);
    const { blob } = (await up.json()) as { blob: string };
    const down = await s.fetch(`/api/sessions/log/blobs/${blob}`);
    expect(down.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(await down.text()).toBe('<svg onload="alert(1)"/>');
  });
});

describe('the lists', () => {
  it('tell of sessions and their meta state as they change', async () => {
    const hub = await s.connect('/ws/hub');
    await hub.heard('sessions');
    const sid = await spawn();
    await expect
      .poll(() => hub.of('session_added').map(({ session }) => (session as { sessionId: string }).sessionId))
      .toContain(sid);
    hub.send({ type: 'subscribe_session_meta', sessionId: sid });
    expect(await hub.heard('state_snapshot')).toMatchObject({ sessionId: sid, state: { planModeEnabled: false } });
    await runner.writers.get(sid)!.append({ type: 'plan_mode_toggled', at: 1, enabled: true });
    expect(await hub.heard('meta_event')).toMatchObject({ sessionId: sid, version: 1, event: { enabled: true } });
    hub.send({ type: 'subscribe_session_meta', sessionId: sid });
    await expect
      .poll(() => hub.of('state_snapshot').at(-1))
      .toMatchObject({ sessionId: sid, state: { planModeEnabled: true } });
    await ask(`/api/sessions/${sid}`, { method: 'DELETE' });
    await expect.poll(() => hub.of('session_removed')).toContainEqual({ type: 'session_removed', sessionId: sid });
  });

  it('are described in /openapi.json', async () => {
    const { body } = await ask('/openapi.json');
    expect(Object.keys(body['paths'] as object)).toEqual(
      expect.arrayContaining(['/api/sessions', '/api/sessions/{sid}/events', '/api/auth/link']),
    );
    expect(body).toHaveProperty(
      'paths./api/sessions.post.requestBody.content.application/json.schema.properties.pi.additionalProperties',
      false,
    );
  });
});
