import { createHash } from 'node:crypto';
import { Objm, type ObjectStore } from '@nats-io/obj';
import { headers } from '@nats-io/nats-core';
import { CodedError } from '@pizzapi/protocol';
import { inside, type Backbone, type Connection } from './connection.js';
import { batchOf, lastOf, type DirectBatch, type DirectGet } from './direct.js';
import { patiently } from './kv.js';
import { infoOf } from './provision.js';
import { BLOB_SPEC, BLOB_STORE } from './streams.js';

/** The objects of the store, by their names. What is stored for whom, and how much of it, is the `BlobStore`'s to say. */

const MEDIA_TYPE = 'Content-Type';
/** Chunks of an object in one read. */
const READ_CHUNKS = 16;
/** What an object takes beside its bytes, at most: a part of it for its chunks, and its entry. */
const OVERHEAD = { part: 0.02, entry: 4_096 };

const stores = new WeakMap<Backbone, Promise<ObjectStore>>();

export function openObjects(b: Backbone): Promise<ObjectStore> {
  const open = stores.get(b) ?? new Objm(inside(b).stateConnection.jsm.jetstream()).open(BLOB_STORE, false);
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

/** The entry of an object in the store (ADR-20 of NATS), as far as it is needed. */
interface ObjectMeta {
  nuid: string;
  size: number;
  deleted?: boolean;
  headers?: Record<string, string[]>;
}

/**
 * The object of a name, or undefined when there is none, or its bytes were removed meanwhile. Throws `unavailable`. Reads
 * by direct get: the client's own store reads by a consumer that pushes to a subject, which another account does not
 * receive.
 */
export async function getObject(b: Backbone, name: string): Promise<Blob | undefined> {
  const connection = inside(b).stateConnection;
  const subject = `$O.${BLOB_STORE}.M.${encodedName(name)}`;
  const found = await patiently(async () => answered(await lastOf(connection, BLOB_SPEC.name, subject)));
  if (found.kind === 'none') return undefined;
  const meta = JSON.parse(Buffer.from(found.message.payload).toString()) as ObjectMeta;
  if (meta.deleted === true) return undefined;
  const bytes = await readChunks(connection, meta);
  if (bytes.byteLength !== meta.size) return undefined;
  return { bytes, mediaType: meta.headers?.[MEDIA_TYPE]?.[0] || 'application/octet-stream', size: bytes.byteLength };
}

/** The store keeps names as base 64 for addresses, with padding. */
const encodedName = (name: string): string =>
  Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_');

async function readChunks(connection: Connection, { nuid, size }: ObjectMeta): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const subject = `$O.${BLOB_STORE}.C.${nuid}`;
  for (let from = 1, left = size; left > 0;) {
    const read = await patiently(async () =>
      answered(await batchOf(connection, BLOB_SPEC.name, subject, from, READ_CHUNKS)),
    );
    for (const { payload, seq } of read.messages) {
      chunks.push(payload);
      left -= payload.byteLength;
      from = seq + 1;
    }
    if (read.messages.length === 0) break;
  }
  return Buffer.concat(chunks);
}

const answered = <A extends DirectGet | DirectBatch>(answer: A): Exclude<A, { kind: 'unavailable' }> | undefined =>
  answer.kind === 'unavailable' ? undefined : (answer as Exclude<A, { kind: 'unavailable' }>);
