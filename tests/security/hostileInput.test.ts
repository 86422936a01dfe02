import { encode, MAX_FRAME_BYTES } from '@pizzapi/protocol';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { shareLocalStack, type SharedStack } from '../support/localStack.js';
import { childOf } from '../support/processes.js';
import { newSession } from '../support/viewer.js';
import { hostSession, startHost, untilKnown } from './support/hosts.js';
import { ask } from './support/http.js';
import { RawNats } from './support/rawNats.js';
import { join, refusal, type OpenSocket } from './support/socket.js';

let stage: SharedStack;
let sid: string;
let gateway: number;
let bystander: OpenSocket;

beforeAll(async () => {
  stage = await shareLocalStack();
  sid = await newSession(stage);
  gateway = childOf(stage.pid, 'gateway/dist/bundle/main.js');
  bystander = await enter();
  // A viewer that does not say where to begin is closed after a while.
  bystander.send({ type: 'resume' });
  await bystander.heard('live');
});
afterAll(() => stage.release());
afterEach(async () => {
  // It is the same process, it is well, and nobody else was disturbed.
  expect(childOf(stage.pid, 'gateway/dist/bundle/main.js')).toBe(gateway);
  expect((await ask(stage.url, '/readyz')).status).toBe(200);
  expect(bystander.ws.readyState).toBe(bystander.ws.OPEN);
  bystander.frames.length = 0;
  bystander.send({ type: 'ping' });
  await bystander.heard('pong');
});

const enter = async (): Promise<OpenSocket> => {
  const socket = await join(stage.url, `/ws/sessions/${sid}`, { bearer: stage.token });
  await socket.heard('hello');
  return socket;
};

/** The head of a WebSocket frame of a client (RFC 6455, section 5.2), and its mask of zeros. */
function head(length: number, { opcode = 2, fin = true } = {}): Buffer {
  const first = (fin ? 0x80 : 0) | opcode;
  if (length < 126) return Buffer.from([first, 0x80 | length, 0, 0, 0, 0]);
  const bytes = Buffer.alloc(14);
  bytes.set([first, 0xff]);
  bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
}

/** A socket that was upgraded by hand: whatever is written to it goes out as it is. `code`: what it is closed with. */
async function byHand(write: (socket: ReturnType<typeof connect>) => void): Promise<number | undefined> {
  const { hostname, port, host } = new URL(stage.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const handshake = [
    `GET /ws/sessions/${sid} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    `Authorization: Bearer ${stage.token}`,
  ];
  socket.write(`${handshake.join('\r\n')}\r\n\r\n`);
  await once(socket, 'data');
  const chunks: Buffer[] = [];
  socket.on('data', (data: Buffer) => chunks.push(data));
  const closed = once(socket, 'close');
  write(socket);
  await closed;
  return closeCodeIn(Buffer.concat(chunks));
}

/** The code of the close frame among the frames of a server. */
function closeCodeIn(bytes: Buffer): number | undefined {
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = bytes[at + 1]! & 0x7f;
    const [length, start] =
      short < 126
        ? [short, at + 2]
        : short === 126
          ? [bytes.readUInt16BE(at + 2), at + 4]
          : [Number(bytes.readBigUInt64BE(at + 2)), at + 10];
    if ((bytes[at]! & 0x0f) === 8) return bytes.readUInt16BE(start);
    at = start + length;
  }
  return undefined;
}

describe('(15) input that is meant to hurt', () => {
  it('a frame of 100 MB is refused by its head: 1009, before it is read', async () => {
    const before = memory();
    expect(await byHand((socket) => socket.write(head(100 * 1024 * 1024)))).toBe(1009);
    const socket = await enter();
    socket.ws.send(Buffer.alloc(100 * 1024 * 1024));
    expect((await socket.closed).code).toBe(1009);
    expect(memory() - before).toBeLessThan(100);
  });

  it('endless fragments end where one frame would: 1009', async () => {
    const code = await byHand((socket) => {
      socket.write(head(0, { fin: false }));
      const piece = Buffer.concat([head(64 * 1024, { opcode: 0, fin: false }), Buffer.alloc(64 * 1024)]);
      const more = () => {
        while (!socket.destroyed && socket.write(piece));
      };
      socket.on('drain', more);
      more();
    });
    expect(code).toBe(1009);
  });

  it('endless fragments with nothing in them end as well: 1008', async () => {
    const before = memory();
    const code = await byHand((socket) => {
      socket.write(head(0, { fin: false }));
      const pieces = Buffer.concat(Array.from({ length: 4_096 }, () => head(0, { opcode: 0, fin: false })));
      const more = () => {
        while (!socket.destroyed && socket.write(pieces));
      };
      socket.on('drain', more);
      more();
    });
    expect(code).toBe(1008);
    expect(memory() - before).toBeLessThan(100);
  });

  it('frames in which nothing is what it says end with 4001 or are answered, and pollute nothing', async () => {
    const socket = await enter();
    socket.ws.send(
      Buffer.concat([
        Buffer.from(encode({ type: 'ping' })),
        // {"type": "input", "ref": "r1", "text": "", "__proto__": {"polluted": true}} as bytes: no encoder of ours writes it.
        Buffer.from([0x84]),
        Buffer.from(encode('type')),
        Buffer.from(encode('input')),
        Buffer.from(encode('ref')),
        Buffer.from(encode('r1')),
        Buffer.from(encode('text')),
        Buffer.from(encode('')),
        Buffer.from(encode('__proto__')),
        Buffer.from(encode({ type: 'ping', text: 'polluted', userId: 'owner' })),
      ]),
    );
    expect(await socket.heard('error', ({ ref }) => ref === 'r1')).toMatchObject({ code: 'input_empty' });
    const hostile = [
      { type: '__proto__', ref: 'r2' },
      { type: 'constructor', ref: 'r3' },
      { type: 'toString', ref: 'r4' },
      { type: 'command', ref: 'r5', name: '__proto__', args: { constructor: { prototype: { x: 1 } } } },
      { type: 'command', ref: 'r6', name: 'constructor' },
    ];
    for (const frame of hostile) {
      socket.send(frame);
      const { code } = await socket.heard('error', ({ ref }) => ref === frame.ref);
      expect(['bad_frame', 'command_unknown'], frame.type).toContain(code);
    }
    socket.close();
    const body = '{"name":"x","__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}';
    const headers = { 'content-type': 'application/json' };
    const answer = await ask(stage.url, `/api/sessions/${sid}/commands`, { bearer: stage.token, body, headers });
    expect([400, 422]).toContain(answer.status);
  });

  it('frames as deep as they may be large are read without harm', async () => {
    const socket = await enter();
    const deep = Buffer.alloc(MAX_FRAME_BYTES - 64, 0x91);
    socket.ws.send(deep);
    expect((await socket.closed).code).toBe(4001);
    const nested = `{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}`;
    const headers = { 'content-type': 'application/json' };
    const answer = await ask(stage.url, `/api/sessions/${sid}/commands`, {
      bearer: stage.token,
      body: nested,
      headers,
    });
    expect([400, 413, 422]).toContain(answer.status);
  });

  it('what a worker writes is one event for who watches, whatever its bytes: it never speaks for the gateway', async () => {
    const key = await ask(stage.url, '/api/keys', { bearer: stage.token, json: { name: 'host', kind: 'runner' } });
    const host = await startHost(stage, 'hostile-host', (key.json as { token: string }).token);
    const session = await hostSession(stage, host, 'hostile-session');
    await untilKnown(stage, stage.token, session.sid);
    const raw = await RawNats.open(stage.natsUrl, session.login);
    if (raw.kind === 'refused') throw new Error(raw.error);
    const { epoch } = session.writer;
    const forged = { type: 'host', state: 'lost', forged: true };
    const payloads = [
      Buffer.concat([Buffer.from([0xc0]), encode(forged)]),
      Buffer.concat([Buffer.from(encode({ type: 'x', at: 1 })), encode(forged)]),
      Buffer.from('not msgpack'),
      Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
      Buffer.alloc(0),
      Buffer.alloc(800_000, 0x91),
    ];
    let n = 1_000;
    for (const payload of payloads) {
      const headers = [`Nats-Msg-Id: hostile-session.${epoch}.${++n}`, 'Pizzapi-Type: x', `Pizzapi-Epoch: ${epoch}`];
      await raw.nats.publish(
        'session.hostile-session.events',
        payload,
        '',
        [...headers, `Pizzapi-N: ${n}`].join('\r\n'),
      );
    }
    const viewer = await join(stage.url, '/ws/sessions/hostile-session', { bearer: stage.token });
    viewer.send({ type: 'resume' });
    await viewer.heard('live');
    viewer.send({ type: 'ping' });
    await viewer.heard('pong');
    expect(viewer.frames.filter((frame) => frame['forged'] === true)).toEqual([]);
    const log = await ask(stage.url, '/api/sessions/hostile-session/events', { bearer: stage.token });
    for (const line of log.text.trim().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
    viewer.close();
    raw.nats.close();
    await session.close();
    await host.close();
  });

  it('a body of another type is 415, of another shape 400: none gets further', async () => {
    for (const [type, body, status] of [
      ['text/plain', '{"text":"x"}', 400],
      ['application/x-www-form-urlencoded', 'text=x', 415],
      ['multipart/form-data; boundary=x', '--x--', 415],
      ['application/xml', '<text>x</text>', 415],
      ['application/json; charset=utf-7', '+ACI-', 400],
      ['application/json', '{"text":', 400],
      ['application/json', '[]', 400],
      ['application/json', 'null', 400],
      ['application/json', '"x"', 400],
      ['application/json', '{"text":["x"]}', 400],
      ['application/json', '', 400],
    ] as const) {
      const answer = await ask(stage.url, `/api/sessions/${sid}/input`, {
        ...{ method: 'POST', bearer: stage.token, body, headers: { 'content-type': type } },
      });
      expect(answer.status, `${type} ${body}: ${answer.text}`).toBe(status);
      expect(answer.code).toMatch(/^(unsupported_media_type|bad_request)$/);
    }
  });

  const ids = [
    ['dots', 'a.b'],
    ['a star', '*'],
    ['a rest', '>'],
    ['a space', 'a b'],
    ['65 characters', 'a'.repeat(65)],
    ['a line break', 'a\r\nb'],
    ['a nought', 'a\0b'],
    ['an umlaut', 'ä'],
    ['a slash', 'a/b'],
    ['two dots', '..'],
  ] as const;
  it.each(ids)('an id with %s is 400 wherever an id may stand', async (_what, id) => {
    const written = id === '..' ? '%2e%2e' : encodeURIComponent(id);
    const bearer = stage.token;
    for (const path of [
      `/api/sessions/${written}`,
      `/api/sessions/${written}/events`,
      `/api/sessions/${written}/shares`,
      `/api/sessions/${sid}/shares/${written}`,
      `/api/runners/${written}`,
    ]) {
      const method = path.includes('/shares/') ? 'DELETE' : 'GET';
      const answer = await ask(stage.url, path, { method, bearer });
      expect([answer.status, answer.code], `${method} ${path}`).toEqual([400, 'invalid_id']);
    }
    // A client of WebSockets takes two dots for what they are in an address, as a browser does.
    if (id !== '..') expect(await refusal(stage.url, `/ws/sessions/${written}`, { bearer })).toBe('400 invalid_id');
    const spawn = await ask(stage.url, '/api/sessions', { bearer, json: { runnerId: id } });
    expect([spawn.status, spawn.code]).toEqual([400, 'invalid_id']);
    for (const key of [id].filter((text) => /^[\x20-\x7e]+$/.test(text))) {
      const headers = { 'idempotency-key': key };
      const answer = await ask(stage.url, `/api/sessions/${sid}/input`, { bearer, json: { text: 'x' }, headers });
      expect([answer.status, answer.code], `Idempotency-Key: ${key}`).toEqual([400, 'invalid_id']);
    }
  });

  it('paths that are written in other ways reach nothing that is closed', async () => {
    const ways = [
      '//api/sessions',
      '/./api/sessions',
      '/x/../api/sessions',
      '/%61pi/sessions',
      '/api/%2e%2e/api/sessions',
      `/api/sessions/%2e%2e/sessions/${sid}`,
      '/api/sessions/',
      '/API/sessions',
      '/api;x=1/sessions',
      '/api/sessions%00',
      '/api/sessions%2f',
      '\\api\\sessions',
      '/api/sessions#',
      '/ws/hub',
      '/ws%2fhub',
    ];
    for (const path of ways) {
      const { text, status } = await ask(stage.url, path, { alone: true });
      expect(text, path).not.toContain('sessionId');
      expect([200, 400, 401, 404], `${path}: ${text}`).toContain(status);
    }
  });

  it('methods that are said to be others, or are none of ours, do nothing', async () => {
    for (const headers of [{ 'x-http-method-override': 'DELETE' }, { 'x-method-override': 'DELETE' }])
      expect(
        (await ask(stage.url, `/api/sessions/${sid}?_method=DELETE`, { bearer: stage.token, headers })).status,
      ).toBe(200);
    for (const method of ['HEAD', 'OPTIONS', 'TRACE', 'PUT', 'PROPFIND']) {
      const answer = await ask(stage.url, '/api/sessions', { method });
      expect([401, 404, 405], method).toContain(answer.status);
      expect(answer.text, method).not.toContain(sid);
    }
    expect((await ask(stage.url, `/api/sessions/${sid}`, { bearer: stage.token })).status).toBe(200);
  });
});

/** MiB that the gateway's process has in memory. */
function memory(): number {
  return rssOf(gateway) / 1024;
}
function rssOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
}
