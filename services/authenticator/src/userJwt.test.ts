import { createNkeySeed, openNkey, verifyNkey, type Nkey } from '@pizzapi/backbone';
import { describe, expect, it } from 'vitest';
import { admitted, readAuthRequest, refused, type AuthRequest } from './userJwt.js';

const NOW = 1_800_000_000_000;
const server = openNkey(createNkeySeed('server'));
const issuer = openNkey(createNkeySeed('account'));
const user = openNkey(createNkeySeed('user'));

/** A question as nats-server writes it, with something else in places. */
function question(change: { claims?: object; nats?: object; header?: object; signer?: Nkey } = {}): string {
  const claims = {
    aud: 'nats-authorization-request',
    exp: NOW / 1_000 + 2,
    iss: server.publicKey,
    sub: issuer.publicKey,
    nats: {
      server_id: { name: 'n1', host: '127.0.0.1', id: server.publicKey },
      user_nkey: user.publicKey,
      client_info: { host: '10.0.0.1', id: 7, user: 'runner.r' },
      connect_opts: { user: 'runner.r', pass: 'secret', protocol: 1 },
      type: 'authorization_request',
      version: 2,
      ...change.nats,
    },
    ...change.claims,
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ typ: 'JWT', alg: 'ed25519-nkey', ...change.header })}.${part(claims)}`;
  return `${text}.${(change.signer ?? server).sign(text).toString('base64url')}`;
}

describe('the question of a server', () => {
  it('says who wants to connect', () => {
    expect(readAuthRequest(question(), NOW)).toEqual({
      serverId: server.publicKey,
      userNkey: user.publicKey,
      user: 'runner.r',
      password: 'secret',
      host: '10.0.0.1',
      overWebSocket: false,
    });
  });

  it.each([
    ['by another than it says', { signer: openNkey(createNkeySeed('server')) }],
    [
      'with the key of a user',
      { claims: { iss: user.publicKey }, nats: { server_id: { id: user.publicKey } }, signer: user },
    ],
    ['for another server', { nats: { server_id: { id: openNkey(createNkeySeed('server')).publicKey } } }],
    ['with no algorithm', { header: { alg: 'none' } }],
    ['for something else', { claims: { aud: 'somebody' } }],
    ['as something else', { nats: { type: 'user' } }],
    ['long ago', { claims: { exp: NOW / 1_000 - 60 } }],
    ['without a key for the answer', { nats: { user_nkey: undefined } }],
  ])('is none when it was signed %s', (_how, change) => {
    expect(readAuthRequest(question(change), NOW)).toBeUndefined();
  });

  it('is none when a bit is flipped, or it is no JWT at all', () => {
    const [header, payload, signature] = question().split('.') as [string, string, string];
    const flipped = Buffer.from(signature, 'base64url');
    flipped[0]! ^= 1;
    for (const text of [
      `${header}.${payload}.${flipped.toString('base64url')}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${question()}.x`,
      '{}',
      '',
      'a.b.c',
    ])
      expect(readAuthRequest(text, NOW), text).toBeUndefined();
  });
});

describe('the answer', () => {
  const request: AuthRequest = {
    serverId: server.publicKey,
    userNkey: user.publicKey,
    user: 'runner.r',
    password: 'secret',
    host: '10.0.0.1',
    overWebSocket: false,
  };
  const claimsOf = (token: string): Record<string, unknown> & { nats: Record<string, unknown> } => {
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const right = verifyNkey('account', issuer.publicKey, `${header}.${payload}`, Buffer.from(signature, 'base64url'));
    expect(right).toBe(true);
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as ReturnType<typeof claimsOf>;
  };

  it('lets in for this attempt at this server, with these permissions, until the key expires', () => {
    const permissions = { publish: ['a'], subscribe: ['b'], answers: true };
    const token = admitted(issuer, request, { name: 'runner.r@k', permissions, expiresAt: NOW + 500 }, NOW);
    const response = claimsOf(token);
    expect(response).toMatchObject({ aud: server.publicKey, sub: user.publicKey, iss: issuer.publicKey });
    expect(response.nats).toMatchObject({ type: 'authorization_response', version: 2 });
    const jwt = claimsOf(response.nats['jwt'] as string);
    expect(jwt).toMatchObject({ aud: 'PIZZAPI_HOSTS', sub: user.publicKey, name: 'runner.r@k', exp: NOW / 1_000 + 1 });
    expect(jwt.nats).toMatchObject({
      type: 'user',
      pub: { allow: ['a'] },
      sub: { allow: ['b'] },
      resp: { max: 1, ttl: 60e9 },
    });
  });

  it('refuses with a reason and with nothing of what was said', () => {
    const token = refused(issuer, request, 'runner_claimed', NOW);
    expect(claimsOf(token).nats).toEqual({ type: 'authorization_response', version: 2, error: 'runner_claimed' });
    expect(JSON.stringify(claimsOf(token))).not.toContain('secret');
  });
});
