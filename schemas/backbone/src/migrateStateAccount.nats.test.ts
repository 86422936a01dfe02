import { afterAll, beforeAll, expect, it } from 'vitest';
import { getObject, hashOf, putObject } from './blobs.js';
import { connectBackbone, stateSeedOf } from './connection.js';
import { bucket } from './kv.js';
import { migrateStateAccount } from './migrateStateAccount.js';
import { createNkeySeed, openNkey } from './nkeys.js';
import { claimSession, ownerOf } from './owners.js';
import { provision, verifyProvisioned } from './provision.js';
import { startTestNats, type TestNats } from './testing/index.js';

const seed = createNkeySeed('user');
let nats: TestNats;

beforeAll(async () => {
  const key = (of: string) => openNkey(of).publicKey;
  nats = await startTestNats({
    config: [
      'accounts {',
      `  LOG { jetstream: enabled, users: [ { nkey: ${key(seed)} }, { user: old, password: old } ] }`,
      `  STATE { jetstream: enabled, users: [ { nkey: ${key(stateSeedOf(seed))} } ] }`,
      '}',
    ].join('\n'),
  });
});
afterAll(() => nats.stop());

const claim = (sid: string) => ({ sid, userId: 'owner', runnerId: 'r' });

it('what an earlier version left beside the logs is found where it belongs, and epochs go on rising', async () => {
  const before = await connectBackbone({ url: nats.url, name: 'old', user: 'old', password: 'old' });
  await provision(before);
  for (let i = 0; i < 5; i++) await claimSession(before, claim('s'));
  const { epoch } = (await ownerOf(before, 's'))!;
  const bytes = new TextEncoder().encode('a picture');
  const blob = hashOf(bytes);
  await putObject(before, blob, bytes, 'image/png');
  await before.close();

  const admin = await connectBackbone({ url: nats.url, name: 'new', nkey: seed, provisioner: true });
  await migrateStateAccount(admin);
  await provision(admin);
  await verifyProvisioned(admin);
  expect(await ownerOf(admin, 's')).toMatchObject({ userId: 'owner', runnerId: 'r' });
  const granted = await claimSession(admin, claim('s'));
  expect(granted).toMatchObject({ kind: 'granted' });
  expect(granted.kind === 'granted' && granted.epoch).toBeGreaterThan(epoch);
  expect((await getObject(admin, blob))?.mediaType).toBe('image/png');
  expect(await bucket(admin, 'blob-owners').get(`${blob}.owner`)).toBeDefined();

  const { epoch: last } = (await ownerOf(admin, 's'))!;
  await migrateStateAccount(admin);
  expect((await ownerOf(admin, 's'))!.epoch).toBe(last);
  await admin.close();

  // Who is let into the account of the logs alone finds nothing of it there.
  const host = await connectBackbone({ url: nats.url, name: 'host', user: 'old', password: 'old' });
  await expect(verifyProvisioned(host)).rejects.toMatchObject({ code: 'not_provisioned' });
  await host.close();
});
