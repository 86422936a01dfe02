import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import { makeAuthority } from '../testing/certificate.js';
import { connectProblem, OutboundWebSocket, outboundFetch, proxyOf, shownProxy, trustOf } from './index.js';

let folder: string;
let server: Server;
let url: string;
const authority = makeAuthority();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pizzapi-outbound-'));
  writeFileSync(join(folder, 'ca.pem'), `text before\n${authority.cert}${makeAuthority().cert}`);
  writeFileSync(join(folder, 'other.pem'), makeAuthority().cert);
  writeFileSync(join(folder, 'empty.pem'), 'nothing');
  writeFileSync(join(folder, 'damaged.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  server = createServer(authority.issue('localhost'), (_request, reply) => reply.end('hello'));
  new WebSocketServer({ server }).on('connection', (ws) => ws.send('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'])
    for (const each of [name, name.toLowerCase()]) vi.stubEnv(each, '');
});
afterEach(() => vi.unstubAllEnvs());

const trusting = (file: string) => vi.stubEnv('PIZZAPI_CA', join(folder, file));
const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => undefined).catch((error: unknown) => error);
const opened = (ws: OutboundWebSocket) =>
  new Promise<string>((resolve, reject) => {
    ws.on('message', (data: Buffer) => resolve(data.toString()));
    ws.on('error', reject);
  }).finally(() => ws.terminate());

describe('the certificates that are trusted', () => {
  it('are those of the authorities of PIZZAPI_CA, for requests and for WebSockets', async () => {
    trusting('ca.pem');
    expect(await (await outboundFetch(url)).text()).toBe('hello');
    expect(await opened(new OutboundWebSocket(url.replace('https', 'wss')))).toBe('hello');
    expect(trustOf()?.ca.length).toBeGreaterThan(100);
  });

  it.each([
    ['without PIZZAPI_CA', ''],
    ['with other authorities in it', 'other.pem'],
  ])('are not those of an unknown authority %s, and the error says what to do', async (_how, file) => {
    if (file === '') vi.stubEnv('PIZZAPI_CA', '');
    else trusting(file);
    expect(await failure(outboundFetch(url))).toMatchObject({
      code: 'certificate_untrusted',
      message: expect.stringMatching(/signed by no trusted authority.*PIZZAPI_CA/) as string,
    });
    const failed = await failure(opened(new OutboundWebSocket(url.replace('https', 'wss'))));
    expect(connectProblem(url, failed, 'nats_unreachable')).toMatchObject({ code: 'certificate_untrusted' });
  });

  it('have to be of the host name', async () => {
    trusting('ca.pem');
    const other = url.replace('127.0.0.1', '127.0.0.2');
    const failed = { cause: Object.assign(new Error('altnames'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }) };
    expect(connectProblem(other, failed, 'nats_unreachable')).toMatchObject({
      code: 'certificate_invalid',
      what: expect.stringContaining('is for another host name') as string,
    });
  });

  it.each([
    ['missing.pem', /cannot be read \(ENOENT\)/],
    ['empty.pem', /has no certificate in PEM/],
    ['damaged.pem', /damaged certificate/],
  ])('are not read from %s', async (file, why) => {
    trusting(file);
    expect(() => trustOf()).toThrow(why);
    expect(await failure(outboundFetch(url))).toMatchObject({ code: 'bad_option' });
  });
});

describe('the proxy of an address', () => {
  it('is the one that the environment names for it, for WebSockets as for requests', () => {
    vi.stubEnv('HTTPS_PROXY', 'http://proxy.example:3128');
    vi.stubEnv('http_proxy', 'http://plain.example:8080');
    vi.stubEnv('NO_PROXY', 'inside.example,.local.example');
    expect(proxyOf('https://relay.example/api')).toBe('http://proxy.example:3128');
    expect(proxyOf('wss://relay.example/nats')).toBe('http://proxy.example:3128');
    expect(proxyOf('ws://relay.example/nats')).toBe('http://plain.example:8080');
    expect(proxyOf('wss://inside.example/nats')).toBeUndefined();
    expect(proxyOf('https://a.local.example')).toBeUndefined();
  });

  it('is not taken to this machine', () => {
    vi.stubEnv('ALL_PROXY', 'http://proxy.example:3128');
    for (const here of ['http://127.0.0.1:7492', 'ws://localhost:1/nats', 'http://[::1]:1', 'http://pizzapi.localhost'])
      expect(proxyOf(here), here).toBeUndefined();
  });

  it('has to be an HTTP proxy, and is shown without its password', () => {
    vi.stubEnv('HTTPS_PROXY', 'socks5://user:secret@proxy.example:1080');
    expect(() => proxyOf('https://relay.example')).toThrow(/not the address of an HTTP proxy/);
    expect(() => proxyOf('https://relay.example')).not.toThrow(/secret/);
    expect(shownProxy('http://user:secret@proxy.example:3128')).toBe('http://proxy.example:3128');
  });
});
