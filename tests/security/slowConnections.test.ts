import { createHealthServer, createMetrics, HTTP_LIMITS, type HealthServer, type HttpLimits } from '@pizzapi/process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startLocalStack, type LocalStack } from '../support/localStack.js';
import { until } from '../support/until.js';
import { newSession } from '../support/viewer.js';
import { startGateway, type OneMoreGateway } from './support/gateway.js';
import { ask } from './support/http.js';
import { dial, drip, statusOf, type RawConnection } from './support/rawHttp.js';
import { join as enter } from './support/socket.js';

/** As the product has them, in a tenth of the time or less. */
const QUICK: Partial<HttpLimits> = {
  headMs: 1_000,
  idleMs: 1_000,
  stallMs: { unknown: 1_000, known: 4_000 },
  lingerMs: 500,
  sendMs: 1_000,
  unknownPerClient: 32,
  burstPerClient: 300,
};

let stage: LocalStack;
let gateway: OneMoreGateway;
let health: HealthServer;
let sid: string;

beforeAll(async () => {
  // Each process has a port for its health.
  stage = await startLocalStack({ PIZZAPI_HEALTH_PORT: '0' });
  sid = await newSession(stage);
  gateway = await startGateway(stage, { http: QUICK, limits: { resumeMs: 1_000 }, signup: 'open' });
  health = await createHealthServer({ port: 0, ready: () => true, metrics: createMetrics(), limits: QUICK });
});
afterAll(async () => {
  await health?.close();
  await gateway?.stop();
  await stage?.clear();
});

const servers = [
  ['the gateway', () => gateway.url],
  ['the health of a process', () => `http://127.0.0.1:${health.port}`],
] as const;

describe.each(servers)('%s', (_name, url) => {
  it('closes a connection on which nothing comes: 408', async () => {
    expect(statusOf(await dial(url()).closed)).toBe('408 request_timeout');
  });

  it('closes one whose head never ends, however it comes: 408', async () => {
    const connection = dial(url());
    connection.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ');
    drip(connection, 'a', 20);
    expect(statusOf(await connection.closed)).toBe('408 request_timeout');
  });

  it('closes one that asks for nothing more', async () => {
    const connection = dial(url());
    connection.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    expect(statusOf(await connection.closed)).toBe('200');
  });

  it('closes one whose body was not asked for and never ends, soon after the answer', async () => {
    const connection = dial(url());
    connection.write('POST /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n');
    drip(connection, 'x', 20);
    expect(statusOf(await connection.closed)).toMatch(/^4/);
  });

  it('goes on for others while a thousand connections of one address stand open, and closes most of those', async () => {
    const crowd: RawConnection[] = [];
    for (let i = 0; i < 1_000; i++) {
      const connection = dial(url());
      // A third says nothing, a third begins a head, a third asks and then waits.
      if (i % 3 === 1) connection.write('GET /livez HTTP/1.1\r\nX: ');
      if (i % 3 === 2) connection.write('GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      crowd.push(connection);
      if (i % 50 === 0) expect((await ask(url(), '/livez')).status, `beside ${i}`).toBe(200);
    }
    const refused = () => crowd.filter(({ text }) => statusOf(text) === '429 too_many_requests');
    await until('too many were refused', () => refused().length > 100);
    const open = () => crowd.filter(({ isClosed }) => !isClosed).length;
    await until('few are left', () => open() <= QUICK.unknownPerClient!);
    expect((await ask(url(), '/livez')).status).toBe(200);
    for (const { socket } of crowd) socket.destroy();
  });
});

describe('a body', () => {
  const post = (path: string, length: number, headers = ''): RawConnection => {
    const connection = dial(gateway.url);
    const host = `Host: ${new URL(gateway.url).host}\r\nOrigin: ${gateway.url}\r\n`;
    connection.write(
      `POST ${path} HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: ${length}\r\n${headers}\r\n`,
    );
    return connection;
  };
  const bearer = () => `Authorization: Bearer ${stage.token}\r\n`;

  it.each([
    ['that stands still', () => undefined],
    ['that comes byte by byte', (connection: RawConnection) => drip(connection, ' ', 50)],
  ])('%s is 408 where anyone may ask', async (_how, send) => {
    for (const path of ['/api/pair', '/api/pair/poll']) {
      const connection = post(path, 8_000);
      send(connection);
      expect(statusOf(await connection.closed), path).toBe('408 request_timeout');
    }
  });

  it('is not waited for where credentials are asked for, and there are none', async () => {
    for (const path of ['/api/keys', '/api/sessions', `/api/sessions/${sid}/input`, `/api/sessions/${sid}/blobs`]) {
      const connection = post(path, 8_000_000);
      await until(`an answer for ${path}`, () => connection.text !== '');
      expect(statusOf(connection.text), path).toBe('401 unauthenticated');
      drip(connection, ' ', 20);
      await connection.closed;
    }
  });

  it('in chunks without end, and empty, is 408 too', async () => {
    const connection = dial(gateway.url);
    const host = `Host: ${new URL(gateway.url).host}\r\nOrigin: ${gateway.url}\r\n`;
    connection.write(
      `POST /api/pair HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    );
    drip(connection, '1\r\n \r\n', 20);
    expect(statusOf(await connection.closed)).toBe('408 request_timeout');
  });

  it('of somebody with credentials that stands still is 408, after a longer while', async () => {
    const connection = post('/api/keys', 1_000, bearer());
    expect(statusOf(await connection.closed)).toBe('408 request_timeout');
  });

  it('of a slow phone comes through, however long it takes', async () => {
    const length = 24_000;
    const connection = post(`/api/sessions/${sid}/blobs`, length, bearer());
    const began = Date.now();
    // Some KiB a second, and for longer than a body may stand still.
    const piece = Buffer.alloc(length / 30, 0x61);
    for (let i = 0; i < 30; i++) {
      connection.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    await until('an answer', () => connection.text !== '');
    expect(statusOf(connection.text)).toBe('201');
    expect(Date.now() - began).toBeGreaterThan(QUICK.stallMs!.known);
    connection.socket.destroy();
  });
});

describe('an answer', () => {
  it('that nobody reads ends its connection', async () => {
    // Larger than what the network keeps by itself.
    const media = { 'content-type': 'application/octet-stream' };
    const file = Buffer.alloc(9 * 1024 * 1024, 0x62);
    const path = `/api/sessions/${sid}/blobs`;
    const sent = { bearer: stage.token, headers: media, body: file, alone: true };
    const { json } = await ask(gateway.url, path, sent);
    const { blob } = json as { blob: string };
    const connection = dial(gateway.url);
    connection.socket.pause();
    connection.write(
      `GET ${path}/${blob} HTTP/1.1\r\nHost: ${new URL(gateway.url).host}\r\nAuthorization: Bearer ${stage.token}\r\n\r\n`,
    );
    // Read by nobody until it has ended: then what came of it can be counted.
    await until('it was asked', async () => (await gateway.connections()) > 0);
    await until('it was closed', async () => (await gateway.connections()) === 0);
    connection.socket.resume();
    expect((await connection.closed).length).toBeLessThan(file.length);
  });
});

describe('a WebSocket', () => {
  it('of a viewer that never says where to begin is closed, to come back', async () => {
    const socket = await enter(gateway.url, `/ws/sessions/${sid}`, { bearer: stage.token });
    await socket.heard('hello');
    expect(await socket.closed).toMatchObject({ code: 4008 });
  });

  it('of one that has said so stays, and so do lists, on which nothing is due', async () => {
    const viewer = await enter(gateway.url, `/ws/sessions/${sid}`, { bearer: stage.token });
    viewer.send({ type: 'resume' });
    await viewer.heard('live');
    const hub = await enter(gateway.url, '/ws/hub', { bearer: stage.token });
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    for (const socket of [viewer, hub]) {
      socket.send({ type: 'ping' });
      await socket.heard('pong');
      socket.close();
    }
  });

  it('is counted for nobody: a hundred tabs of one address are let in', async () => {
    const tabs = await Promise.all(
      Array.from({ length: 100 }, () => enter(gateway.url, '/ws/hub', { bearer: stage.token })),
    );
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    for (const tab of tabs) {
      expect(tab.ws.readyState).toBe(tab.ws.OPEN);
      tab.close();
    }
  });
});

describe('behind a proxy that is trusted', () => {
  it('clients are counted one by one: too many requests of one are 429, another is served', async () => {
    const behind = await startGateway(stage, {
      http: { ...QUICK, unknownPerClient: 4 },
      trustedProxies: ['127.0.0.0/8'],
    });
    const host = new URL(behind.url).host;
    const waiting = Array.from({ length: 12 }, () => {
      const connection = dial(behind.url);
      const head = `Host: ${host}\r\nOrigin: ${behind.url}\r\nX-Forwarded-For: 198.51.100.1\r\nContent-Length: 900\r\n`;
      connection.write(`POST /api/pair HTTP/1.1\r\n${head}Content-Type: application/json\r\n\r\n`);
      return connection;
    });
    await until(
      'too many are sent away',
      () => waiting.filter(({ text }) => statusOf(text).startsWith('429')).length === 8,
    );
    const other = { 'x-forwarded-for': '198.51.100.2', origin: behind.url };
    expect((await ask(behind.url, '/api/auth/options', { headers: other })).status).toBe(200);
    await Promise.all(waiting.map(({ closed }) => closed));
    const again = { 'x-forwarded-for': '198.51.100.1', origin: behind.url };
    await until('they are served again', async () => {
      return (await ask(behind.url, '/api/auth/options', { headers: again })).status === 200;
    });
    await behind.stop();
  });
});

it('every server of a local run has these limits: slow heads and slow bodies end', { timeout: 120_000 }, async () => {
  const ports = ['authenticator', 'projector', 'gateway', 'runner'].map((name) => {
    const log = readFileSync(join(stage.home, 'logs', `${name}.log`), 'utf8');
    const line = log.split('\n').find((one) => /"msg":"health"/.test(one)) ?? '';
    return [name, `http://127.0.0.1:${/"port":(\d+)/.exec(line)?.[1]}`] as const;
  });
  const patience = HTTP_LIMITS.headMs + 20_000;
  const slow = [['the gateway', stage.url] as const, ...ports].flatMap(([name, url]) => {
    const [silent, head, body] = [dial(url), dial(url), dial(url)];
    head.write('GET /livez HTTP/1.1\r\nX: ');
    drip(head, 'a', 500);
    const { host } = new URL(url);
    body.write(
      `POST /api/pair HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${url}\r\nContent-Type: application/json\r\nContent-Length: 8000\r\n\r\n`,
    );
    drip(body, ' ', 500);
    return [silent, head, body].map((connection, i) => ({
      connection,
      what: `${name}: ${['silence', 'head', 'body'][i]}`,
    }));
  });
  for (const { connection, what } of slow) {
    await until(`${what} ends`, () => connection.isClosed, patience);
    expect(statusOf(connection.text), what).toMatch(/^(408 request_timeout|404)/);
  }
});
