import { bucket } from '@pizzapi/backbone';
import { secretHash, silentLogger } from '@pizzapi/process';
import type { AccountRow, KeyRow, LoginRow } from '@pizzapi/protocol';
import { afterAll, beforeAll, beforeEach, afterEach, expect, it, vi } from 'vitest';
import { PATIENT } from '../testing/patience.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';
import { CredentialCache, type CredentialChange } from './credentialCache.js';

let s: GatewayScenario;
let credentialCache: CredentialCache;
let now: number;
let changes: CredentialChange[];
beforeAll(async () => {
  s = await startScenario();
});
beforeEach(async () => {
  now = Date.now();
  credentialCache = new CredentialCache(s.b, silentLogger, () => now);
  changes = [];
  credentialCache.start();
  await credentialCache.ready;
  credentialCache.on((change) => changes.push(change));
});
afterEach(() => credentialCache.stop());
afterAll(() => s.end());

const login = (id: string, expiresAt: number): LoginRow => ({
  ...{ id, userId: 'u1', createdAt: now, lastSeenAt: now, expiresAt, ip: '127.0.0.1', userAgent: 'test' },
});

it('says when an account is disabled, a key revoked and a login ended, wherever that was done', async () => {
  const { userId, token } = await s.person('Eve');
  const accounts = bucket<AccountRow>(s.b, 'accounts');
  const key = (await credentialCache.key(secretHash(token)))!;
  await bucket<LoginRow>(s.b, 'accounts').put('login.a', login('l1', now + 60_000));
  await vi.waitFor(() => expect(credentialCache.logins.peek('a')).toBeDefined(), PATIENT);

  const row = (await accounts.get(`user.${userId}`))!.value;
  await accounts.put(`user.${userId}`, { ...row, disabledAt: now });
  await bucket<KeyRow>(s.b, 'api-keys').delete(secretHash(token));
  await accounts.delete('login.a');
  await vi.waitFor(
    () =>
      expect(changes).toEqual(
        expect.arrayContaining([
          { kind: 'account_disabled', id: userId },
          { kind: 'key_revoked', id: key.id },
          { kind: 'login_ended', id: 'l1' },
        ]),
      ),
    PATIENT,
  );
  expect(changes).toHaveLength(3);
  expect(await credentialCache.login('a')).toBeUndefined();
});

it('says when a login expires, which the server does not', async () => {
  await bucket<LoginRow>(s.b, 'accounts').put('login.b', login('l2', now + 60_000), { ttlMs: 60_000 });
  expect(await credentialCache.login('b')).toMatchObject({ id: 'l2' });
  await vi.waitFor(() => expect(credentialCache.logins.peek('b')).toBeDefined(), PATIENT);
  now += 60_000;
  expect(await credentialCache.login('b')).toBeUndefined();
  await vi.waitFor(() => expect(changes).toEqual([{ kind: 'login_ended', id: 'l2' }]), PATIENT);
});

it('finds what is younger than the news of its watch', async () => {
  credentialCache.stop();
  const { userId, token } = await s.person('Zoe');
  expect(await credentialCache.account(userId)).toMatchObject({ name: 'Zoe' });
  expect(await credentialCache.key(secretHash(token))).toMatchObject({ userId });
});
