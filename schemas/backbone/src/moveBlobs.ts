import { decode, isMap } from '@pizzapi/protocol';
import { getObject } from './blobs.js';
import { BlobRemoval } from './blobRemoval.js';
import { BlobStore } from './blobStore.js';
import type { Backbone } from './connection.js';
import { bucket } from './kv.js';
import { ownerOf } from './owners.js';
import { replay } from './replay.js';

const HASH = /^[0-9a-f]{64}$/;

/**
 * An earlier version kept one object for all who had brought the same bytes, and a row `<sha256>.<userId>` for each
 * account. Gives every session whose log refers to such a blob one of its own, then removes the old ones. Doing it
 * again, also after it was broken off, changes nothing; with the provisioner's login, after `provision`.
 */
export async function moveBlobs(admin: Backbone): Promise<void> {
  const rows = bucket<unknown>(admin, 'blob-owners');
  const old = new Set(await rows.keys('*.*'));
  if (old.size === 0) return;
  const store = new BlobStore(admin);
  const sids = (await bucket(admin, 'owners').keys()).filter((key) => !key.includes('.'));
  for (const sid of sids) {
    const owner = await ownerOf(admin, sid);
    if (owner === undefined) continue;
    const { userId } = owner;
    for (const hash of await hashesIn(admin, sid)) {
      if (!old.has(`${hash}.${userId}`)) continue;
      const blob = await getObject(admin, hash);
      if (blob !== undefined) await store.put({ userId, sid }, blob.bytes, blob.mediaType, { keep: true });
    }
  }
  const removal = new BlobRemoval(admin);
  for (const key of old) {
    const [hash] = key.split('.');
    await removal.removeObject(hash!);
    await rows.delete(key);
  }
}

/** The hashes that stand in a session's log where events name blobs. */
async function hashesIn(b: Backbone, sid: string): Promise<Set<string>> {
  const hashes = new Set<string>();
  for await (const events of replay(b, sid)) for (const { payload } of events) collect(decode(payload), hashes);
  return hashes;
}

function collect(value: unknown, hashes: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collect(item, hashes);
  if (!isMap(value)) return;
  for (const [key, item] of Object.entries(value)) {
    if (key === 'blob' && typeof item === 'string' && HASH.test(item)) hashes.add(item);
    else collect(item, hashes);
  }
}
