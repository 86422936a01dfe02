import { localToken } from '@pizzapi/process';
import { describe, expect, it } from 'vitest';
import type { CredentialCache } from './credentialCache.js';
import type { LastUsedRecorder } from './lastUsedRecorder.js';
import type { PageTokens } from './pageTokens.js';
import type { Cookies } from './cookies.js';
import { auditFieldsOf, authorOf, type Principal } from './principal.js';
import { RequestAuthenticator } from './requestAuthenticator.js';

const secret = new Uint8Array(32).fill(7);
const account = { userId: 'ada', name: 'Ada', role: 'admin' };
const login = { userId: 'ada', id: 'l1' };

/** An authenticator that knows one account, one login and one guest. */
const authenticator = new RequestAuthenticator({
  secret,
  cookies: { of: () => ({ login: { read: (header?: string) => header } }) } as unknown as Cookies,
  pageTokens: { isShown: () => true } as unknown as PageTokens,
  credentialCache: {
    account: () => Promise.resolve(account),
    login: () => Promise.resolve(login),
  } as unknown as CredentialCache,
  lastUsed: { login: () => undefined, account: () => undefined } as unknown as LastUsedRecorder,
  guests: {
    verify: () =>
      Promise.resolve({
        ...{ userId: 'guest_x', name: '', role: 'guest', via: 'collab' },
        credential: { kind: 'share', id: 'x' },
      }),
  },
});

async function principal(headers: Record<string, string>, query: object = {}): Promise<Principal> {
  const found = await authenticator.authenticate({
    headers,
    query,
    ip: '127.0.0.1',
    isOfPage: true,
    isEncrypted: false,
  });
  if (found.kind !== 'principal') throw new Error(found.kind);
  return found.principal;
}

const bearer = { authorization: `Bearer ${localToken(secret)}` };
const terminal = { 'pizzapi-client': 'terminal' };

describe('a program that says that a person uses it at a terminal', () => {
  it('marks messages, by a header or in the address of a WebSocket, and nothing else', async () => {
    expect(authorOf(await principal(bearer)).via).toBe('api');
    expect(authorOf(await principal({ ...bearer, ...terminal })).via).toBe('terminal');
    expect(authorOf(await principal(bearer, { client: 'terminal' })).via).toBe('terminal');
    expect(auditFieldsOf(await principal({ ...bearer, ...terminal }))).toMatchObject({ via: 'api' });
  });

  it('cannot pass a key off as a page, nor a guest or a page as something else', async () => {
    for (const client of ['owner', 'collab', 'system', 'agent'])
      expect(authorOf(await principal({ ...bearer, 'pizzapi-client': client }, { client })).via).toBe('api');
    const guest = await principal({ authorization: 'Bearer a.b.c', ...terminal }, { client: 'terminal' });
    expect(authorOf(guest).via).toBe('collab');
    expect(authorOf(await principal({ cookie: 'c', ...terminal }, { client: 'terminal' })).via).toBe('owner');
  });
});
