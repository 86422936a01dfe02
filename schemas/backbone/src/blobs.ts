import { createHash } from 'node:crypto';
import { Objm, type ObjectStore } from '@nats-io/obj';
import { headers } from '@nats-io/nats-core';
import type { BlobRef } from '@pizzapi/protocol';
import { inside, type Backbone } from './connection.js';
import { BLOB_STORE } from './streams.js';

const HASH = /^[0-9a-f]{64}$/;
const MEDIA_TYPE = 'Content-Type';
const stores = new WeakMap<Backbone, Promise<ObjectStore>>();

function storeOf(b: Backbone): Promise<ObjectStore> {
  const open = stores.get(b) ?? new Objm(inside(b).stateConnection.nc).open(BLOB_STORE, false);
  stores.set(b, open);
  open.catch(() => stores.delete(b));
  return open;
}

/** Keeps bytes under their SHA-256 and says how an event refers to them. The same bytes are kept once. */
export async function putBlob(b: Backbone, bytes: Uint8Array, mediaType: string): Promise<BlobRef> {
  const blob = createHash('sha256').update(bytes).digest('hex');
  const store = await storeOf(b);
  const ref = { blob, size: bytes.byteLength, mediaType };
  const found = await store.info(blob);
  if (found !== null && !found.deleted && found.size === bytes.byteLength) return ref;
  const meta = headers();
  meta.set(MEDIA_TYPE, mediaType);
  await store.putBlob({ name: blob, headers: meta }, bytes);
  return ref;
}

export interface Blob {
  bytes: Uint8Array;
  mediaType: string;
  size: number;
}

/** The bytes of a blob, checked against their hash, or undefined when it is not stored. */
export async function getBlob(b: Backbone, hash: string): Promise<Blob | undefined> {
  if (!HASH.test(hash)) return undefined;
  const store = await storeOf(b);
  const found = await store.info(hash);
  if (found === null || found.deleted) return undefined;
  const bytes = await store.getBlob(hash);
  if (bytes === null || createHash('sha256').update(bytes).digest('hex') !== hash) return undefined;
  return { bytes, mediaType: found.headers?.get(MEDIA_TYPE) || 'application/octet-stream', size: bytes.byteLength };
}
