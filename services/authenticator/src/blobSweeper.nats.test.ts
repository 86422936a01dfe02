import {
  blobRows,
  BlobStore,
  bucket,
  claimSession,
  deletedKey,
  deletedRows,
  forgetOwner,
  holdLease,
  openWriter,
  requestRpc,
  UNUSED_BLOB_MS,
  type Backbone,
} from '@pizzapi/backbone';
import { silentLogger } from '@pizzapi/process';
import { decode, encode, hostApiSubjects, newId } from '@pizzapi/protocol';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobSweeper, DELETION_MS } from './blobSweeper.js';
import { createAuthenticatorMetrics } from './metrics.js';
import { startSecuredNats, type SecuredNats } from './testing/index.js';

let s: SecuredNats;
let gateway: Backbone;
let authenticator: Backbone;
let store: BlobStore;
let folder: string;

beforeAll(async () => {
  s = await startSecuredNats();
  gateway = await s.connectAs('gateway');
  authenticator = await s.connectAs('authenticator');
  store = new BlobStore(gateway);
  folder = await mkdtemp(join(tmpdir(), 'pizzapi-sweeper-'));
});
afterAll(async () => {
  await s.stop();
  await rm(folder, { recursive: true, force: true });
});

const KEEP = { keep: true };

/** A session with a log and one blob; with the login of an authenticator, as the sweeper reads it. */
async function session(userId = newId('u'), { isLogged = true } = {}) {
  const sid = newId('s');
  const place = { userId, sid };
  const claim = await claimSession(s.admin, { sid, userId, runnerId: 'r' });
  if (claim.kind !== 'granted') throw new Error('refused');
  const append = async () => {
    const writer = await openWriter(s.admin, { sid, epoch: claim.epoch, spoolDir: folder });
    await writer.append({ type: 'agent_start', at: 1 });
    await writer.close();
  };
  if (isLogged) await append();
  const blob = await put(place, 'its file');
  return {
    ...{ userId, sid, place, blob, append },
    has: async (hash = blob) => (await store.get(place, hash)) !== undefined,
    purge: async () => {
      const outcome = await requestRpc(gateway, hostApiSubjects.purge, encode({ sid }), { timeoutMs: 20_000 });
      return outcome.kind === 'ok' ? decode(outcome.body) : outcome.kind;
    },
  };
}

async function put(place: { userId: string; sid: string }, content: string, options = KEEP): Promise<string> {
  const stored = await store.put(place, Buffer.from(content), 'text/plain', options);
  if (stored.kind !== 'stored') throw new Error(stored.kind);
  return stored.ref.blob;
}

const usedBy = async (userId: string) => (await store.usage.read({ userId }))[0]!.used;
const nextDay = () => Date.now() + UNUSED_BLOB_MS + 1;
/** A sweep at some time, beside those of the authenticator itself. */
async function sweep(now: number): Promise<void> {
  const { metrics, admin } = s;
  const deps = {
    b: authenticator,
    admin,
    metrics: createAuthenticatorMetrics(metrics),
    log: silentLogger,
    now: () => now,
  };
  await new BlobSweeper(deps).sweep(new AbortController().signal);
}

describe('the files of a session that is deleted', () => {
  it('go with it, and are given back; those of others stay, also where they are the same', async () => {
    const [gone, same, other] = [await session(), await session(), await session()];
    const fork = await session(gone.userId);
    expect(await gone.purge()).toMatchObject({ kind: 'answer' });
    await forgetOwner(gateway, gone.sid);
    await expect.poll(() => gone.has()).toBe(false);
    await expect.poll(() => usedBy(gone.userId)).toBe('its file'.length);
    await expect.poll(() => deletedRows(gateway).get(deletedKey(gone.userId, gone.sid))).toBeUndefined();
    for (const stays of [same, other, fork]) expect(await stays.has()).toBe(true);
  });

  it('go although the gateway died before it was over, and although an authenticator did', async () => {
    const one = await session();
    for (let i = 0; i < 20; i++) await put(one.place, `file ${i}`);
    await s.authenticator.stop();
    const second = await s.addAuthenticator();
    await one.purge();
    await second.stop();
    await s.addAuthenticator();
    // The next one may have to wait until the lease of the one that died has expired.
    await expect.poll(() => blobRows(gateway).keys(`${one.userId}.`), { timeout: 45_000 }).toEqual([]);
    await expect.poll(() => usedBy(one.userId)).toBe(0);
    // Whose it was is still written down: what its host brings now goes too.
    const late = await put(one.place, 'brought late');
    await expect.poll(() => one.has(late)).toBe(false);
    await forgetOwner(gateway, one.sid);
    await expect.poll(() => deletedRows(gateway).get(deletedKey(one.userId, one.sid))).toBeUndefined();
  });

  it('stay when the session goes on after all', async () => {
    const one = await session();
    await deletedRows(gateway).put(deletedKey(one.userId, one.sid), { at: Date.now() - DELETION_MS - 1 });
    await expect.poll(() => deletedRows(gateway).get(deletedKey(one.userId, one.sid))).toBeUndefined();
    expect(await one.has()).toBe(true);
  });
});

describe('a look at all files', () => {
  it('removes uploads that no input took up within a day, and nothing that a session refers to', async () => {
    const one = await session();
    const unused = await put(one.place, 'unused', { keep: false });
    const used = await put(one.place, 'used', { keep: false });
    await store.keep(one.place, used);
    await sweep(Date.now());
    expect([await one.has(unused), await one.has(used), await one.has()]).toEqual([true, true, true]);
    await sweep(nextDay());
    expect([await one.has(unused), await one.has(used), await one.has()]).toEqual([false, true, true]);
    expect(await usedBy(one.userId)).toBe('its file'.length + 'used'.length);
  });

  it('removes what a session has left that nobody owns, or whose log is gone, but not within a day', async () => {
    const [unowned, unlogged, fine] = [await session(), await session(), await session()];
    await forgetOwner(gateway, unowned.sid);
    const { sid } = unlogged;
    // As when the log's events have expired: nobody was asked to remove anything.
    await requestRpc(
      s.admin,
      `$JS.API.STREAM.PURGE.SESSIONS`,
      Buffer.from(JSON.stringify({ filter: `session.${sid}.events` })),
      {
        timeoutMs: 20_000,
      },
    );
    await sweep(Date.now());
    expect([await unowned.has(), await unlogged.has()]).toEqual([true, true]);
    await sweep(nextDay());
    expect([await unowned.has(), await unlogged.has(), await fine.has()]).toEqual([false, false, true]);
  });

  it('leaves a session alone whose host is there and has not written yet', async () => {
    const one = await session(newId('u'), { isLogged: false });
    const lease = await holdLease(s.admin, `session.${one.sid}`, { epoch: 1 });
    await sweep(nextDay());
    expect(await one.has()).toBe(true);
    if (lease.kind === 'held') await lease.lease.release();
    await sweep(nextDay());
    expect(await one.has()).toBe(false);
  });

  it('removes nothing of a log that was replaced as a whole', async () => {
    const fresh = await startSecuredNats();
    try {
      const b = await fresh.connectAs('authenticator');
      const place = { userId: 'u', sid: 's' };
      await claimSession(fresh.admin, { ...place, runnerId: 'r' });
      const blobs = new BlobStore(fresh.admin);
      await blobs.put(place, Buffer.from('x'), 'x/y', KEEP);
      const { admin, metrics } = fresh;
      const deps = { b, admin, metrics: createAuthenticatorMetrics(metrics), log: silentLogger, now: nextDay };
      await new BlobSweeper(deps).sweep(new AbortController().signal);
      expect(await bucket(fresh.admin, 'blob-owners').keys()).toHaveLength(1);
    } finally {
      await fresh.stop();
    }
  });
});
