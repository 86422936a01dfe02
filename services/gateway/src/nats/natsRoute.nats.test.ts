import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket, type ClientOptions } from 'ws';
import type { Gateway } from '../gateway.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';

const PATIENT = { timeout: 20_000, interval: 5 };
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

let s: GatewayScenario;
let url: string;
let gateway: Gateway;
beforeAll(async () => {
  s = await startScenario();
  ({ url, gateway } = await s.start({ natsWebSocketUrl: s.nats.webSocketUrl, trustedProxies: ['127.0.0.9'] }));
});
afterAll(() => s.end());

/** What a program gets that opens a WebSocket: the text of nats-server, or the status and error of a refusal. */
function open(at: string, options: ClientOptions = {}) {
  const ws = new WebSocket(at.replace(/^http/, 'ws'), options);
  const found = { text: '', closed: false };
  ws.on('message', (data: Buffer) => (found.text += data.toString()));
  ws.on('close', () => (found.closed = true));
  const refused = new Promise<{ status: number | undefined; code: unknown }>((resolve, reject) => {
    ws.on('unexpected-response', (_request, answer) => {
      let body = '';
      answer.on('data', (data: Buffer) => (body += data.toString()));
      answer.on('end', () => {
        const { error } = JSON.parse(body) as { error?: { code?: unknown } };
        resolve({ status: answer.statusCode, code: error?.code });
      });
    });
    ws.on('error', reject);
  });
  refused.catch(() => undefined);
  return { ws, found, refused };
}

const heard = (found: { text: string }, what: RegExp) => vi.waitFor(() => expect(found.text).toMatch(what), PATIENT);

describe('/nats', () => {
  it('passes a program on to nats-server, which speaks with it as at its own port', async () => {
    const { ws, found } = open(`${url}/nats`);
    await heard(found, /^INFO /);
    ws.send('CONNECT {"verbose":false}\r\nSUB news 1\r\nPING\r\n');
    await heard(found, /PONG\r\n/);
    ws.send(`PUB news 5\r\nhello\r\n`);
    await heard(found, /MSG news 1 5\r\nhello\r\n/);
    expect(await gateway.metrics.render()).toContain('pizzapi_gateway_sockets{kind="nats"} 1');
    ws.terminate();
  });

  it('is not_found with the reason at a gateway that passes nothing on', async () => {
    expect(await open(`${s.url}/nats`).refused).toEqual({ status: 404, code: 'nats_not_served' });
    expect(await (await fetch(`${s.url}/nats`)).json()).toMatchObject({ error: { code: 'nats_not_served' } });
  });

  it.each<[string, Record<string, string>]>([
    ['a foreign page', { origin: 'https://evil.example' }],
    ['a page of our own', { origin: 'http://pizzapi.localhost' }],
    ['a page that hides where it is', { origin: 'null' }],
    ['a browser that tells no origin', { 'sec-fetch-site': 'same-origin' }],
  ])('refuses an upgrade of %s', async (_who, headers) => {
    expect(await open(`${url}/nats`, { headers }).refused).toEqual({ status: 403, code: 'forbidden_origin' });
  });

  it('refuses a host name that is not ours', async () => {
    const headers = { host: 'rebound.example' };
    expect(await open(`${url}/nats`, { headers }).refused).toEqual({ status: 421, code: 'forbidden_host' });
  });

  it.each(['/nats/leafnode', '/nats/mqtt', '/nats/..%2fleafnode', '/nats%2f', '/natsx', '//nats', '/nats/'])(
    'has no other path: %s',
    async (path) => {
      expect(await rawStatus(url, path, { 'sec-websocket-key': KEY, 'sec-websocket-version': '13' })).toBe(404);
    },
  );

  it('accepts only an upgrade to a WebSocket with a key', async () => {
    expect(await (await fetch(`${url}/nats`)).json()).toMatchObject({ error: { code: 'bad_request' } });
    expect(await rawStatus(url, '/nats', { 'sec-websocket-version': '13' })).toBe(400);
    expect(await rawStatus(url, '/nats', { 'sec-websocket-version': '8', 'sec-websocket-key': KEY })).toBe(400);
    expect(await rawStatus(url, '/nats', { 'sec-websocket-version': '13', 'sec-websocket-key': 'x y' })).toBe(400);
  });

  it('answers 503 while nats-server cannot be reached', async () => {
    const { url: alone } = await s.start({ natsWebSocketUrl: 'ws://127.0.0.1:9' });
    expect(await open(`${alone}/nats`).refused).toEqual({ status: 503, code: 'unavailable' });
  });

  it('ends its connections when the gateway drains, and refuses new ones', async () => {
    const { gateway, url: leaving } = await s.start({ natsWebSocketUrl: s.nats.webSocketUrl, drainJitterMs: 50 });
    const { found } = open(`${leaving}/nats`);
    await heard(found, /^INFO /);
    await gateway.drain();
    await vi.waitFor(() => expect(found.closed).toBe(true), PATIENT);
    await expect(open(`${leaving}/nats`).refused).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('tells a runner that pairs the address under which it asked, or the public one', async () => {
    const asked = async (at: string) => {
      const made = await s.fetch('/api/keys', { url: at, method: 'POST', json: { name: 'box', kind: 'runner' } });
      return (await made.json()) as { natsUrl?: string; natsUrls?: string[] };
    };
    expect((await asked(url)).natsUrls).toEqual([`${url.replace('http', 'ws')}/nats`]);
    const hidden = { publicUrl: 'https://relay.example/', natsUrl: 'nats://inside:4222' };
    expect(await asked(await localUrl(hidden))).toMatchObject({
      natsUrl: 'nats://inside:4222',
      natsUrls: ['wss://relay.example/nats'],
    });
    const natsPublicUrl = 'nats://a.example:4222,nats://b.example:4222';
    expect(await asked(await localUrl({ ...hidden, natsPublicUrl }))).toMatchObject({
      natsUrl: 'nats://a.example:4222',
      natsUrls: ['nats://a.example:4222', 'nats://b.example:4222'],
    });
  });
});

describe('what nats-server gets of a client', () => {
  let upstream: Server;
  let seen: { url: string | undefined; headers: IncomingHttpHeaders }[];
  let far: Socket[];
  let through: string;
  beforeAll(async () => {
    seen = [];
    far = [];
    upstream = createServer().on('upgrade', ({ url: path, headers }, socket: Socket) => {
      seen.push({ url: path, headers });
      far.push(socket);
      socket.on('error', () => undefined);
      const accept = createHash('sha1')
        .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSet-Cookie: a=b\r\n\r\n`,
      );
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const { port } = upstream.address() as AddressInfo;
    ({ url: through } = await s.start({ natsWebSocketUrl: `ws://127.0.0.1:${port}` }));
  });
  afterAll(() => {
    for (const socket of far) socket.destroy();
    upstream.close();
  });

  it('is its key and its real address: no cookie, no token, no path, no header of a proxy that is not trusted', async () => {
    const { ws } = open(`${through}/nats?jwt=secret`, {
      headers: {
        cookie: 'pizzapi=login; jwt=x',
        authorization: 'Bearer pzk_secret',
        'x-forwarded-for': '203.0.113.7',
        'x-real-ip': '203.0.113.7',
        'nats-no-masking': 'true',
        'sec-websocket-protocol': 'mqtt',
      },
    });
    await vi.waitFor(() => expect(seen).toHaveLength(1), PATIENT);
    const { url: path, headers } = seen[0]!;
    expect(path).toBe('/');
    expect(Object.keys(headers).sort()).toEqual([
      'connection',
      'host',
      'sec-websocket-key',
      'sec-websocket-version',
      'upgrade',
      'x-forwarded-for',
    ]);
    expect(headers['x-forwarded-for']).toBe('127.0.0.1');
    ws.terminate();
  });

  it('is held back while the other side does not read, in both directions', async () => {
    const socket = connect(Number(new URL(through).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `GET /nats HTTP/1.1\r\nHost: ${new URL(through).host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
    );
    await vi.waitFor(() => expect(seen).toHaveLength(2), PATIENT);
    socket.pause();
    const sender = far.at(-1)!;
    sender.pause();
    const chunk = Buffer.alloc(1024 * 1024);
    for (const writer of [sender, socket]) {
      let held = 0;
      // Far more than the buffers of the system take.
      for (let at = 0; at < 64; at++) writer.write(chunk, () => (held = at + 1));
      let before = -1;
      while (before !== held) {
        before = held;
        await sleep(200);
      }
      expect(held).toBeLessThan(48);
    }
    socket.destroy();
  });
});

/** The address on this machine of a gateway that has another one for people. */
async function localUrl(options: Parameters<GatewayScenario['start']>[0]): Promise<string> {
  const { gateway } = await s.start(options);
  const { port } = gateway.app.server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

/** The status of the answer to an upgrade that is written by hand. */
function rawStatus(to: string, path: string, headers: Record<string, string>): Promise<number> {
  const { host, hostname, port } = new URL(to);
  const lines = Object.entries({ Host: host, Connection: 'Upgrade', Upgrade: 'websocket', ...headers });
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.on('error', reject);
    socket.once('data', (data: Buffer) => {
      socket.destroy();
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(data.toString())?.[1]));
    });
    socket.write(`GET ${path} HTTP/1.1\r\n${lines.map((line) => line.join(': ')).join('\r\n')}\r\n\r\n`);
  });
}
