import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer, type Server } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { silentLogger } from '@pizzapi/process';
import { makeAuthority } from '@pizzapi/process/testing';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { IssuerClient } from './issuerClient.js';
import type { IssuerSettings } from './options.js';

/** A name that only the proxy of the test leads anywhere. */
const ISSUER = 'https://id.example';
const CLIENT_SECRET = 'the secret of the client';
const CALLBACK = 'https://relay.example/auth/oidc/callback';
const DAY = 24 * 60 * 60_000;

let folder: string;
let issuer: Server;
const proxy = createHttpServer();
/** What was asked for with CONNECT. */
const connected: string[] = [];
/** The requests at the issuer: path, and the body of a form. */
const requests: { path: string; form: URLSearchParams }[] = [];
let nonce = '';
/** The ID token lacks the groups, and the userinfo endpoint fails. */
let isSparse = false;

const settings: IssuerSettings = {
  ...{ issuer: new URL(ISSUER), clientId: 'pizzapi', clientSecret: CLIENT_SECRET, scopes: 'openid', name: 'Acme' },
  rules: { domains: 'any', groups: [] },
  ...{ groupsClaim: 'groups', linkByEmail: false, passwords: 'keep' },
  ...{ checkMs: DAY, loginMs: DAY, confirmMs: DAY },
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pizzapi-issuer-'));
  const authority = makeAuthority();
  writeFileSync(join(folder, 'ca.pem'), authority.cert);
  writeFileSync(join(folder, 'other.pem'), makeAuthority().cert);
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256', use: 'sig' };
  const answers: Record<string, () => unknown> = {
    '/.well-known/openid-configuration': () => ({
      issuer: ISSUER,
      ...{ authorization_endpoint: `${ISSUER}/auth`, token_endpoint: `${ISSUER}/token`, jwks_uri: `${ISSUER}/keys` },
      userinfo_endpoint: `${ISSUER}/userinfo`,
      ...{ response_types_supported: ['code'], token_endpoint_auth_methods_supported: ['client_secret_post'] },
    }),
    '/keys': () => ({ keys: [jwk] }),
    '/token': async () => ({
      ...{ access_token: 'a', token_type: 'Bearer', expires_in: 60, refresh_token: 'the next one' },
      id_token: await new SignJWT({
        ...{ nonce, name: 'Ada', email: 'ada@acme.example', email_verified: true },
        ...(isSparse ? {} : { groups: [] }),
      })
        .setProtectedHeader({ alg: 'RS256', kid: 'k' })
        .setIssuer(ISSUER)
        .setAudience('pizzapi')
        .setSubject('ada')
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(privateKey),
    }),
  };
  issuer = createHttpsServer(authority.issue('id.example'), (request, reply) => {
    void (async () => {
      const path = request.url ?? '';
      requests.push({ path, form: new URLSearchParams(await text(request)) });
      reply.statusCode = answers[path] === undefined ? 503 : 200;
      reply.setHeader('content-type', 'application/json').end(JSON.stringify(await answers[path]?.()));
    })();
  });
  proxy.on('connect', (request: IncomingMessage, near: Duplex) => {
    connected.push(request.url ?? '');
    const far = connect((issuer.address() as AddressInfo).port, '127.0.0.1', () => {
      near.write('HTTP/1.1 200 OK\r\n\r\n');
      near.pipe(far).pipe(near);
    });
    for (const side of [near, far]) side.on('error', () => (near.destroy(), far.destroy()));
  });
  for (const server of [issuer, proxy])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
});
afterAll(() => {
  for (const server of [issuer, proxy]) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true });
});
afterEach(() => vi.unstubAllEnvs());

function behindProxy(ca: string): IssuerClient {
  for (const name of ['NO_PROXY', 'no_proxy', 'https_proxy', 'ALL_PROXY', 'all_proxy']) vi.stubEnv(name, '');
  vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  vi.stubEnv('PIZZAPI_CA', join(folder, ca));
  connected.length = requests.length = 0;
  return new IssuerClient(settings, silentLogger);
}

it('every request of a sign-in goes through the proxy of the environment to an issuer with a certificate of PIZZAPI_CA', async () => {
  const client = behindProxy('ca.pem');
  const checks = await client.newChecks();
  nonce = checks.nonce;
  const url = new URL(await client.authorizationUrl(checks, CALLBACK));
  expect(url.origin + url.pathname).toBe(`${ISSUER}/auth`);
  const callback = new URL(`${CALLBACK}?${new URLSearchParams({ code: 'c', state: checks.state }).toString()}`);
  const exchange = await client.exchange(callback, checks);
  expect(exchange).toMatchObject({ kind: 'confirmed', claims: { subject: 'ada', address: 'ada@acme.example' } });
  expect(requests.map(({ path }) => path)).toEqual(['/.well-known/openid-configuration', '/token', '/keys']);
  expect(requests[1]?.form.get('client_secret')).toBe(CLIENT_SECRET);
  expect(new Set(connected)).toEqual(new Set(['id.example:443']));
});

it('an issuer with a certificate of another authority gets no request, and the error has no secret', async () => {
  const client = behindProxy('other.pem');
  const checks = await client.newChecks();
  const failed: unknown = await client.authorizationUrl(checks, CALLBACK).catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: 'issuer_unavailable' });
  expect(String(failed)).toContain('certificate_untrusted');
  expect(JSON.stringify(failed) + String(failed)).not.toContain(CLIENT_SECRET);
  expect(requests).toEqual([]);
});

it('a check that fails after the issuer has given the next refresh token keeps this token, because the old one is used up', async () => {
  const client = behindProxy('ca.pem');
  isSparse = true;
  const failed = await client.refresh('the old one', 'ada');
  isSparse = false;
  expect(requests.map(({ path }) => path)).toContain('/userinfo');
  expect(failed).toMatchObject({ kind: 'unavailable', refreshToken: 'the next one' });
});
