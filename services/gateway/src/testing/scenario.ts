import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  claimSession,
  connectBackbone,
  openWriter,
  provision,
  purgeSession,
  serveRpc,
  type Backbone,
  type SessionWriter,
} from '@pizzapi/backbone';
import { startTestNats, type TestNats } from '@pizzapi/backbone/testing';
import { createMetrics, ensureGatewaySecret, localToken, silentLogger } from '@pizzapi/process';
import { decode, hostApiSubjects, encode, OWNER_ID, type AccountRow } from '@pizzapi/protocol';
import { createGateway } from '../app.js';
import type { Gateway, GatewayOptions } from '../gateway.js';
import { TestClient } from './client.js';
import { addPerson, type TestPerson } from './people.js';

/** A real nats-server and a real gateway over it, for one test file. */
export interface GatewayScenario {
  readonly nats: TestNats;
  /** A connection of the test's own, as a host has one. */
  readonly b: Backbone;
  /** Every connection: that one, and one of each gateway. */
  readonly backbones: readonly Backbone[];
  readonly home: string;
  readonly secret: Buffer;
  readonly url: string;
  readonly gateway: Gateway;
  /** One more gateway over the same backbone and home. */
  start(options?: Partial<GatewayOptions>): Promise<{ gateway: Gateway; url: string }>;
  /** The host of a session, the owner's or somebody else's; the gateway knows whose when this resolves. */
  writer(sid: string, of?: TestPerson): Promise<SessionWriter>;
  /** Somebody with an account and a key. */
  person(name: string, more?: Partial<AccountRow>): Promise<TestPerson>;
  /** A request of the owner's own programs, or of who holds `token`; `url` is another gateway's. */
  fetch(path: string, init?: RequestInit & { json?: unknown; token?: string; url?: string }): Promise<Response>;
  /** A viewer; `path` is a session's id or a whole path. The owner's, or of who holds `token`. */
  connect(path: string, options?: { json?: boolean; url?: string; token?: string }): Promise<TestClient>;
  /** From now on nobody purges logs. */
  loseAuthenticator(): void;
  end(): Promise<void>;
}

/** Hashes of passwords that are made in some milliseconds. */
const CHEAP = { cost: { N: 2 ** 10, r: 8, p: 1 } };

export async function startScenario(options: Partial<GatewayOptions> = {}): Promise<GatewayScenario> {
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
      options: { host: '127.0.0.1', port: 0, secret, passwords: CHEAP, ...options, ...more },
      log: silentLogger,
      metrics: createMetrics(),
    });
    gateways.push(gateway);
    return { gateway, url: (await gateway.listen()).url };
  };
  // The authenticator's part in deleting a session.
  const loseAuthenticator = serveRpc(b, hostApiSubjects.purge, async (body) => {
    await purgeSession(b, (decode(body) as { sid: string }).sid);
    return encode({ kind: 'purged' });
  });
  const { gateway, url } = await start();
  return {
    nats,
    b,
    backbones,
    home,
    secret,
    url,
    gateway,
    start,
    loseAuthenticator,
    writer: async (sid, { userId, token } = { userId: OWNER_ID, token: localToken(secret) }) => {
      const claim = await claimSession(b, { sid, userId, runnerId: 'host' });
      if (claim.kind !== 'granted') throw new Error('The session was refused');
      const headers = { authorization: `Bearer ${token}` };
      while ((await fetch(`${url}/api/sessions/${sid}`, { headers })).status === 404) await sleep(5);
      return openWriter(b, { sid, epoch: claim.epoch, spoolDir: join(home, 'spool') });
    },
    person: (name, more) => addPerson(b, name, more),
    fetch: (path, { json, token = localToken(secret), url: to = url, ...init } = {}) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${token}`);
      if (json !== undefined) headers.set('content-type', 'application/json');
      return fetch(to + path, { ...init, headers, ...(json === undefined ? {} : { body: JSON.stringify(json) }) });
    },
    connect: async (path, { json = false, url: to = url, token = localToken(secret) } = {}) => {
      const client = new TestClient(to + (path.startsWith('/') ? path : `/ws/sessions/${path}`), token, json);
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
