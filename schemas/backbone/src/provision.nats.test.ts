import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectBackbone, internals, type Backbone } from './connection.js';
import { deleteBucket, ensureBucket, provision, streamIdentity, verifyProvisioned } from './provision.js';
import { AUDIT_STREAM, BLOB_SPEC, bucketStream, COMMANDS_STREAM, MAX_PARTS_BYTES, SESSIONS_STREAM } from './streams.js';
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
  const made = await internals(b).jsm.streams.info(SESSIONS_STREAM);
  await provision(b);
  await verifyProvisioned(b);
  const again = await internals(b).jsm.streams.info(SESSIONS_STREAM);
  expect(again.config).toEqual(made.config);
  expect(streamIdentity(b)).toBe(made.created);
});

test('a difference that can be mended is mended; without leave to mend it is named', async () => {
  const { streams } = internals(b).jsm;
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
  const { config } = await internals(b).jsm.streams.info(SESSIONS_STREAM);
  expect([config.max_age, config.max_bytes]).toEqual([3600e9, 1e9]);
});

test('a full log refuses what comes, and drops the oldest only where that was chosen; every stream has its limit', async () => {
  const configOf = async (stream: string) => {
    const { max_bytes, discard } = (await internals(b).jsm.streams.info(stream)).config;
    return [max_bytes, discard];
  };
  const all = { maxBytes: 4e6, blobBytes: 3e6, commandBytes: 2e6, auditBytes: 1e6, stateBytes: 5e6 };
  await provision(b, all);
  await verifyProvisioned(b);
  expect(await configOf(SESSIONS_STREAM)).toEqual([4e6, 'new']);
  expect(await configOf(BLOB_SPEC.name)).toEqual([3e6, 'new']);
  expect(await configOf(COMMANDS_STREAM)).toEqual([2e6, 'new']);
  expect(await configOf(AUDIT_STREAM)).toEqual([1e6, 'old']);
  expect(await configOf(bucketStream('accounts'))).toEqual([5e6, 'new']);
  expect(await configOf(bucketStream('blob-parts'))).toEqual([MAX_PARTS_BYTES, 'new']);
  expect((await configOf(bucketStream('leases')))[0]).toBe(-1);
  await provision(b, { whenFull: 'drop_oldest' });
  await verifyProvisioned(b);
  expect(await configOf(SESSIONS_STREAM)).toEqual([4e6, 'old']);
  await provision(b, {
    maxBytes: -1,
    whenFull: 'refuse',
    blobBytes: -1,
    commandBytes: -1,
    auditBytes: -1,
    stateBytes: -1,
  });
  expect(await configOf(SESSIONS_STREAM)).toEqual([-1, 'new']);
});

test('a difference that cannot be mended is refused, naming the field', async () => {
  const { streams } = internals(b).jsm;
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
