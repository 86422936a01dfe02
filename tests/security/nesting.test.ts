import { encode } from '@pizzapi/protocol';
import { WebSocket } from 'ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { childOf } from '../support/processes.js';
import { until } from '../support/until.js';
import { newSession } from '../support/viewer.js';
import { startHostWithSession, type Host, type HostedSession } from './support/hosts.js';
import { ask } from './support/http.js';
import { newShare, settleOwner, type Person } from './support/people.js';
import { RawNats } from './support/rawNats.js';
import { join } from './support/socket.js';

let stage: LocalStack;
let ada: Person;
let sid: string;
let gateway: number;

beforeAll(async () => {
  stage = await startLocalStack();
  ada = await settleOwner(stage);
  sid = await newSession(stage);
  gateway = childOf(stage.pid, 'gateway/dist/bundle/main.js');
});
afterAll(() => stage.clear());
afterEach(() => expect(childOf(stage.pid, 'gateway/dist/bundle/main.js'), 'it is the same process').toBe(gateway));

/** From just above the limit to what may come at most. */
const DEPTHS = [101, 900, 1_500, 20_000, 400_000];
const lists = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const maps = (levels: number): string => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

describe('a body that nests too deep', () => {
  interface Target {
    method: string;
    path: string;
    body: (value: string) => string;
  }
  const targets: Target[] = [
    { method: 'POST', path: '/api/sessions/:sid/commands', body: (value) => `{"name":"exec","args":{"x":${value}}}` },
    { method: 'POST', path: '/api/sessions/:sid/input', body: (value) => `{"text":${value}}` },
    { method: 'POST', path: '/api/sessions', body: (value) => `{"pi":${value}}` },
    { method: 'PUT', path: '/api/notifications', body: (value) => `{"webhook":${value}}` },
    { method: 'POST', path: '/api/keys', body: (value) => value },
  ];

  it.each(targets)('is 400 too_deep: $method $path', async ({ method, path, body }) => {
    for (const levels of DEPTHS)
      for (const nested of [lists(levels), maps(levels)].filter((text) => text.length < 900_000)) {
        const headers = { 'content-type': 'application/json' };
        const sent = { method, bearer: stage.token, headers, body: body(nested) };
        const answer = await ask(stage.url, path.replace(':sid', sid), sent);
        expect([answer.status, answer.code], `${levels}: ${answer.text.slice(0, 200)}`).toEqual([400, 'too_deep']);
        expect(answer.text).not.toMatch(/at .*\.js|RangeError|stack/);
      }
  });

  it('is refused to who has no credentials as well', async () => {
    const body = `{"email":${lists(1_500)},"password":"x"}`;
    const headers = { 'content-type': 'application/json', origin: stage.url };
    const answer = await ask(stage.url, '/api/pair', { method: 'POST', headers, body });
    expect([answer.status, answer.code]).toEqual([400, 'too_deep']);
  });

  it('is no matter where it does not: brackets in a text are a text', async () => {
    const text = `${lists(5_000)} "{ \\" [`;
    const answer = await ask(stage.url, `/api/sessions/${sid}/input`, { bearer: stage.token, json: { text } });
    expect(answer.status, answer.text).toBe(202);
  });
});

describe('a frame that nests too deep', () => {
  const open = (protocol: string, path: string): Promise<WebSocket> =>
    new Promise((resolve, reject) => {
      const ws = new WebSocket(stage.url.replace('http', 'ws') + path, [protocol, `bearer.${stage.token}`]);
      ws.once('open', () => resolve(ws));
      ws.once('error', reject);
    });

  it.each(['/ws/hub', '/ws/runners', '/ws/sessions/:sid'])('at %s closes with 4001, and says why', async (path) => {
    for (const levels of [101, 1_500, 200_000]) {
      const text = await open('pizzapi.v1.json', path.replace(':sid', sid));
      const said: string[] = [];
      text.on('message', (data: Buffer) => said.push(data.toString()));
      // In a session, answers come after `hello`.
      if (path.endsWith(':sid')) await until('hello', () => said.length > 0);
      const ended = new Promise<number>((resolve) => text.once('close', resolve));
      text.send(`{"type":"command","ref":"r","name":"exec","args":${maps(Math.min(levels, 150_000))}}`);
      expect(await ended, `JSON, ${levels}`).toBe(4001);
      expect(said.at(-1)).toContain('"too_deep"');

      const binary = await join(stage.url, path.replace(':sid', sid), { bearer: stage.token });
      if (path.endsWith(':sid')) await until('hello', () => binary.frames.length > 0);
      const head = Buffer.from(encode({ type: 'command', ref: 'r', name: 'exec', args: 0 })).subarray(0, -1);
      binary.ws.send(Buffer.concat([head, Buffer.alloc(levels, 0x91), Buffer.of(1)]));
      expect((await binary.closed).code, `msgpack, ${levels}`).toBe(4001);
      expect(binary.frames.at(-1)).toMatchObject({ type: 'error', code: 'too_deep' });
    }
  });

  it('or claims more than it holds, or is no JSON value at all, closes with 4001', async () => {
    for (const bytes of [
      [0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0],
      [0xdf, 0x7f, 0xff, 0xff, 0xff, 0xc0, 0xc0],
      [0xc7, 1, 0x42, 1],
      [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x78, 1],
      [0xc1],
    ]) {
      const socket = await join(stage.url, '/ws/hub', { bearer: stage.token });
      socket.ws.send(Buffer.from(bytes));
      expect((await socket.closed).code, String(bytes)).toBe(4001);
    }
  });
});

describe('what a host stores in the log of its own session', () => {
  let host: Host;
  let session: HostedSession;
  let raw: RawNats;
  const forged = { type: 'host', state: 'lost', forged: true };
  const at = 1;
  const payloads: Record<string, Buffer> = {
    'nothing, and a frame behind it': Buffer.concat([Buffer.of(0xc0), encode(forged)]),
    'an event, and a frame behind it': Buffer.concat([encode({ type: 'x', at }), encode(forged)]),
    'an event that begins a frame of the gateway’s': Buffer.concat([
      Buffer.of(0x81),
      encode('a'),
      encode('b'),
      encode(forged),
    ]),
    'no msgpack': Buffer.from('not msgpack'),
    'a list without end': Buffer.of(0xdf, 0xff, 0xff, 0xff, 0xff),
    'no bytes': Buffer.alloc(0),
    'a value that nests without end': Buffer.alloc(800_000, 0x91),
    'a map that nests 900 levels deep': Buffer.concat([Buffer.alloc(1_800, Buffer.of(0x81, 0x01)), Buffer.of(1)]),
    'a number that JSON has not': Buffer.concat([
      Buffer.of(0x81),
      encode('n'),
      Buffer.of(0xc7, 9, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    ]),
  };

  beforeAll(async () => {
    const started = await startHostWithSession(stage, ada, { rid: 'hostile-host', sid: 'hostile-session' });
    [host, session] = [started.host, started.session];
    const opened = await RawNats.open(stage.natsUrl, session.login);
    if (opened.kind === 'refused') throw new Error(opened.error);
    raw = opened.nats;
    let n = 1_000;
    for (const payload of Object.values(payloads)) await store(payload, ++n, 'x');
    await store(Buffer.from(encode({ type: 'last', at })), n + 1, 'last');
  });
  afterAll(async () => {
    raw?.close();
    await session?.close();
    await host?.close();
  });

  async function store(payload: Buffer, n: number, type: string): Promise<void> {
    const { epoch } = session.writer;
    const id = `Nats-Msg-Id: hostile-session.${epoch}.${n}`;
    const headers = [id, `Pizzapi-Type: ${type}`, `Pizzapi-Epoch: ${epoch}`, `Pizzapi-N: ${n}`];
    await raw.publish('session.hostile-session.events', payload, '', headers.join('\r\n'));
  }

  it('is one event for who watches, whatever its bytes, and never speaks for the gateway', async () => {
    const { token } = await newShare(stage, ada.token, session.sid);
    for (const bearer of [stage.token, token]) {
      const viewer = await join(stage.url, '/ws/sessions/hostile-session', { bearer });
      viewer.send({ type: 'resume' });
      await viewer.heard('live');
      expect(viewer.frames.filter(({ type }) => type === 'unreadable')).toEqual([]);
      expect(viewer.frames.filter((frame) => frame['forged'] === true)).toEqual([]);
      const events = viewer.frames
        .filter(({ type }) => type === 'event')
        .map(({ event }) => (event as { type?: string }).type);
      const bad = Object.keys(payloads).map(() => 'unreadable');
      expect(events).toEqual(['session_started', ...bad, 'last']);
      viewer.close();
    }
  });

  it('is one event for who watches live, and its pieces are pieces or nothing', async () => {
    const viewer = await join(stage.url, '/ws/sessions/hostile-session', { bearer: stage.token });
    viewer.send({ type: 'resume' });
    await viewer.heard('live');
    const delta = encode({ type: 'text_delta', n: 7, at, messageId: 'm', index: 0, text: 'x' });
    await raw.publish('session.hostile-session.deltas', Buffer.concat([delta, encode(forged)]));
    await store(payloads['an event, and a frame behind it']!, 2_000, 'x');
    await store(Buffer.from(encode({ type: 'end_of_test', at })), 2_001, 'end_of_test');
    await viewer.heard('event', ({ event }) => (event as { type?: string }).type === 'end_of_test');
    expect(viewer.frames.filter((frame) => frame['forged'] === true || frame.type === 'unreadable')).toEqual([]);
    viewer.close();
  });

  it('is readable as JSON: over HTTP, and on a socket that speaks JSON', async () => {
    const log = await ask(stage.url, '/api/sessions/hostile-session/events', { bearer: stage.token });
    const rows = log.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: { type: string } });
    expect(rows.map(({ event }) => event.type)).toContain('last');
    const ws = new WebSocket(`${stage.url.replace('http', 'ws')}/ws/sessions/hostile-session`, [
      'pizzapi.v1.json',
      `bearer.${stage.token}`,
    ]);
    const frames: { type: string; event?: { type: string } }[] = [];
    const live = new Promise<void>((resolve, reject) => {
      ws.on('error', reject);
      ws.on('close', () => reject(new Error('closed')));
      ws.on('open', () => ws.send('{"type":"resume"}'));
      ws.on('message', (data: Buffer) => {
        frames.push(JSON.parse(data.toString()) as (typeof frames)[number]);
        if (frames.at(-1)!.type === 'live') resolve();
      });
    });
    await live;
    expect(frames.filter(({ type }) => type === 'event')).toHaveLength(rows.length);
    ws.terminate();
  });
});
