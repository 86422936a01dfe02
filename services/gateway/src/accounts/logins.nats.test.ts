import { bucket } from '@pizzapi/backbone';
import { secretHash, silentLogger } from '@pizzapi/process';
import type { LoginRow } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { CredentialCache } from '../auth/credentialCache.js';
import { LastUsedRecorder } from '../auth/lastUsedRecorder.js';
import { PATIENT } from '../testing/patience.js';
import { startScenario, type GatewayScenario } from '../testing/scenario.js';
import { Logins, MAX_LOGINS } from './logins.js';

const client = { ip: '127.0.0.1', userAgent: 'test' };

let s: GatewayScenario;
let credentialCache: CredentialCache;
let now = Date.now();
beforeAll(async () => {
  s = await startScenario();
  credentialCache = new CredentialCache(s.b, silentLogger);
  credentialCache.start();
  await credentialCache.ready;
});
afterAll(async () => {
  credentialCache.stop();
  await s.end();
});

it('of an account with as many logins as it may have, the one that was not seen for longest ends', async () => {
  const logins = new Logins(s.b, credentialCache, () => now);
  const ids: string[] = [];
  for (let i = 0; i < MAX_LOGINS; i++, now++) ids.push((await logins.begin('u1', client)).login.id);
  const { login } = await logins.begin('u1', client);
  const left = logins.listOf('u1', login.id).map(({ id }) => id);
  expect(left).toHaveLength(MAX_LOGINS);
  expect(new Set(left)).toEqual(new Set([...ids.slice(1), login.id]));
});

it('a login notes when it was last seen, at most once a minute, and comes back by no note once it has ended', async () => {
  const rows = bucket<LoginRow>(s.b, 'accounts');
  const seen = new LastUsedRecorder(s.b, silentLogger, () => now);
  const logins = new Logins(s.b, credentialCache, () => now);
  const { cookie, login } = await logins.begin('u2', client);
  const hash = secretHash(cookie);
  const stored = async () => (await rows.get(`login.${hash}`))?.value;

  now += 59_000;
  seen.login(hash, login);
  now += 1_000;
  seen.login(hash, login);
  await vi.waitFor(async () => expect((await stored())?.lastSeenAt).toBe(now), PATIENT);

  now += 60_000;
  const before = (await stored())!;
  await logins.end('u2', login.id);
  seen.login(hash, before);
  const { cookie: other, login: later } = await logins.begin('u2', client);
  now += 60_000;
  seen.login(secretHash(other), later);
  const noted = async () => (await rows.get(`login.${secretHash(other)}`))?.value.lastSeenAt;
  await vi.waitFor(async () => expect(await noted()).toBe(now), PATIENT);
  expect(await stored()).toBeUndefined();
});

it('a note of its last use leaves a row its time to live', async () => {
  const rows = bucket<LoginRow>(s.b, 'accounts');
  const at = Date.now();
  const row: LoginRow = {
    ...{ id: 'l1', userId: 'u3', createdAt: at, lastSeenAt: at - 120_000, expiresAt: at + 1_500 },
    ...client,
  };
  await rows.put('login.short', row);
  // Its clock stands still: however late the note is written, there is life left in the row.
  new LastUsedRecorder(s.b, silentLogger, () => at).login('short', row);
  await vi.waitFor(async () => expect(await rows.get('login.short')).toBeUndefined(), PATIENT);
});
