import { createHash } from 'node:crypto';
import { Objm, type ObjectInfo, type ObjectStore } from '@nats-io/obj';
import { headers } from '@nats-io/nats-core';
import { CodedError } from '@pizzapi/protocol';
import { RetryDelay } from './retryDelay.js';
import { internals, type Backbone, type BackboneConnection } from './connection.js';
import { batchOf } from './direct.js';
import { infoOf } from './streamInfo.js';
import { BLOB_SPEC, BLOB_STORE } from './streams.js';

/** The objects of the store, by their names. What is stored for whom, and how much of it, is the `BlobStore`'s to say. */

const MEDIA_TYPE = 'Content-Type';
/** How long the bytes of an object whose entry is there may be missing, in ms. */
const READ_MS = 10_000;
/** Chunks, of 128 KiB each, that are asked for at once. */
const CHUNKS_AT_ONCE = 8;
/** What an object takes beside its bytes, at most: a part of it for its chunks, and its entry. */
const OVERHEAD = { part: 0.02, entry: 4_096 };

const stores = new WeakMap<Backbone, Promise<ObjectStore>>();

export function openObjects(b: Backbone): Promise<ObjectStore> {
  const open = stores.get(b) ?? new Objm(internals(b).stateConnection.jsm.jetstream()).open(BLOB_STORE, false);
  stores.set(b, open);
  open.catch(() => stores.delete(b));
  return open;
}

/** The subjects of all chunks, and of those of one object. */
export const CHUNKS = `$O.${BLOB_STORE}.C.`;
export const chunksOf = (nuid: string): string => CHUNKS + nuid;

/** What the store says of an object, or null. Throws `unavailable`. */
export async function entryOf(b: Backbone, name: string): Promise<ObjectInfo | null> {
  try {
    const found = await (await openObjects(b)).info(name);
    return found === null || found.deleted ? null : found;
  } catch (cause) {
    throw new CodedError('unavailable', 'The object store did not answer', { cause });
  }
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
  if ((await entryOf(b, name))?.size === bytes.byteLength) return 'stored';
  const meta = headers();
  meta.set(MEDIA_TYPE, mediaType);
  try {
    const store = await openObjects(b);
    await store.putBlob({ name, headers: meta }, bytes);
    return 'stored';
  } catch (cause) {
    // The server's refusal is hidden by what failed after it: services may not purge what was stored so far.
    if (await isFull(b, bytes.byteLength)) return 'full';
    throw new CodedError('unavailable', 'The blob was not stored', { cause });
  }
}

async function isFull(b: Backbone, size: number): Promise<boolean> {
  const info = await infoOf(internals(b).stateConnection, BLOB_SPEC.name);
  const most = info?.config.max_bytes ?? -1;
  return most > 0 && (info?.state.bytes ?? 0) + size * (1 + OVERHEAD.part) + OVERHEAD.entry > most;
}

/**
 * The object of a name, or undefined when there is none. Read in pieces by direct gets: the library's way waits for ever
 * for bytes that were removed after it began. Throws `unavailable` when they do not come.
 */
export async function getObject(b: Backbone, name: string): Promise<Blob | undefined> {
  const retry = new RetryDelay();
  const deadline = Date.now() + READ_MS;
  for (;;) {
    const found = await entryOf(b, name);
    if (found === null) return undefined;
    const bytes = await readChunks(internals(b).stateConnection, found.nuid, found.size);
    if (bytes !== undefined)
      return { bytes, mediaType: found.headers?.get(MEDIA_TYPE) || 'application/octet-stream', size: bytes.byteLength };
    // Removed in this moment, which its entry will say, or not on this server yet.
    if (Date.now() > deadline) throw new CodedError('unavailable', 'The blob was not received');
    await retry.wait();
  }
}

/** The bytes of an object, or undefined when they are not all there. */
async function readChunks(connection: BackboneConnection, nuid: string, size: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = 1; length < size;) {
    const batch = await batchOf(connection, BLOB_SPEC.name, chunksOf(nuid), next, CHUNKS_AT_ONCE);
    const last = batch.kind === 'read' ? batch.messages.at(-1) : undefined;
    if (batch.kind !== 'read' || last === undefined) return undefined;
    for (const { payload } of batch.messages) {
      chunks.push(payload);
      length += payload.byteLength;
    }
    next = last.seq + 1;
  }
  return length === size ? Buffer.concat(chunks) : undefined;
}
