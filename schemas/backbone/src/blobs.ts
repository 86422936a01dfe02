import { createHash } from 'node:crypto';
import { Objm, type ObjectStore } from '@nats-io/obj';
import { headers } from '@nats-io/nats-core';
import type { BlobRef } from '@pizzapi/protocol';
import { inside, type Backbone, type Connection } from './connection.js';
import { batchOf, lastOf, type DirectBatch, type DirectGet } from './direct.js';
import { patiently } from './kv.js';
import { BLOB_SPEC, BLOB_STORE } from './streams.js';

const HASH = /^[0-9a-f]{64}$/;
const MEDIA_TYPE = 'Content-Type';
const stores = new WeakMap<Backbone, Promise<ObjectStore>>();

function storeOf(b: Backbone): Promise<ObjectStore> {
  const open = stores.get(b) ?? new Objm(inside(b).stateConnection.jsm.jetstream()).open(BLOB_STORE, false);
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

/** Chunks of a blob in one read. */
const READ_CHUNKS = 16;

/** The entry of an object in the store (ADR-20 of NATS), as far as it is needed. */
interface ObjectMeta {
  nuid: string;
  size: number;
  deleted?: boolean;
  headers?: Record<string, string[]>;
}

/**
 * The bytes of a blob, checked against their hash, or undefined when it is not stored. Reads by direct get: the client's
 * own store reads by a consumer that pushes to a subject, which another account does not receive.
 */
export async function getBlob(b: Backbone, hash: string): Promise<Blob | undefined> {
  if (!HASH.test(hash)) return undefined;
  const connection = inside(b).stateConnection;
  const name = Buffer.from(hash).toString('base64url');
  const found = await patiently(async () =>
    answered(await lastOf(connection, BLOB_SPEC.name, `$O.${BLOB_STORE}.M.${padded(name)}`)),
  );
  if (found.kind === 'none') return undefined;
  const meta = JSON.parse(Buffer.from(found.message.payload).toString()) as ObjectMeta;
  if (meta.deleted === true) return undefined;
  const bytes = await readChunks(connection, meta);
  if (createHash('sha256').update(bytes).digest('hex') !== hash) return undefined;
  return { bytes, mediaType: meta.headers?.[MEDIA_TYPE]?.[0] || 'application/octet-stream', size: bytes.byteLength };
}

/** The store pads the names of its entries. */
const padded = (name: string): string => name.padEnd(Math.ceil(name.length / 4) * 4, '=');

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
