import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectBackbone, openWriter, provision, type Backbone, type SessionWriter } from '@pizzapi/backbone';
import { startTestNats, type TestNats } from '@pizzapi/backbone/testing';
import { createMetrics, ensureGatewaySecret, localToken, silentLogger } from '@pizzapi/process';
import { createGateway, type Gateway, type GatewayOptions } from '../app.js';
import { TestClient } from './client.js';

/** A real nats-server and a real gateway over it, for one test file. */
export interface Scenario {
  readonly nats: TestNats;
  /** A connection of the test's own, as a host has one. */
  readonly b: Backbone;
  readonly home: string;
  readonly secret: Buffer;
  readonly url: string;
  readonly gateway: Gateway;
  /** One more gateway over the same backbone and home. */
  start(options?: Partial<GatewayOptions>): Promise<{ gateway: Gateway; url: string }>;
  writer(sid: string): Promise<SessionWriter>;
  /** A request of the owner's own programs. */
  fetch(path: string, init?: RequestInit & { json?: unknown }): Promise<Response>;
  /** A viewer; `path` is a session's id or a whole path. */
  connect(path: string, options?: { json?: boolean; url?: string }): Promise<TestClient>;
  end(): Promise<void>;
}

export async function startScenario(options: Partial<GatewayOptions> = {}): Promise<Scenario> {
  const nats = await startTestNats();
  const home = await mkdtemp(join(tmpdir(), 'pizzapi-gateway-'));
  const secret = ensureGatewaySecret(home);
  const gateways: Gateway[] = [];
  const backbones: Backbone[] = [];
  const clients: TestClient[] = [];
  const dial = async (name: string) => {
    const b = await connectBackbone({ url: nats.url, name });
    backbones.push(b);
    return b;
  };
  const b = await dial('test');
  await provision(b);
  const start = async (more: Partial<GatewayOptions> = {}) => {
    const gateway = await createGateway({
      backbone: await dial('gateway'),
      options: { host: '127.0.0.1', port: 0, secret, home, ...options, ...more },
      log: silentLogger,
      metrics: createMetrics(),
    });
    gateways.push(gateway);
    return { gateway, url: (await gateway.listen()).url };
  };
  const { gateway, url } = await start();
  return {
    nats,
    b,
    home,
    secret,
    url,
    gateway,
    start,
    writer: (sid) => openWriter(b, { sid, epoch: 1, spoolDir: join(home, 'spool') }),
    fetch: (path, { json, ...init } = {}) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${localToken(secret)}`);
      if (json !== undefined) headers.set('content-type', 'application/json');
      return fetch(url + path, { ...init, headers, ...(json === undefined ? {} : { body: JSON.stringify(json) }) });
    },
    connect: async (path, { json = false, url: to = url } = {}) => {
      const client = new TestClient(
        to + (path.startsWith('/') ? path : `/ws/sessions/${path}`),
        localToken(secret),
        json,
      );
      clients.push(client);
      await client.opened;
      return client;
    },
    end: async () => {
      for (const client of clients) client.ws.terminate();
      for (const each of gateways) await each.stop();
      for (const each of backbones) await each.close();
      await nats.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
