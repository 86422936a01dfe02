import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashOf, openObjects } from './blobs.js';
import { ABANDONED_MS, BlobRemoval } from './blobRemoval.js';
import { blobKey, BlobStore, UNUSED_BLOB_MS } from './blobStore.js';
import { blobRows } from './tables.js';
import { internals, type Backbone } from './connection.js';
import { bucket } from './kv.js';
import { provision } from './provision.js';
import { storageSums, StorageUsage, NO_STORAGE_LIMITS, type StorageLimits } from './storageUsage.js';
import { BLOB_SPEC } from './streams.js';
import { startScenario, type BackboneScenario } from './scenario.js';

let s: BackboneScenario;
let b: Backbone;
/** Another process. */
let other: Backbone;

beforeAll(async () => {
  s = await startScenario();
  b = s.b;
  other = await s.connect();
});
afterAll(() => s.end());

let people = 0;
/** A session of an account that nothing was stored for yet. */
const newPlace = (userId = `u${++people}`) => ({ userId, sid: `s${++people}` });
const limits = (more: Partial<StorageLimits>) => ({ ...NO_STORAGE_LIMITS, ...more });
const text = (content: string | number) => Buffer.from(String(content));
const KEEP = { keep: true };
const usedBy = async (userId: string) => (await new StorageUsage(b, NO_STORAGE_LIMITS).read({ userId }))[0]!.used;
const hashOfText = (content: string | number) => hashOf(text(content));

test('a blob is kept once in its session under its hash, counts once, and comes back as it was', async () => {
  const store = new BlobStore(b);
  const place = newPlace();
  const bytes = Buffer.alloc(300_000, 'pizza');
  const ref = { blob: hashOf(bytes), size: 300_000, mediaType: 'image/png' };
  for (let i = 0; i < 2; i++) expect(await store.put(place, bytes, 'image/png', KEEP)).toEqual({ kind: 'stored', ref });
  const found = await store.get(place, ref.blob);
  expect(found && Buffer.from(found.bytes).equals(bytes)).toBe(true);
  expect(found?.mediaType).toBe('image/png');
  expect(await usedBy(place.userId)).toBe(300_000);
  for (const hash of ['0'.repeat(64), '../x', `${ref.blob}.x`]) expect(await store.get(place, hash)).toBeUndefined();
});

test('what one account stores has its own media type and its own end, whoever else has the same bytes', async () => {
  const store = new BlobStore(b);
  const [ann, bob] = [newPlace(), newPlace()];
  const hash = hashOfText('the same');
  await store.put(ann, text('the same'), 'text/html', KEEP);
  await store.put(bob, text('the same'), 'image/png', KEEP);
  expect((await store.get(ann, hash))?.mediaType).toBe('text/html');
  expect((await store.get(bob, hash))?.mediaType).toBe('image/png');
  expect(await new BlobRemoval(b).remove(blobKey(ann, hash))).toBe('removed');
  expect(await store.get(ann, hash)).toBeUndefined();
  expect(Buffer.from((await store.get(bob, hash))!.bytes).toString()).toBe('the same');
  expect([await usedBy(ann.userId), await usedBy(bob.userId)]).toEqual([0, 8]);
});

test('so has each session of one account: a fork, a child or a copy outlives what it was made of', async () => {
  const store = new BlobStore(b);
  const first = newPlace();
  const second = newPlace(first.userId);
  const hash = hashOfText('shared');
  await store.put(first, text('shared'), 'text/plain', KEEP);
  expect(await store.get(second, hash)).toBeUndefined();
  expect(await store.copy(second, hash)).toMatchObject({ kind: 'stored', ref: { size: 6, mediaType: 'text/plain' } });
  expect(await store.copy({ ...newPlace() }, hash)).toEqual({ kind: 'missing' });
  await new BlobRemoval(b).remove(blobKey(first, hash));
  expect((await store.get(second, hash))?.size).toBe(6);
});

test('the first to bring it says what it is, but the word of a guest is replaced by the session’s own', async () => {
  const store = new BlobStore(b);
  const place = newPlace();
  const typed = async (mediaType: string, link?: string) => {
    await store.put(place, text('a picture'), mediaType, { link, keep: true });
    return (await store.find(place, hashOfText('a picture')))?.mediaType;
  };
  expect(await typed('text/html', 'link')).toBe('text/html');
  expect(await typed('text/xml', 'link')).toBe('text/html');
  expect(await typed('image/png')).toBe('image/png');
  expect(await typed('text/html', 'link')).toBe('image/png');
});

test('each limit refuses the first byte too much and says which it is; nothing is charged by halves', async () => {
  const account = 'of-limits';
  const store = new BlobStore(b, { account: 100, session: 60, link: 25 });
  const put = (sid: string, size: number, link?: string) =>
    store.put({ userId: account, sid }, Buffer.alloc(size, `${sid}${link}${size}`), 'x/y', { link, keep: true });
  expect((await put('a', 25, 'l')).kind).toBe('stored');
  expect(await put('a', 1, 'l')).toMatchObject({ shortage: { of: 'link', used: 25, limit: 25, adding: 1 } });
  expect((await put('a', 35)).kind).toBe('stored');
  expect(await put('a', 1)).toMatchObject({ shortage: { of: 'session', used: 60, limit: 60 } });
  expect((await put('b', 40)).kind).toBe('stored');
  expect(await put('c', 1, 'other')).toMatchObject({ shortage: { of: 'account', used: 100, limit: 100 } });
  expect(await store.usage.read({ userId: account, sid: 'c', link: 'other' })).toEqual([
    { of: 'link', used: 0, limit: 25 },
    { of: 'session', used: 0, limit: 60 },
    { of: 'account', used: 100, limit: 100 },
  ]);
  // What is there already takes no more room.
  expect((await put('b', 40)).kind).toBe('stored');
  expect(await store.usage.sessionsOf(account)).toEqual(
    new Map([
      ['a', 60],
      ['b', 40],
    ]),
  );
});

test('however many upload at once through however many processes, no more is stored than may be', async () => {
  const userId = 'of-many';
  const stores = [b, other].map((of) => new BlobStore(of, limits({ account: 1_000 })));
  const outcomes = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      stores[i % 2]!.put({ userId, sid: `s${i % 7}` }, Buffer.alloc(50, `${i} `), 'x/y', KEEP),
    ),
  );
  expect(outcomes.filter(({ kind }) => kind === 'stored')).toHaveLength(20);
  expect(await usedBy(userId)).toBe(1_000);
  expect((await blobRows(b).keys(`${userId}.`)).length).toBe(20);
});

test('the same bytes from both sides at once are charged once', async () => {
  const place = newPlace();
  const stores = [b, other, b, other].map((of) => new BlobStore(of, limits({ account: 10 })));
  const outcomes = await Promise.all(stores.map((store) => store.put(place, text('0123456'), 'x/y', KEEP)));
  // One may meet the charge of another that is just being given back: then it is told that there is no room.
  expect(outcomes.some(({ kind }) => kind === 'stored')).toBe(true);
  expect(await usedBy(place.userId)).toBe(7);
});

test('what is used survives the server, and is given back when it is removed', async () => {
  const store = new BlobStore(b, limits({ account: 10 }));
  const place = newPlace();
  expect((await store.put(place, text('12345678'), 'x/y', KEEP)).kind).toBe('stored');
  await s.nats.restart();
  expect((await new BlobStore(other, limits({ account: 10 })).put(place, text('another'), 'x/y', KEEP)).kind).toBe(
    'full',
  );
  await new BlobRemoval(b).remove(blobKey(place, hashOfText('12345678')));
  expect((await store.put(place, text('another'), 'x/y', KEEP)).kind).toBe('stored');
});

test('an upload that nothing refers to goes after its day, one that was kept does not', async () => {
  const store = new BlobStore(b);
  const removal = new BlobRemoval(b);
  const place = newPlace();
  for (const name of ['unused', 'kept']) await store.put(place, text(name), 'x/y', { keep: false });
  await store.keep(place, hashOfText('kept'));
  const nextDay = Date.now() + UNUSED_BLOB_MS + 1;
  const remove = (name: string, at: number) => removal.remove(blobKey(place, hashOfText(name)), at);
  expect(await remove('unused', Date.now())).toBe('in_use');
  expect(await remove('unused', nextDay)).toBe('removed');
  expect(await remove('unused', nextDay)).toBe('gone');
  expect(await remove('kept', nextDay)).toBe('in_use');
  expect((await store.get(place, hashOfText('kept')))?.size).toBe(4);
  expect(await store.keep(place, hashOfText('unused'))).toBeUndefined();
});

test('of who takes an upload up and who removes it in the same moment one wins, and the other knows', async () => {
  const store = new BlobStore(b);
  const removal = new BlobRemoval(other);
  const nextDay = Date.now() + UNUSED_BLOB_MS + 1;
  const place = newPlace();
  for (let i = 0; i < 40; i++) {
    await store.put(place, text(i), 'x/y', { keep: false });
    const [kept, removed] = await Promise.all([
      store.keep(place, hashOfText(i)),
      removal.remove(blobKey(place, hashOfText(i)), nextDay),
    ]);
    const isThere = (await store.get(place, hashOfText(i))) !== undefined;
    expect([kept !== undefined, removed === 'in_use']).toEqual([isThere, isThere]);
  }
});

test('bytes that are brought while they are removed are there afterwards', async () => {
  const store = new BlobStore(b);
  const removal = new BlobRemoval(other);
  const place = newPlace();
  for (let i = 0; i < 20; i++) {
    await store.put(place, text(i), 'x/y', KEEP);
    const [again] = await Promise.all([
      store.put(place, text(i), 'x/y', KEEP),
      removal.remove(blobKey(place, hashOfText(i))),
    ]);
    expect(again.kind).toBe('stored');
    // The removal of the whole session may have come last: then both are over, and nothing is left of either.
    const rows = await blobRows(b).keys(`${place.userId}.`);
    const isThere = (await store.get(place, hashOfText(i))) !== undefined;
    expect(rows.includes(blobKey(place, hashOfText(i)))).toBe(isThere);
    await removal.remove(blobKey(place, hashOfText(i)));
  }
  expect(await usedBy(place.userId)).toBe(0);
});

test('who reads what is removed in the same moment has all of it or none', async () => {
  const store = new BlobStore(b);
  const removal = new BlobRemoval(other);
  const place = newPlace();
  // As many chunks as take several answers.
  const bytes = (i: number) => Buffer.alloc(3_000_000, `${i} `);
  for (let i = 0; i < 12; i++) {
    const hash = hashOf(bytes(i));
    await store.put(place, bytes(i), 'x/y', KEEP);
    const reads = Array.from({ length: 4 }, () => store.get(place, hash));
    await removal.remove(blobKey(place, hash));
    for (const found of await Promise.all(reads)) if (found !== undefined) expect(found.size).toBe(3_000_000);
    expect(await store.get(place, hash)).toBeUndefined();
  }
});

test('a removal that was broken off is finished, and meanwhile nobody is served half of it', async () => {
  const store = new BlobStore(b);
  const place = newPlace();
  const key = blobKey(place, hashOfText('half'));
  await store.put(place, text('half'), 'x/y', KEEP);
  const rows = blobRows(b);
  const row = (await rows.get(key))!;
  await rows.update(key, { ...row.value, leaving: true }, row.revision);
  expect(await store.get(place, hashOfText('half'))).toBeUndefined();
  const again = store.put(place, text('half'), 'x/y', KEEP);
  expect(await new BlobRemoval(other).remove(key)).toBe('removed');
  expect((await again).kind).toBe('stored');
  expect((await store.get(place, hashOfText('half')))?.size).toBe(4);
});

test('a count that a crash has left wrong is put right, and one that is changing is left alone', async () => {
  const store = new BlobStore(b);
  const place = newPlace();
  await store.put(place, text('12345'), 'x/y', { keep: true, link: 'l' });
  const { usage } = store;
  // Charged, and never stored: the process died.
  await usage.charge({ ...place, link: 'l' }, 1_000);
  const recount = async (quietMs: number) =>
    usage.recount(await usage.snapshot(), storageSums(await blobRows(b).all()), quietMs);
  await recount(60_000);
  expect((await usage.read({ ...place, link: 'l' })).map(({ used }) => used)).toEqual([1_005, 1_005, 1_005]);
  await recount(-1);
  expect((await usage.read({ ...place, link: 'l' })).map(({ used }) => used)).toEqual([5, 5, 5]);
  expect(await recount(-1)).toBe(0);
});

test('what no row tells of is removed once it is old: bytes that were never finished, and an object without a row', async () => {
  const { jsm, nc } = internals(b);
  const store = new BlobStore(b);
  const place = newPlace();
  await store.put(place, text('stays'), 'x/y', KEEP);
  await store.put(place, text('goes'), 'x/y', KEEP);
  await blobRows(b).delete(blobKey(place, hashOfText('goes')));
  nc.publish('$O.session-blobs.C.unfinished', text('half of a picture'));
  await nc.flush();
  const subjects = async () =>
    Object.keys((await jsm.streams.info(BLOB_SPEC.name, { subjects_filter: '>' })).state.subjects ?? {});
  const removal = new BlobRemoval(b);
  expect(await removal.removeAbandoned(Date.now())).toBe(0);
  expect(await subjects()).toContain('$O.session-blobs.C.unfinished');
  expect(await removal.removeAbandoned(Date.now() + ABANDONED_MS)).toBeGreaterThanOrEqual(2);
  expect(await subjects()).not.toContain('$O.session-blobs.C.unfinished');
  expect(await (await openObjects(b)).info(blobKey(place, hashOfText('goes')))).toBeNull();
  expect((await store.get(place, hashOfText('stays')))?.size).toBe(5);
});

test('a store that is full says so, and takes what fits once there is room', async () => {
  const store = new BlobStore(b);
  const place = newPlace();
  const { jsm } = internals(b);
  const { state } = await jsm.streams.info(BLOB_SPEC.name);
  await provision(b, { blobBytes: state.bytes + 200_000 });
  const large = Buffer.alloc(300_000, 'x');
  expect(await store.put(place, large, 'x/y', KEEP)).toEqual({ kind: 'full', shortage: { of: 'relay' } });
  expect((await store.put(place, text('small'), 'x/y', KEEP)).kind).toBe('stored');
  await provision(b, { blobBytes: -1 });
  expect((await store.put(place, large, 'x/y', KEEP)).kind).toBe('stored');
});

test('rows of another shape are passed over', async () => {
  await bucket(b, 'blob-owners').put('u.s.x', { at: 1 });
  expect(await new BlobStore(b).find({ userId: 'u', sid: 's' }, 'a'.repeat(64))).toBeUndefined();
});
