import { MAX_PARTITIONS, partitionOf } from '@pizzapi/protocol';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBackbone, internals, type Backbone } from './connection.js';
import { isNewLog } from './consume.js';
import { lastEvent } from './lastEvent.js';
import { refuseOldCluster, writePartitions } from './partitions.js';
import { provision, purgeSession, storedBytes, streamIdentity, verifyProvisioned } from './provision.js';
import { headOf } from './replay.js';
import { numbered, numberOf, startScenario, upTo, Watched, type BackboneScenario } from './scenario.js';
import { sessionStreams, streamOf } from './streams.js';
import { tail } from './tail.js';
import { mappingsConfig, startTestNats } from './testing/index.js';
import type { StoredEvent } from './replay.js';

const PARTITIONS = 3;
const sids = Array.from({ length: 12 }, (_, i) => `session-${i}`);

describe('partitionOf', () => {
  it('is the partition that nats-server computes, for every id and every number of partitions', async () => {
    const counts = [2, 3, 4, 7, 16, MAX_PARTITIONS];
    const lines = counts.map((n) => `"h.${n}.*": "hashed.${n}.{{partition(${n},1)}}.{{wildcard(1)}}"`);
    const nats = await startTestNats({ config: `mappings: { ${lines.join(', ')} }\n` });
    const b = await connectBackbone({ url: nats.url, name: 'test' });
    try {
      const { nc } = internals(b);
      const server = new Map<string, number>();
      nc.subscribe('hashed.>', {
        callback: (_err, { subject }) => {
          const [, n, partition, sid] = subject.split('.');
          server.set(`${n}.${sid}`, Number(partition));
        },
      });
      const ids = new Set(fc.sample(fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/), 400));
      for (const n of counts) for (const sid of ids) nc.publish(`h.${n}.${sid}`);
      await nc.flush();
      await nc.flush();
      const ours = counts.flatMap((n) => [...ids].map((sid) => [`${n}.${sid}`, partitionOf(sid, n)] as const));
      expect(server).toEqual(new Map(ours));
      expect(new Set([...ids].map((sid) => partitionOf(sid, 1)))).toEqual(new Set([0]));
    } finally {
      await b.close();
      await nats.stop();
    }
  });
});

describe('a log of several partitions', () => {
  let s: BackboneScenario;
  beforeAll(async () => {
    s = await startScenario({ partitions: PARTITIONS });
    expect(await isNewLog(s.b)).toBe(true);
  });
  afterAll(() => s.end());

  it('stores each session in the stream of its partition, on the subject that it has without partitions', async () => {
    const writers = await Promise.all(sids.map((sid) => s.writer(sid, 1)));
    for (const writer of writers)
      for (const i of upTo(5)) expect((await writer.append(numbered(i))).kind).toBe('appended');
    await Promise.all(writers.map((writer) => writer.close()));
    const { jsm } = internals(s.b);
    const streams = sessionStreams(PARTITIONS);
    const found = await Promise.all(
      streams.map(async (stream) => (await jsm.streams.info(stream, { subjects_filter: '>' })).state.subjects),
    );
    const expected = streams.map((stream) =>
      Object.fromEntries(
        sids.flatMap((sid) => (streamOf(internals(s.b), sid) === stream ? [[`session.${sid}.events`, 5]] : [])),
      ),
    );
    expect(found).toEqual(expected);
    expect(expected.every((subjects) => Object.keys(subjects).length > 0)).toBe(true);
    for (const sid of sids) expect((await s.stored(sid)).map(numberOf)).toEqual(upTo(5));
    expect(await isNewLog(s.b)).toBe(false);
    expect((await storedBytes(s.b)).log.used).toBeGreaterThan(0);
  });

  it('fences, follows, purges and finds the last event as without partitions', async () => {
    const live = new Watched<StoredEvent>();
    const following = await tail(s.b, 'followed', { after: 0, onEvents: (events) => live.push(...events) });
    const old = await s.writer('followed', 1);
    expect((await old.append(numbered(0))).kind).toBe('appended');
    const replacing = await s.writer('followed', 2);
    expect((await replacing.append(numbered(1))).kind).toBe('appended');
    expect(await old.append(numbered(2))).toEqual({ kind: 'fenced', epoch: 2 });
    expect((await live.until((events) => events.length === 2)).map(numberOf)).toEqual([0, 1]);
    const { last } = await headOf(s.b, 'followed');
    expect(await lastEvent(s.b, 'followed')).toMatchObject({ seq: last, epoch: 2 });
    await following.stop();
    await Promise.all([old.close(), replacing.close()]);
    expect(await purgeSession(s.b, 'followed')).toBe(2);
    expect(await headOf(s.b, 'followed')).toEqual({ first: 0, last: 0 });
    expect((await s.stored(sids[0]!)).length).toBe(5);
  });

  it('divides the limit of its size among the partitions', async () => {
    await provision(s.b, { maxBytes: 30e6 });
    const { jsm } = internals(s.b);
    for (const stream of sessionStreams(PARTITIONS))
      expect((await jsm.streams.info(stream)).config).toMatchObject({ max_bytes: 10e6, discard: 'new' });
    expect((await storedBytes(s.b)).log.limit).toBe(30e6);
  });

  it('has an identity that changes with each of its streams', async () => {
    const before = streamIdentity(s.b);
    await verifyProvisioned(s.b);
    expect(streamIdentity(s.b)).toBe(before);
    await internals(s.b).jsm.streams.delete(sessionStreams(PARTITIONS)[1]!);
    await provision(s.b);
    expect(streamIdentity(s.b)).not.toBe(before);
  });

  it('refuses a service that was started for another number, and every service while it moves', async () => {
    const service = async (partitions?: number): Promise<Backbone> =>
      connectBackbone({ url: s.nats.url, name: 'test', ...(partitions === undefined ? {} : { partitions }) });
    const [same, other, any] = await Promise.all([service(PARTITIONS), service(1), service()]);
    await verifyProvisioned(same);
    const differs = {
      code: 'partitions_differ',
      message: expect.stringContaining('PIZZAPI_PARTITIONS is 1, the deployment has 3') as string,
    };
    await expect(verifyProvisioned(other)).rejects.toMatchObject(differs);
    await expect(provision(other)).rejects.toMatchObject(differs);
    await verifyProvisioned(any);
    expect(internals(any).partitions).toBe(PARTITIONS);
    await writePartitions(s.b, { partitions: PARTITIONS, movingTo: 5 });
    await expect(verifyProvisioned(same)).rejects.toMatchObject({ code: 'partitions_moving' });
    await writePartitions(s.b, { partitions: PARTITIONS });
    await verifyProvisioned(same);
    await Promise.all([same.close(), other.close(), any.close()]);
  });
});

it('a server that does not map the log is refused with the number of partitions and what to do', async () => {
  const nats = await startTestNats({ config: mappingsConfig(2) });
  const b = await connectBackbone({ url: nats.url, name: 'test', partitions: 4 });
  try {
    await expect(provision(b)).rejects.toMatchObject({
      code: 'partitions_unmapped',
      message: expect.stringContaining('does not map the log to 4 partitions: no stream receives') as string,
    });
  } finally {
    await b.close();
    await nats.stop();
  }
});

it('a cluster of servers that compare expected offsets with the wrong subject is refused, a single such server is not', () => {
  const refused = expect.objectContaining({ code: 'nats_too_old' }) as Error;
  expect(() => refuseOldCluster(2, { version: '2.11.0', cluster: 'c' })).toThrow(refused);
  expect(() => refuseOldCluster(1, { version: '2.11.0', cluster: 'c' })).not.toThrow();
  expect(() => refuseOldCluster(2, { version: '2.11.0' })).not.toThrow();
  expect(() => refuseOldCluster(2, { version: '2.15.1', cluster: 'c' })).not.toThrow();
});

it('a deployment from before partitions has one, whatever a service is started with', async () => {
  const nats = await startTestNats();
  const first = await connectBackbone({ url: nats.url, name: 'test' });
  await provision(first);
  await internals(first).jsm.streams.delete('KV_deployment');
  const b = await connectBackbone({ url: nats.url, name: 'test', partitions: 2 });
  try {
    await expect(provision(b)).rejects.toMatchObject({ code: 'partitions_differ' });
    await provision(first);
    await verifyProvisioned(first);
  } finally {
    await Promise.all([first.close(), b.close()]);
    await nats.stop();
  }
});
