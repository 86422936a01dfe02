import { RECENT_LAG_MS, withRecentChanges, type RecentChanges } from '@pizzapi/backbone';
import { MAX_RECENT_SESSIONS, type RecentSessionsRow } from '@pizzapi/protocol';
import { expect, it } from 'vitest';
import { MemoryBucket } from './memoryBucket.js';
import { REFILL_BELOW, RecentSessions } from './recentSessions.js';

const changes = (entries: Record<string, number | undefined>): RecentChanges => new Map(Object.entries(entries));
const rowOf = (entries: Record<string, number>): RecentSessionsRow | undefined =>
  withRecentChanges(undefined, changes(entries));
const many = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, i]));

it('a row names the sessions that were active last, the latest first, and no more than its limit', () => {
  const row = rowOf(many(MAX_RECENT_SESSIONS + 50))!;
  expect(row.sessions).toHaveLength(MAX_RECENT_SESSIONS);
  expect([row.sessions[0], row.sessions.at(-1)]).toEqual([
    { sessionId: `s${MAX_RECENT_SESSIONS + 49}`, at: MAX_RECENT_SESSIONS + 49 },
    { sessionId: 's50', at: 50 },
  ]);
  expect(withRecentChanges(row, changes({ s3: 3 }))).toBeUndefined();
});

it('a row changes when a session comes, goes, or was active long after the time in the row, and else stays', () => {
  const row = rowOf({ a: 0, b: 1 });
  expect(withRecentChanges(row, changes({ a: RECENT_LAG_MS - 1 }))).toBeUndefined();
  expect(withRecentChanges(row, changes({ a: RECENT_LAG_MS }))).toEqual(rowOf({ a: RECENT_LAG_MS, b: 1 }));
  expect(withRecentChanges(row, changes({ c: 2, a: 5 }))).toEqual(rowOf({ a: 5, b: 1, c: 2 }));
  expect(withRecentChanges(row, changes({ b: undefined }))).toEqual(rowOf({ a: 0 }));
  expect(withRecentChanges(row, changes({ gone: undefined }))).toBeUndefined();
});

it('two projectors that write the row of one account lose no session of each other', async () => {
  const bucket = new MemoryBucket<RecentSessionsRow>();
  const open = () => new RecentSessions({ bucket, refill: async () => undefined });
  const [one, other] = [open(), open()];
  for (let i = 0; i < 20; i++) {
    (i % 2 === 0 ? one : other).note('u', `s${i}`, i);
    await Promise.all([one.flush(), other.flush()]);
  }
  one.note('u', 's3', undefined);
  await one.flush();
  const { s3, ...rest } = many(20);
  expect(s3).toBe(3);
  expect((await bucket.get('u'))?.value).toEqual(rowOf(rest));
});

it('an activity writes nothing while the time in the row is recent enough', async () => {
  const bucket = new MemoryBucket<RecentSessionsRow>();
  const recent = new RecentSessions({ bucket, refill: async () => undefined });
  const revisions = new Set<number | undefined>();
  for (let at = 0; at < RECENT_LAG_MS; at += 1_000) {
    recent.note('u', 's', at);
    await recent.flush();
    revisions.add((await bucket.get('u'))?.revision);
  }
  expect(revisions.size).toBe(1);
});

it('a row with few sessions is filled from the rows of the account when it is first read and when a session goes', async () => {
  const bucket = new MemoryBucket<RecentSessionsRow>();
  const all = many(500);
  let reads = 0;
  const latest = new Map(Object.entries(all).slice(-MAX_RECENT_SESSIONS));
  const refill = async () => {
    reads++;
    return latest;
  };
  await bucket.create('u', rowOf({ s499: 499 })!);
  const recent = new RecentSessions({ bucket, refill });
  recent.note('u', 's499', 500);
  await recent.flush();
  expect((await bucket.get('u'))?.value.sessions).toHaveLength(MAX_RECENT_SESSIONS);
  recent.note('u', 's498', 500);
  await recent.flush();
  expect(reads).toBe(1);
  for (let i = 499; i > 499 - (MAX_RECENT_SESSIONS - REFILL_BELOW); i--) recent.note('u', `s${i}`, undefined);
  await recent.flush();
  expect(reads).toBe(1);
  recent.note('u', 's399', undefined);
  latest.delete('s399');
  await recent.flush();
  expect(reads).toBe(2);
});

it('a write that fails is repeated with the next one', async () => {
  const bucket = new MemoryBucket<RecentSessionsRow>();
  let isAway = true;
  const create = (key: string, value: RecentSessionsRow) =>
    isAway ? Promise.reject(new Error('away')) : bucket.create(key, value);
  const parts = { get: (key: string) => bucket.get(key), update: bucket.update.bind(bucket), create };
  const recent = new RecentSessions({ bucket: parts, refill: async () => undefined });
  recent.note('u', 's', 1);
  await expect(recent.flush()).rejects.toThrow('away');
  isAway = false;
  await recent.flush();
  expect((await bucket.get('u'))?.value).toEqual(rowOf({ s: 1 }));
});
