import { encode } from '@pizzapi/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { internals } from './connection.js';
import type { KvChange, KvUpdate } from './bucket.js';
import { bucket } from './kv.js';
import { holdLease, readLease } from './lease.js';
import { watchLeases, type LeaseChange } from './leaseWatch.js';
import { writeHeaders } from './message.js';
import { claimSession, ownerOf, takeNextEpoch } from './owners.js';
import { deleteBucket, ensureBucket } from './provision.js';
import { collect, startScenario, Watched, type BackboneScenario } from './scenario.js';

interface Thing {
  name: string;
}
const isThing = (value: unknown): value is Thing => typeof (value as Partial<Thing> | null)?.name === 'string';

let s: BackboneScenario;
const stop = new AbortController();
beforeAll(async () => {
  s = await startScenario();
});
afterAll(async () => {
  stop.abort();
  await s.end();
});

async function pour<T>(source: AsyncIterable<T>, into: Watched<T>): Promise<void> {
  for await (const item of source) into.push(item);
}

test('a value is created once, updated at its revision only, and created again after it was deleted', async () => {
  const things = bucket<Thing>(s.b, 'accounts');
  const made = await things.create('a', { name: 'one' });
  expect(made.kind).toBe('stored');
  expect(await things.create('a', { name: 'two' })).toEqual({ kind: 'conflict', revision: made.revision });
  const next = await things.update('a', { name: 'three' }, made.revision);
  expect(await things.update('a', { name: 'four' }, made.revision)).toEqual({
    kind: 'conflict',
    revision: next.revision,
  });
  expect(await things.get('a')).toEqual({ value: { name: 'three' }, revision: next.revision });
  await things.delete('a');
  expect(await things.get('a')).toBeUndefined();
  expect((await things.create('a', { name: 'five' })).kind).toBe('stored');
});

test('a value that was written for a time goes by itself, and its key can be created again', async () => {
  const things = bucket<Thing>(s.b, 'accounts');
  const kept = await things.create('short.b', { name: 'two' }, { ttlMs: 5_000 });
  // An update says anew how long.
  await things.update('short.b', { name: 'three' }, kept.revision);
  // After the other: when this one has gone, so would that have.
  await things.create('short.a', { name: 'one' }, { ttlMs: 5_000 });
  await expect.poll(() => things.get('short.a')).toBeUndefined();
  expect((await things.create('short.a', { name: 'four' })).kind).toBe('stored');
  expect((await things.get('short.b'))?.value).toEqual({ name: 'three' });
});

test('keys are listed by what they begin with or by a pattern, and counted', async () => {
  const things = bucket<Thing>(s.b, 'accounts');
  for (const key of ['list.a.x', 'list.a.y', 'list.b.x', 'lists']) await things.put(key, { name: key });
  const keys = async (prefix: string) => (await things.keys(prefix)).sort();
  expect(await keys('list.')).toEqual(['list.a.x', 'list.a.y', 'list.b.x']);
  expect(await keys('list.*.x')).toEqual(['list.a.x', 'list.b.x']);
  expect(await keys('list.*')).toEqual([]);
  expect([await things.count('list.a.'), await things.count('list.'), await things.count('none.')]).toEqual([2, 3, 0]);
});

test('many values are read in few requests: those without a value are missing, and large ones come in several parts', async () => {
  const things = bucket<Thing>(s.b, 'runners');
  const keys = Array.from({ length: 700 }, (_, i) => `many.${i}`);
  await Promise.all(keys.map((key, i) => things.put(key, { name: i % 100 === 0 ? key.padEnd(900_000, '.') : key })));
  await things.delete('many.1');
  const found = await things.getMany([...keys, 'many.none', 'many.2']);
  expect(found.size).toBe(699);
  expect([found.has('many.1'), found.has('many.none')]).toEqual([false, false]);
  expect(found.get('many.2')).toEqual(await things.get('many.2'));
  expect(found.get('many.600')?.value.name).toHaveLength(900_000);
  expect((await things.getMany([])).size).toBe(0);
  await expect(things.getMany(['many.>'])).rejects.toMatchObject({ code: 'invalid_id' });
});

test('values are listed one after the other by rising revision, those of one prefix or all, with or without values', async () => {
  const things = bucket<Thing>(s.b, 'notifications');
  for (let i = 0; i < 600; i++) await things.put(`listed.${i % 2 === 0 ? 'a' : 'b'}.${i}`, { name: `${i}` });
  await things.put('listed.a.0', { name: 'again' });
  await things.delete('listed.a.2');
  const items = await collect(things.list('listed.a.'));
  expect(items).toHaveLength(299);
  expect(items.at(-1)).toMatchObject({ key: 'listed.a.0', value: { name: 'again' } });
  expect(items.map(({ revision }) => revision)).toEqual(items.map(({ revision }) => revision).sort((a, b) => a - b));
  expect(await collect(things.listKeys('listed.a.'))).toEqual(items.map(({ key, revision }) => ({ key, revision })));
  const every = await collect(things.list());
  expect(every.filter(({ key }) => key.startsWith('listed.'))).toHaveLength(599);
  expect(await collect(things.list('none.'))).toEqual([]);
});

test('a list that is read slowly holds every key, also one that is written again before it was read', async () => {
  const things = bucket<Thing>(s.b, 'notifications');
  const keys = Array.from({ length: 2_000 }, (_, i) => `slow.${i}`);
  await Promise.all(keys.map((key) => things.put(key, { name: key })));
  const seen = new Set<string>();
  for await (const { key } of things.list('slow.')) {
    if (seen.size === 1) {
      // In this order the key that was read comes again before the key that was not.
      await things.put(key, { name: 'again' });
      for (const one of keys.slice(-50)) await things.put(one, { name: 'again' });
    }
    seen.add(key);
  }
  expect(seen.size).toBe(2_000);
});

test('updates report every write from their start on, without the values from before, also over an outage', async () => {
  const things = bucket<Thing>(s.b, 'projector', { check: isThing });
  await things.put('up.before', { name: 'before' });
  const seen = new Watched<KvUpdate<Thing>>();
  void pour(things.updates({ signal: stop.signal, prefix: 'up.' }), seen);
  await seen.until((items) => items.length === 1);
  expect(seen.items[0]).toMatchObject({ kind: 'ready' });
  await things.put('other', { name: 'other' });
  await things.put('up.a', { name: 'a' });
  await bucket<unknown>(s.b, 'projector').put('up.bad', { nome: 1 });
  await seen.until((items) => items.length === 3);
  await s.nats.kill9();
  await s.nats.restart();
  const other = bucket<Thing>(await s.connect(), 'projector');
  await other.delete('up.before');
  await other.put('up.b', { name: 'b1' });
  await other.put('up.b', { name: 'b2' });
  await seen.until((items) => items.some((item) => item.kind === 'value' && item.read()?.name === 'b2'));
  const shown = seen.items.slice(1).map((item) => (item.kind === 'value' ? [item.key, item.read()?.name] : item));
  expect(shown.filter((item) => !Array.isArray(item) || item[1] !== 'b1')).toEqual([
    ['up.a', 'a'],
    ['up.bad', undefined],
    { kind: 'gone', key: 'up.before', revision: expect.any(Number) as number },
    ['up.b', 'b2'],
  ]);
});

test('updates report a reset where the bucket was replaced', async () => {
  await ensureBucket(s.b, 'replaced');
  const things = bucket<Thing>(s.b, 'replaced');
  await things.put('a', { name: 'one' });
  const seen = new Watched<KvUpdate<Thing>>();
  void pour(things.updates({ signal: stop.signal }), seen);
  await seen.until((items) => items.length === 1);
  await deleteBucket(s.b, 'replaced');
  await ensureBucket(s.b, 'replaced');
  await seen.until((items) => items.some(({ kind }) => kind === 'reset'));
  await things.put('a', { name: 'two' });
  await seen.until((items) => items.some((item) => item.kind === 'value' && item.read()?.name === 'two'));
});

test('of many who delete one revision exactly one succeeds', async () => {
  const things = bucket<Thing>(s.b, 'accounts');
  const { revision } = await things.create('once', { name: 'one' });
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, () => things.delete('once', { revision, markerMs: 60_000 })),
  );
  expect(outcomes.filter(({ kind }) => kind === 'stored')).toHaveLength(1);
  expect(await things.get('once')).toBeUndefined();
});

test('of many who write at one revision exactly one succeeds', async () => {
  const things = bucket<Thing>(s.b, 'accounts');
  const { revision } = await things.create('race', { name: 'start' });
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, i) => things.update('race', { name: `${i}` }, revision)),
  );
  const winner = outcomes.findIndex(({ kind }) => kind === 'stored');
  expect(outcomes.filter(({ kind }) => kind === 'stored')).toHaveLength(1);
  expect((await things.get('race'))?.value).toEqual({ name: `${winner}` });
});

test('a value has an invalid shape is passed over and counted, and a key that is none is refused', async () => {
  const poison: string[] = [];
  const things = bucket<Thing>(s.b, 'api-keys', { check: isThing, onPoison: (key) => poison.push(key) });
  await bucket<unknown>(s.b, 'api-keys').put('bad', { nome: 1 });
  expect(await things.get('bad')).toBeUndefined();
  expect(poison).toEqual(['bad']);
  await expect(things.get('a.>')).rejects.toMatchObject({ code: 'invalid_id' });
});

test('a watcher is told what is there, then every change, also those it missed while the server was down', async () => {
  const things = bucket<Thing>(s.b, 'shares');
  await things.put('a', { name: 'a' });
  await things.put('b', { name: 'b' });
  await things.put('dead', { name: 'x' });
  await things.delete('dead');
  const seen = new Watched<KvChange<Thing>>();
  void pour(things.watch({ signal: stop.signal }), seen);
  await seen.until((items) => items.some(({ kind }) => kind === 'ready'));
  expect(seen.items.map((item) => (item.kind === 'value' ? item.key : item.kind))).toEqual(['a', 'b', 'ready']);
  await s.nats.kill9();
  await s.nats.restart();
  const other = bucket<Thing>(await s.connect(), 'shares');
  await other.delete('a');
  await other.put('c', { name: 'c' });
  await seen.until((items) => items.length >= 5);
  expect(seen.items.slice(3)).toMatchObject([
    { kind: 'gone', key: 'a', reason: 'deleted' },
    { kind: 'value', key: 'c', value: { name: 'c' } },
  ]);
  expect((await things.keys()).sort()).toEqual(['b', 'c']);
});

test('a lease is renewed while it is held, and watchers learn of its release', async () => {
  const seen = new Watched<LeaseChange>();
  void pour(watchLeases(s.b, 'runner.', stop.signal), seen);
  const held = await holdLease(s.b, 'runner.r1', { epoch: 1, renewMs: 100 });
  await seen.until((items) => items.filter(({ kind }) => kind === 'held').length >= 3);
  if (held.kind !== 'held') throw new Error('not held');
  await held.lease.release();
  await seen.until((items) => items.at(-1)!.kind === 'gone');
  expect(seen.items.at(-1)).toEqual({ kind: 'gone', key: 'runner.r1', reason: 'released' });
  expect(await readLease(s.b, 'runner.r1')).toBeUndefined();
});

test('a lease is released also where its last renewal was stored and the answer lost, and not where it is another’s', async () => {
  const b = await s.connect();
  const held = await holdLease(b, 'session.s4', { epoch: 2, renewMs: 60_000 });
  if (held.kind !== 'held') throw new Error('not held');
  // What the server holds is as the holder said it last, under a revision that the holder never heard of.
  const { at } = (await readLease(s.b, 'session.s4'))!;
  await bucket(s.b, 'leases').put('session.s4', { epoch: 2, at });
  await held.lease.release();
  expect(await readLease(s.b, 'session.s4')).toBeUndefined();
  const first = await holdLease(b, 'session.s5', { epoch: 2, renewMs: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await holdLease(s.b, 'session.s5', { epoch: 2, renewMs: 60_000 });
  if (first.kind !== 'held' || second.kind !== 'held') throw new Error('not held');
  await first.lease.release();
  expect(await readLease(s.b, 'session.s5')).toMatchObject({ epoch: 2 });
  await second.lease.release();
});

test('a lease that nobody renews expires, and watchers learn that it expired', async () => {
  const dying = await s.connect();
  const seen = new Watched<LeaseChange>();
  void pour(watchLeases(s.b, 'session.', stop.signal), seen);
  await holdLease(dying, 'session.s1', { epoch: 1, ttlMs: 1_000, renewMs: 100 });
  await seen.until((items) => items.some(({ kind }) => kind === 'held'));
  await dying.close();
  await seen.until((items) => items.at(-1)!.kind === 'gone');
  expect(seen.items.at(-1)).toEqual({ kind: 'gone', key: 'session.s1', reason: 'expired' });
});

test('a lease cannot be rolled up: a holder removes no other lease with a header of its own', async () => {
  const kept = await holdLease(s.b, 'session.kept', { epoch: 1 });
  const headers = writeHeaders([['Nats-Rollup', 'all']]);
  const outcome = await internals(s.b).publisher.publish(
    '$KV.leases.session.rolling',
    encode({ epoch: 1, at: 1 }),
    headers,
  );
  expect(outcome).toMatchObject({ kind: 'unavailable' });
  expect(await readLease(s.b, 'session.kept')).toMatchObject({ epoch: 1 });
  if (kept.kind === 'held') await kept.lease.release();
});

test('a higher epoch takes a lease and its holder learns it; a lower one is refused', async () => {
  const first = await holdLease(s.b, 'session.s2', { epoch: 5, renewMs: 50 });
  expect(await holdLease(s.b, 'session.s2', { epoch: 4 })).toEqual({ kind: 'taken', epoch: 5 });
  const second = await holdLease(s.b, 'session.s2', { epoch: 6, renewMs: 50 });
  if (first.kind !== 'held' || second.kind !== 'held') throw new Error('not held');
  expect(await first.lease.lost).toBe('taken');
  expect(await readLease(s.b, 'session.s2')).toMatchObject({ epoch: 6 });
  await second.lease.release();
});

test('a lease that ran out in an outage is taken up again by its holder', async () => {
  const b = await s.connect();
  const held = await holdLease(b, 'session.s3', { epoch: 1, ttlMs: 1_000, renewMs: 200 });
  if (held.kind !== 'held') throw new Error('not held');
  const seen = new Watched<LeaseChange>();
  void pour(watchLeases(s.b, 'session.', stop.signal), seen);
  await seen.until((items) => items.some(({ kind }) => kind === 'ready'));
  await s.nats.kill9();
  const down = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await s.nats.restart();
  await seen.until((items) =>
    items.some((item) => item.kind === 'held' && item.key === 'session.s3' && item.at > down),
  );
  // A second is soon over: it may have run out once more, and comes back once more.
  await expect.poll(async () => (await readLease(s.b, 'session.s3'))?.epoch).toBe(1);
  await held.lease.release();
});

test('a session is granted to one host; epochs rise; another host waits for the lease, another person for ever', async () => {
  const claim = (runnerId: string, userId = 'u') => claimSession(s.b, { sid: 'own', userId, runnerId });
  const first = await claim('r1');
  const second = await claim('r1');
  if (first.kind !== 'granted' || second.kind !== 'granted') throw new Error('not granted');
  expect(second.epoch).toBeGreaterThan(first.epoch);
  const held = await holdLease(s.b, 'session.own', { epoch: second.epoch });
  expect(await claim('r2')).toEqual({ kind: 'refused', owner: { userId: 'u', runnerId: 'r1', epoch: second.epoch } });
  if (held.kind === 'held') await held.lease.release();
  expect(await claim('r2', 'stranger')).toMatchObject({ kind: 'refused' });
  const third = await claim('r2');
  expect(third.kind === 'granted' && third.epoch > second.epoch).toBe(true);
  expect(await ownerOf(s.b, 'own')).toMatchObject({ runnerId: 'r2' });
});

test('of two hosts that claim a new session at once one is refused or comes second, and epochs differ', async () => {
  const outcomes = await Promise.all(
    ['r1', 'r2', 'r3'].map((runnerId) => claimSession(s.b, { sid: 'rush', userId: 'u', runnerId })),
  );
  const epochs = outcomes.flatMap((outcome) => (outcome.kind === 'granted' ? [outcome.epoch] : []));
  expect(new Set(epochs).size).toBe(epochs.length);
  expect((await ownerOf(s.b, 'rush'))?.epoch).toBe(Math.max(...epochs));
});

test('the next epoch of a lost host is taken once, and only from the grant it was seen with', async () => {
  const claimed = await claimSession(s.b, { sid: 'lost', userId: 'u', runnerId: 'r' });
  if (claimed.kind !== 'granted') throw new Error('not granted');
  const taken = await takeNextEpoch(s.b, 'lost', claimed.epoch);
  expect(taken.kind === 'granted' && taken.epoch > claimed.epoch).toBe(true);
  expect(await takeNextEpoch(s.b, 'lost', claimed.epoch)).toMatchObject({ kind: 'moved', owner: { runnerId: 'r' } });
  expect(await takeNextEpoch(s.b, 'never', 1)).toEqual({ kind: 'unowned' });
});

test('a read of a bucket outlasts a restart of the server', async () => {
  const things = bucket<Thing>(s.b, 'accounts');
  await things.put('patient', { name: 'p' });
  await s.nats.kill9();
  const reading = things.get('patient');
  await s.nats.restart();
  expect((await reading)?.value).toEqual({ name: 'p' });
  expect(internals(s.b).status()).toBe('connected');
});
