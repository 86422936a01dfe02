import { createHash } from 'node:crypto';
import { bucket, getBlob, putBlob, type Backbone, type Blob, type Bucket } from '@pizzapi/backbone';
import { DESK_PART_BYTES, type DeskRequest, type DeskReplies } from '@pizzapi/protocol';
import { blobOwnerRows } from './tables.js';

/** What a blob may have, in bytes. */
export const MAX_BLOB_BYTES = 64 * 1024 * 1024;
/** How long the parts of a blob wait for the others, in ms. */
export const PARTS_TTL_MS = 120_000;
/** Whole blobs kept for the next part that is asked for: so many bytes, for so long in ms. */
const KEPT_BYTES = 32 * 1024 * 1024;
const KEPT_MS = 30_000;

type Put = Extract<DeskRequest, { verb: 'put_blob' }>;
type Get = Extract<DeskRequest, { verb: 'get_blob' }>;

export type PutOutcome =
  | { kind: 'answer'; stored: boolean }
  | { kind: 'invalid'; why: string }
  /** A part before this one is not there any more: the blob has to be sent again. */
  | { kind: 'parts_missing' };

/**
 * Stores and reads blobs for hosts, part by part. Parts wait in a bucket, not in memory: the next one may be for another
 * authenticator. Whose a blob is, is written down: knowing a hash is not having the bytes.
 */
export class DeskBlobs {
  private readonly parts: Bucket<{ bytes: Uint8Array }>;
  private readonly owners;
  private kept: { hash: string; blob: Blob; until: number } | undefined;

  constructor(private readonly b: Backbone) {
    this.parts = bucket(b, 'blob-parts');
    this.owners = blobOwnerRows(b);
  }

  async put(userId: string, request: Put): Promise<PutOutcome> {
    const { blob, size, offset, mediaType } = request;
    const bytes = bytesOf(request.bytes);
    const length = Math.min(DESK_PART_BYTES, size - offset);
    if (size > MAX_BLOB_BYTES) return { kind: 'invalid', why: `A blob may have ${MAX_BLOB_BYTES} bytes` };
    if (bytes === undefined || offset % DESK_PART_BYTES !== 0 || bytes.byteLength !== length || length <= 0)
      return { kind: 'invalid', why: `A part has ${DESK_PART_BYTES} bytes, and the last one the rest` };
    const key = (at: number): string => `${userId}.${blob}.${at}`;
    if (offset + length < size) {
      await this.parts.put(key(offset), { bytes }, { ttlMs: PARTS_TTL_MS });
      return { kind: 'answer', stored: false };
    }
    const before: Uint8Array[] = [];
    for (let at = 0; at < offset; at += DESK_PART_BYTES) {
      const part = bytesOf((await this.parts.get(key(at)))?.value.bytes);
      if (part === undefined) return { kind: 'parts_missing' };
      before.push(part);
    }
    const whole = Buffer.concat([...before, bytes]);
    if (createHash('sha256').update(whole).digest('hex') !== blob)
      return { kind: 'invalid', why: 'The bytes are not those of the hash' };
    await putBlob(this.b, whole, mediaType);
    await this.owners.put(`${blob}.${userId}`, { at: Date.now() });
    await Promise.all(before.map((_, index) => this.parts.delete(key(index * DESK_PART_BYTES), { markerMs: 1_000 })));
    return { kind: 'answer', stored: true };
  }

  /** Undefined when this account has no such blob. */
  async get(userId: string, { blob: hash, offset }: Get): Promise<DeskReplies['get_blob'] | undefined> {
    if ((await this.owners.get(`${hash}.${userId}`)) === undefined) return undefined;
    const found = await this.whole(hash);
    if (found === undefined) return undefined;
    const { bytes, size, mediaType } = found;
    return { kind: 'answer', size, mediaType, bytes: bytes.subarray(offset, offset + DESK_PART_BYTES) };
  }

  private async whole(hash: string): Promise<Blob | undefined> {
    if (this.kept?.hash === hash && this.kept.until > Date.now()) return this.kept.blob;
    const blob = await getBlob(this.b, hash);
    if (blob !== undefined && blob.size > DESK_PART_BYTES && blob.size <= KEPT_BYTES)
      this.kept = { hash, blob, until: Date.now() + KEPT_MS };
    return blob;
  }
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}
