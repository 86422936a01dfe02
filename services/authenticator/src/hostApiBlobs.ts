import { bucket, type Backbone, type Blob, type BlobPlace, type BlobStore, type Bucket } from '@pizzapi/backbone';
import type { StorageShortage } from '@pizzapi/backbone';
import { HOST_API_PART_BYTES, type HostApiRequest, type HostApiReplies } from '@pizzapi/protocol';
import { createHash } from 'node:crypto';

/** What a blob may have, in bytes. */
export const MAX_BLOB_BYTES = 64 * 1024 * 1024;
/** How long the parts of a blob wait for the others, in ms. */
export const PARTS_TTL_MS = 120_000;
/** Parts of one account that may wait when a new blob begins, and at all, in bytes: all accounts share a bucket. */
export const PARTS_TO_BEGIN_BYTES = 128 * 1024 * 1024;
export const PARTS_BYTES = 256 * 1024 * 1024;
/** Whole blobs kept for the next part that is asked for: so many bytes, for so long in ms. */
const KEPT_BYTES = 32 * 1024 * 1024;
const KEPT_MS = 30_000;

type Put = Extract<HostApiRequest, { verb: 'put_blob' }>;
type Get = Extract<HostApiRequest, { verb: 'get_blob' }>;

export type PutOutcome =
  | { kind: 'answer'; stored: boolean }
  | { kind: 'invalid'; why: string }
  | { kind: 'too_large' }
  /** A limit of the account or the session is reached. */
  | { kind: 'full'; shortage: StorageShortage }
  /** Too many parts of the account wait for others: the same part may be sent again. */
  | { kind: 'busy' }
  /** A part before this one is not there any more: the blob has to be sent again. */
  | { kind: 'parts_missing' };

/**
 * Stores and reads blobs for hosts, part by part. Parts wait in a bucket, not in memory: the next one may be for another
 * authenticator. A session has the blobs that were stored for it: knowing a hash is not having the bytes.
 */
export class HostApiBlobs {
  private readonly parts: Bucket<{ bytes: Uint8Array }>;
  private kept: { name: string; blob: Blob; until: number } | undefined;

  constructor(
    b: Backbone,
    private readonly store: BlobStore,
  ) {
    this.parts = bucket(b, 'blob-parts');
  }

  async put({ userId, sid }: BlobPlace, request: Put): Promise<PutOutcome> {
    const { blob, size, offset, mediaType } = request;
    const bytes = bytesOf(request.bytes);
    const length = Math.min(HOST_API_PART_BYTES, size - offset);
    if (size > MAX_BLOB_BYTES) return { kind: 'too_large' };
    if (bytes === undefined || offset % HOST_API_PART_BYTES !== 0 || bytes.byteLength !== length || length <= 0)
      return { kind: 'invalid', why: `Each part except the last must have ${HOST_API_PART_BYTES} bytes` };
    const key = (at: number): string => `${userId}.${blob}.${at}`;
    if (offset + length < size) {
      const refused = await this.refusalOfPart({ userId, sid }, request);
      if (refused !== undefined) return refused;
      await this.parts.put(key(offset), { bytes }, { ttlMs: PARTS_TTL_MS });
      return { kind: 'answer', stored: false };
    }
    const before: Uint8Array[] = [];
    for (let at = 0; at < offset; at += HOST_API_PART_BYTES) {
      const part = bytesOf((await this.parts.get(key(at)))?.value.bytes);
      if (part === undefined) return { kind: 'parts_missing' };
      before.push(part);
    }
    const whole = Buffer.concat([...before, bytes]);
    if (createHash('sha256').update(whole).digest('hex') !== blob)
      return { kind: 'invalid', why: 'The bytes do not match the hash' };
    const stored = await this.store.put({ userId, sid }, whole, mediaType, { keep: true });
    if (stored.kind === 'full') return stored;
    await Promise.all(
      before.map((_, index) => this.parts.delete(key(index * HOST_API_PART_BYTES), { markerMs: 1_000 })),
    );
    return { kind: 'answer', stored: true };
  }

  /** Undefined when the session has no such blob. */
  async get(place: BlobPlace, { blob: hash, offset }: Get): Promise<HostApiReplies['get_blob'] | undefined> {
    if ((await this.store.find(place, hash)) === undefined) return undefined;
    const found = await this.whole(place, hash);
    if (found === undefined) return undefined;
    const { bytes, size, mediaType } = found;
    return { kind: 'answer', size, mediaType, bytes: bytes.subarray(offset, offset + HOST_API_PART_BYTES) };
  }

  /** Why a part that is not the last may not wait here, if anything. What has no room is refused with its first part. */
  private async refusalOfPart(place: BlobPlace, { blob, size, offset }: Put): Promise<PutOutcome | undefined> {
    const waiting = (await this.parts.count(`${place.userId}.`)) * HOST_API_PART_BYTES;
    if (waiting >= (offset === 0 ? PARTS_TO_BEGIN_BYTES : PARTS_BYTES)) return { kind: 'busy' };
    if (offset > 0 || (await this.store.find(place, blob)) !== undefined) return undefined;
    const shortage = await this.store.usage.shortage(place, size);
    return shortage && { kind: 'full', shortage };
  }

  private async whole(place: BlobPlace, hash: string): Promise<Blob | undefined> {
    const name = `${place.userId}.${place.sid}.${hash}`;
    if (this.kept?.name === name && this.kept.until > Date.now()) return this.kept.blob;
    const blob = await this.store.get(place, hash);
    if (blob !== undefined && blob.size > HOST_API_PART_BYTES && blob.size <= KEPT_BYTES)
      this.kept = { name, blob, until: Date.now() + KEPT_MS };
    return blob;
  }
}

function bytesOf(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}
