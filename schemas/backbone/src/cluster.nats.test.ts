import { newId } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { appendWholeLog } from './bulkAppend.js';
import { BlobStore } from './blobStore.js';
import { internals, type Backbone } from './connection.js';
import { bucket } from './kv.js';
import { lastEvent } from './lastEvent.js';
import { holdLease, readLease } from './lease.js';
import { claimSession } from './owners.js';
import { provision, verifyProvisioned } from './provision.js';
import { replay } from './replay.js';
import { collect, numbered, numberOf, upTo } from './scenario.js';
import type { SessionWriter } from './sessionWriter.js';
import { SESSIONS_STREAM } from './streams.js';
import { startClusterScenario, type ClusterScenario } from './testing/clusterScenario.js';
import { openWriter } from './writer.js';

let s: ClusterScenario;
let b: Backbone;
beforeAll(async () => {
  s = await startClusterScenario();
  ({ b } = s);
});
afterAll(() => s.end());

const numbersOf = async (sid: string, by = b): Promise<unknown[]> =>
  (await collect(replay(by, sid))).flat().map(numberOf);

/** Appends `count` events at once. */
async function appendAll(writer: SessionWriter, count: number): Promise<void> {
  await Promise.all(upTo(count).map((i) => writer.append(numbered(i))));
}

test('a cluster has every stream three times, is not changed by a second run, and moves to one copy and back', async () => {
  expect(await provision(b, { replicas: 3 })).toEqual([]);
  await verifyProvisioned(b);
  const moved = await provision(b, { replicas: 1 });
  expect(moved).toContainEqual({
    kind: 'updated',
    stream: SESSIONS_STREAM,
    fields: [{ field: 'num_replicas', before: 3, after: 1 }],
  });
  expect(await provision(b)).toEqual([]);
  expect((await provision(b, { replicas: 3 })).length).toBe(moved.length);
  const { cluster } = await internals(b).jsm.streams.info(SESSIONS_STREAM);
  expect(cluster?.replicas?.map(({ current }) => current)).toEqual([true, true]);
});

test('more copies than a cluster has servers are refused with a reason', async () => {
  await expect(provision(b, { replicas: 5 })).rejects.toMatchObject({
    code: 'bad_option',
    message: expect.stringContaining('5 copies of the stream ') as string,
  });
});

test('events of many sessions appended at once are each in the log once, in order, through a change of leader', async () => {
  const sids = upTo(32).map(() => newId('s'));
  const writers = await Promise.all(sids.map((sid) => openWriter(b, { sid, epoch: 1, spoolDir: s.spoolDir })));
  const fenced: string[] = [];
  writers.forEach((writer) => writer.onFenced(() => fenced.push(writer.sid)));
  const appending = Promise.all(writers.map((writer) => appendAll(writer, 256)));
  await s.cluster.stepDown(SESSIONS_STREAM);
  await appending;
  await Promise.all(writers.map((writer) => writer.settled()));
  expect(fenced).toEqual([]);
  for (const sid of sids) expect(await numbersOf(sid)).toEqual(upTo(256));
  await Promise.all(writers.map((writer) => writer.close()));
});

test('a writer of a later epoch fences an earlier one on another server', async () => {
  const sid = newId('s');
  const [one, two] = await Promise.all([s.connectTo(s.cluster.node(0)), s.connectTo(s.cluster.node(1))]);
  const early = await openWriter(one, { sid, epoch: 1, spoolDir: s.spoolDir });
  expect(await early.append(numbered(0))).toMatchObject({ kind: 'appended' });
  const late = await openWriter(two, { sid, epoch: 2, spoolDir: `${s.spoolDir}/other` });
  expect(await late.append(numbered(1))).toMatchObject({ kind: 'appended' });
  expect(await early.append(numbered(2))).toEqual({ kind: 'fenced', epoch: 2 });
  expect(await numbersOf(sid)).toEqual([0, 1]);
});

test('a whole log that is appended at once is complete', async () => {
  const sid = newId('s');
  await appendWholeLog(
    b,
    (async function* () {
      for (const i of upTo(2_000)) yield { ...numbered(i), type: 'agent_start' as const };
    })(),
    { sid, epoch: 1 },
  );
  expect((await numbersOf(sid)).length).toBe(2_000);
});

test('what was just written is read on every server: rows, owners, leases, last events, replays and files', async () => {
  const readers = await Promise.all(s.cluster.nodes.map((node) => s.connectTo(node)));
  const rows = readers.map((reader) => bucket<{ i: number }>(reader, 'usage'));
  for (const i of upTo(30)) {
    const writer = rows[i % 3]!;
    await writer.put('row.of-all', { i });
    expect(await Promise.all(rows.map(async (each) => (await each.get('row.of-all'))?.value.i))).toEqual([i, i, i]);
    await writer.put(`listed.${i}`, { i });
    expect(await Promise.all(rows.map(async (each) => (await each.keys('listed.')).length))).toEqual([
      i + 1,
      i + 1,
      i + 1,
    ]);
  }
  const sid = newId('s');
  const writer = await openWriter(b, { sid, epoch: 1, spoolDir: s.spoolDir });
  for (const i of upTo(30)) {
    const { seq } = (await writer.append(numbered(i))) as { seq: number };
    const last = await Promise.all(readers.map(async (reader) => (await lastEvent(reader, sid))?.seq));
    expect(last).toEqual([seq, seq, seq]);
    const counts = await Promise.all(readers.map(async (reader) => (await numbersOf(sid, reader)).length));
    expect(counts).toEqual([i + 1, i + 1, i + 1]);
  }
  const place = { userId: 'ann', sid };
  const stored = await new BlobStore(readers[0]!).put(place, Buffer.alloc(400_000, 'x'), 'text/plain', { keep: true });
  if (stored.kind === 'full') throw new Error('full');
  for (const reader of readers) expect((await new BlobStore(reader).get(place, stored.ref.blob))?.size).toBe(400_000);
  const lease = await holdLease(readers[1]!, `session.${sid}`, { epoch: 1 });
  expect(lease.kind).toBe('held');
  expect((await readLease(readers[2]!, `session.${sid}`))?.epoch).toBe(1);
  const claims = await Promise.all(
    readers.map((reader) => claimSession(reader, { sid, userId: 'ann', runnerId: 'r1' })),
  );
  expect(new Set(claims.map((claim) => (claim.kind === 'granted' ? claim.epoch : 0))).size).toBe(3);
});
