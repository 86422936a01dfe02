import { createHash } from 'node:crypto';
import { Objm, type ObjectStore } from '@nats-io/obj';
import { headers } from '@nats-io/nats-core';
import { CodedError } from '@pizzapi/protocol';
import { inside, type Backbone } from './connection.js';
import { infoOf } from './provision.js';
import { BLOB_SPEC, BLOB_STORE } from './streams.js';

/** The objects of the store, by their names. What is stored for whom, and how much of it, is the `BlobStore`'s to say. */

const MEDIA_TYPE = 'Content-Type';
/** How long an object may take to be read, in ms: one whose bytes were removed meanwhile never comes. */
const READ_MS = 30_000;
/** What an object takes beside its bytes, at most: a part of it for its chunks, and its entry. */
const OVERHEAD = { part: 0.02, entry: 4_096 };

const stores = new WeakMap<Backbone, Promise<ObjectStore>>();

export function openObjects(b: Backbone): Promise<ObjectStore> {
  const open = stores.get(b) ?? new Objm(inside(b).stateConnection.nc).open(BLOB_STORE, false);
  stores.set(b, open);
  open.catch(() => stores.delete(b));
  return open;
}

export interface Blob {
  bytes: Uint8Array;
  mediaType: string;
  size: number;
}

/** SHA-256 in hex: what a blob is called. */
export const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** `full`: the store of all blobs has no room for it. */
export type PutObject = 'stored' | 'full';

/** Stores bytes under a name; those that are there already are left. Throws `unavailable`. */
export async function putObject(b: Backbone, name: string, bytes: Uint8Array, mediaType: string): Promise<PutObject> {
  const store = await openObjects(b);
  const found = await store.info(name);
  if (found !== null && !found.deleted && found.size === bytes.byteLength) return 'stored';
  const meta = headers();
  meta.set(MEDIA_TYPE, mediaType);
  try {
    await store.putBlob({ name, headers: meta }, bytes);
    return 'stored';
  } catch (cause) {
    // The server's refusal is hidden by what failed after it: services may not purge what was stored so far.
    if (await isFull(b, bytes.byteLength)) return 'full';
    throw new CodedError('unavailable', 'The blob was not stored', { cause });
  }
}

async function isFull(b: Backbone, size: number): Promise<boolean> {
  const info = await infoOf(inside(b).stateConnection, BLOB_SPEC.name);
  const most = info?.config.max_bytes ?? -1;
  return most > 0 && (info?.state.bytes ?? 0) + size * (1 + OVERHEAD.part) + OVERHEAD.entry > most;
}

/** The object of a name, or undefined when there is none. Throws `unavailable` when its bytes do not come. */
export async function getObject(b: Backbone, name: string): Promise<Blob | undefined> {
  const store = await openObjects(b);
  const found = await store.info(name);
  if (found === null || found.deleted) return undefined;
  const bytes = await inTime(store.getBlob(name));
  if (bytes === null) return undefined;
  return { bytes, mediaType: found.headers?.get(MEDIA_TYPE) || 'application/octet-stream', size: bytes.byteLength };
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CodedError('unavailable', 'The blob did not come')), READ_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
