import { afterAll, beforeAll, expect, it } from 'vitest';
import { getObject, hashOf, putObject } from './blobs.js';
import { BlobStore } from './blobStore.js';
import { bucket } from './kv.js';
import { moveBlobs } from './moveBlobs.js';
import { claimSession } from './owners.js';
import { startScenario, type BackboneScenario } from './scenario.js';

let s: BackboneScenario;
beforeAll(async () => {
  s = await startScenario();
});
afterAll(() => s.end());

/** As the version before had it: one object for all who brought the bytes, and a row for each account. */
async function bring(content: string, userIds: string[]): Promise<string> {
  const bytes = Buffer.from(content);
  const hash = hashOf(bytes);
  await putObject(s.b, hash, bytes, 'image/png');
  for (const userId of userIds) await bucket(s.b, 'blob-owners').put(`${hash}.${userId}`, { at: Date.now() });
  return hash;
}

/** A session whose log names these blobs. */
async function session(sid: string, userId: string, hashes: string[]): Promise<void> {
  const claim = await claimSession(s.b, { sid, userId, runnerId: 'r' });
  if (claim.kind !== 'granted') throw new Error('refused');
  const writer = await s.writer(sid, claim.epoch);
  const blobs = hashes.map((blob) => ({ path: '/text', blob, size: 1, mediaType: 'image/png' }));
  await writer.append({ type: 'session_message', at: 1, from: 'x', text: '', blobs });
  await writer.close();
}

it('every session whose log refers to a blob of an earlier version has it for itself, and what nothing refers to goes', async () => {
  const shared = await bring('shared', ['ann', 'bob']);
  const unused = await bring('unused', ['ann']);
  const foreign = await bring('foreign', ['bob']);
  await session('a1', 'ann', [shared, foreign]);
  await session('a2', 'ann', [shared]);
  await session('b1', 'bob', [shared]);
  // Doing it again, also where the first time was broken off after some, changes nothing.
  await moveBlobs(s.b);
  await moveBlobs(s.b);

  const store = new BlobStore(s.b);
  const has = async (userId: string, sid: string, hash: string) =>
    (await store.get({ userId, sid }, hash))?.mediaType ?? null;
  expect(await has('ann', 'a1', shared)).toBe('image/png');
  expect(await has('ann', 'a2', shared)).toBe('image/png');
  expect(await has('bob', 'b1', shared)).toBe('image/png');
  // A log that names what its account never brought gets nothing by that.
  expect(await has('ann', 'a1', foreign)).toBeNull();
  for (const hash of [shared, unused, foreign]) expect(await getObject(s.b, hash)).toBeUndefined();
  expect(await bucket(s.b, 'blob-owners').keys('*.*')).toEqual([]);
  expect((await store.usage.read({ userId: 'ann' }))[0]!.used).toBe(2 * 'shared'.length);
});
