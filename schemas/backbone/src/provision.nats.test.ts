import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectBackbone, inside, type Backbone } from './connection.js';
import { deleteBucket, ensureBucket, provision, streamIdentity, verifyProvisioned } from './provision.js';
import { bucketStream, SESSIONS_STREAM } from './streams.js';
import { startTestNats, type TestNats } from './testing/index.js';

let nats: TestNats;
let b: Backbone;
beforeAll(async () => {
  nats = await startTestNats({ user: 'u', password: 'p' });
  b = await connectBackbone({ url: nats.url, name: 'test', user: 'u', password: 'p' });
});
afterAll(async () => {
  await b.close();
  await nats.stop();
});

test('an empty server is told apart, provisioned, and provisioning again changes nothing', async () => {
  await expect(verifyProvisioned(b)).rejects.toMatchObject({
    code: 'not_provisioned',
    message: expect.stringContaining('SESSIONS') as string,
  });
  await provision(b);
  const made = await inside(b).jsm.streams.info(SESSIONS_STREAM);
  await provision(b);
  await verifyProvisioned(b);
  const again = await inside(b).jsm.streams.info(SESSIONS_STREAM);
  expect(again.config).toEqual(made.config);
  expect(streamIdentity(b)).toBe(made.created);
});

test('a difference that can be mended is mended; without leave to mend it is named', async () => {
  const { streams } = inside(b).jsm;
  await streams.update(SESSIONS_STREAM, { duplicate_window: 60e9 });
  await expect(verifyProvisioned(b)).rejects.toMatchObject({
    code: 'stream_drift',
    message: expect.stringContaining('SESSIONS.duplicate_window is 60000000000') as string,
  });
  await provision(b);
  await verifyProvisioned(b);
});

test('an operator’s limits are applied, and kept by whoever names none', async () => {
  await provision(b, { maxAge: 3_600_000, maxBytes: 1e9 });
  await provision(b);
  const { config } = await inside(b).jsm.streams.info(SESSIONS_STREAM);
  expect([config.max_age, config.max_bytes]).toEqual([3600e9, 1e9]);
});

test('a difference that cannot be mended is refused, naming the field', async () => {
  const { streams } = inside(b).jsm;
  await streams.delete(bucketStream('runners'));
  await streams.add({ name: bucketStream('runners'), subjects: ['$KV.runners.>'], storage: 'memory' });
  await expect(provision(b)).rejects.toMatchObject({
    code: 'stream_drift',
    message: expect.stringContaining('KV_runners.storage is "memory", needed is "file"') as string,
  });
});

test('a bucket for a rebuild is made and deleted', async () => {
  await ensureBucket(b, 'sessions-next');
  await ensureBucket(b, 'sessions-next');
  expect(await deleteBucket(b, 'sessions-next')).toBe(true);
  expect(await deleteBucket(b, 'sessions-next')).toBe(false);
});

test('wrong credentials and a missing server have their codes once nobody waits any more', async () => {
  const at = (url: string, password: string) =>
    connectBackbone({ url, name: 'test', user: 'u', password, signal: AbortSignal.timeout(300) });
  await expect(at(nats.url, 'wrong')).rejects.toMatchObject({ code: 'nats_unauthorized' });
  await expect(at('nats://127.0.0.1:1', 'p')).rejects.toMatchObject({ code: 'nats_unreachable' });
});
