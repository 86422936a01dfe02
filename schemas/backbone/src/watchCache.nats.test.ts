import { silentLogger } from '@pizzapi/process';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Bucket } from './bucket.js';
import { bucket } from './kv.js';
import { startScenario, type BackboneScenario } from './scenario.js';
import { WatchCache } from './watchCache.js';

interface Thing {
  name: string;
}
const isThing = (value: unknown): value is Thing => typeof (value as Partial<Thing> | null)?.name === 'string';

let s: BackboneScenario;
let things: Bucket<Thing>;
let cache: WatchCache<Thing>;
let changes: [key: string, after: string | undefined, before: string | undefined][];
beforeAll(async () => {
  s = await startScenario();
  things = bucket<Thing>(s.b, 'accounts', { check: isThing });
});
beforeEach(async () => {
  for (const key of await things.keys()) await things.delete(key);
  await things.put('a.old', { name: 'old' });
  await things.put('b.other', { name: 'other' });
  changes = [];
  cache = new WatchCache(things, { prefix: 'a.', log: silentLogger });
  cache.start();
  await cache.ready;
  cache.onChange((key, after, before) => changes.push([key, after?.name, before?.name]));
});
afterEach(() => cache.stop());
afterAll(() => s.end());

test('a watch cache has the rows with its prefix and reports every change of them', async () => {
  expect([...cache.entries()]).toEqual([['old', { name: 'old' }]]);
  await things.put('b.more', { name: 'more' });
  await cache.settled(await things.put('a.new', { name: 'new' }));
  await cache.settled(await things.put('a.new', { name: 'newer' }));
  const deleted = await things.delete('a.old');
  await cache.deletionSettled('old', deleted.revision);
  expect(changes).toEqual([
    ['new', 'new', undefined],
    ['new', 'newer', 'new'],
    ['old', undefined, 'old'],
  ]);
  expect([...cache.keys()]).toEqual(['new']);
});

test('a row that becomes unreadable counts as deleted', async () => {
  await cache.settled(await bucket<object>(s.b, 'accounts').put('a.old', { nothing: 1 }));
  expect(cache.peek('old')).toBeUndefined();
  expect(changes).toEqual([['old', undefined, 'old']]);
});

test('`get` returns a row that the watch has not reported yet, and then the cache has it', async () => {
  await things.put('a.young', { name: 'young' });
  expect(await cache.get('young')).toEqual({ name: 'young' });
  expect(cache.peek('young')).toEqual({ name: 'young' });
  expect(await cache.get('nothing')).toBeUndefined();
});

test('waiting for a deletion of a row that the cache never had ends at once', async () => {
  await cache.deletionSettled('nothing', 1_000_000);
  await cache.settled(1_000_000, 10);
});

test('a watch that starts again removes rows that were deleted in the meantime', async () => {
  const stop = new AbortController();
  const again = new WatchCache(things, { prefix: 'a.', log: silentLogger });
  const first = again.run(stop.signal);
  await again.ready;
  stop.abort();
  await first;
  await things.delete('a.old');
  const removed: string[] = [];
  again.onChange((key, after) => after === undefined && removed.push(key));
  const next = new AbortController();
  const second = again.run(next.signal);
  await expect.poll(() => removed).toEqual(['old']);
  next.abort();
  await second;
});
