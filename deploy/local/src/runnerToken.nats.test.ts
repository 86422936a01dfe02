import { bucket, connectBackbone, provision, type Backbone } from '@pizzapi/backbone';
import { startTestNats, type TestNats } from '@pizzapi/backbone/testing';
import { secretHash, tokenKind } from '@pizzapi/process';
import { OWNER_ID, type KeyRow } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureRunnerToken } from './runnerToken.js';

let nats: TestNats;
let admin: Backbone;

beforeAll(async () => {
  nats = await startTestNats();
  admin = await connectBackbone({ url: nats.url, name: 'test' });
  await provision(admin);
});
afterAll(async () => {
  await admin.close();
  await nats.stop();
});

async function ensure(known: string | undefined): Promise<string> {
  let saved = '';
  await ensureRunnerToken(admin, known, async (token) => void (saved = token));
  return saved;
}

it('a home keeps one runner token, and the start after its revocation creates a new one', async () => {
  const keys = bucket<KeyRow>(admin, 'api-keys');
  const first = await ensure(undefined);
  expect(tokenKind(first)).toBe('runner');
  expect((await keys.get(secretHash(first)))?.value).toMatchObject({ kind: 'runner', userId: OWNER_ID });
  expect(await ensure(first)).toBe(first);
  expect(await keys.keys()).toHaveLength(1);

  await keys.delete(secretHash(first));
  const second = await ensure(first);
  expect(second).not.toBe(first);
  expect(await keys.keys()).toEqual([secretHash(second)]);
});
