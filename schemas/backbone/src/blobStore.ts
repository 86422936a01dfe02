import { CodedError, type BlobRef, type BlobRow } from '@pizzapi/protocol';
import { sleep } from '@pizzapi/process';
import { getObject, hashOf, putObject, type Blob } from './blobs.js';
import type { Backbone } from './connection.js';
import type { Bucket } from './bucket.js';
import { KV_PATIENCE_MS } from './retryDelay.js';
import { NO_STORAGE_LIMITS, StorageUsage, type StorageLimits, type StorageShortage } from './storageUsage.js';
import { blobRows } from './tables.js';

/** How long a blob stays that neither an event nor an input refers to, in ms. */
export const UNUSED_BLOB_MS = 24 * 60 * 60_000;
/** How often it is looked whether a blob that is being removed is gone, in ms. */
const LEAVING_POLL_MS = 100;

const HASH = /^[0-9a-f]{64}$/;

/** Whose a blob is: a session's, and so an account's. */
export interface BlobPlace {
  userId: string;
  sid: string;
}

export interface PutOptions {
  /** The link it is brought by: it counts for that too. */
  link?: string | undefined;
  /** An event refers to it, or is about to. Otherwise it stays for a day, or until `keep`. */
  keep: boolean;
}

export type PutBlob = { kind: 'stored'; ref: BlobRef } | { kind: 'full'; shortage: StorageShortage };
export type TakenBlob = PutBlob | { kind: 'missing' };

/** The key of a blob's row, and the name of its object. */
export const blobKey = ({ userId, sid }: BlobPlace, hash: string): string => `${userId}.${sid}.${hash}`;

/** The inverse of `blobKey`. Undefined for the rows of an earlier version, which named no session. */
export function parseBlobKey(key: string): (BlobPlace & { hash: string }) | undefined {
  const [userId, sid, hash, ...rest] = key.split('.');
  if (userId === undefined || sid === undefined || hash === undefined || rest.length > 0) return undefined;
  return { userId, sid, hash };
}

/**
 * The blobs of sessions, and what they count. Every session has objects of its own, whatever bytes others brought: what
 * one account stores is never read, typed or removed by what another does.
 *
 * A blob has a row and an object. The row is there before the object and after it, so that nothing is stored that no
 * row records. Taking a blob up and removing it both change the row first, by compare-and-set.
 */
export class BlobStore {
  readonly usage: StorageUsage;
  private readonly rows: Bucket<BlobRow>;

  constructor(
    private readonly b: Backbone,
    limits: StorageLimits = NO_STORAGE_LIMITS,
  ) {
    this.usage = new StorageUsage(b, limits);
    this.rows = blobRows(b);
  }

  /** Stores bytes under their SHA-256. The same bytes in the same session are stored, and count, once. */
  async put(place: BlobPlace, bytes: Uint8Array, mediaType: string, { link, keep }: PutOptions): Promise<PutBlob> {
    const hash = hashOf(bytes);
    const size = bytes.byteLength;
    const key = blobKey(place, hash);
    for (;;) {
      const claimed = await this.claim(key, { ...place, link }, { size, mediaType });
      if (claimed.kind === 'full') return claimed;
      if ((await putObject(this.b, key, bytes, mediaType)) === 'full')
        return { kind: 'full', shortage: { of: 'relay' } };
      // The session and the row may have been removed meanwhile: then everything is repeated.
      const row = keep ? await this.keep(place, hash) : await this.find(place, hash);
      if (row !== undefined) return { kind: 'stored', ref: { blob: hash, size, mediaType: row.mediaType } };
    }
  }

  /** The bytes of a blob, checked against their hash, or undefined when the session has none. */
  async get(place: BlobPlace, hash: string): Promise<Blob | undefined> {
    const row = await this.find(place, hash);
    const found = row && (await getObject(this.b, blobKey(place, hash)));
    if (found === undefined || hashOf(found.bytes) !== hash) return undefined;
    return { ...found, mediaType: row!.mediaType };
  }

  /** What is known of a blob of a session, or undefined when there is none. */
  async find(place: BlobPlace, hash: string): Promise<BlobRow | undefined> {
    if (!HASH.test(hash)) return undefined;
    const row = (await this.rows.get(blobKey(place, hash)))?.value;
    return row?.leaving === true ? undefined : row;
  }

  /** Keeps a blob for as long as its session, because something refers to it; undefined when there is none. */
  async keep(place: BlobPlace, hash: string): Promise<BlobRow | undefined> {
    if (!HASH.test(hash)) return undefined;
    const key = blobKey(place, hash);
    for (;;) {
      const found = await this.rows.get(key);
      if (found === undefined || found.value.leaving === true) return undefined;
      const { until, ...row } = found.value;
      if (until === undefined) return row;
      if ((await this.rows.update(key, row, found.revision)).kind === 'stored') return row;
    }
  }

  /** Gives a session a blob of another one of the same account. */
  async copy(place: BlobPlace, hash: string): Promise<TakenBlob> {
    if (!HASH.test(hash)) return { kind: 'missing' };
    for (const key of await this.rows.keys(`${place.userId}.*.${hash}`)) {
      const blob = await this.get({ ...place, ...parseBlobKey(key) }, hash);
      if (blob !== undefined) return this.put(place, blob.bytes, blob.mediaType, { keep: false });
    }
    return { kind: 'missing' };
  }

  /** Has a row that says that the blob is there, or will be in a moment; charges for a new one. */
  private async claim(
    key: string,
    owners: BlobPlace & { link: string | undefined },
    { size, mediaType }: Pick<BlobRow, 'size' | 'mediaType'>,
  ): Promise<{ kind: 'claimed' } | { kind: 'full'; shortage: StorageShortage }> {
    const deadline = Date.now() + KV_PATIENCE_MS;
    for (;;) {
      const found = await this.rows.get(key);
      if (found === undefined) {
        const charged = await this.usage.charge(owners, size);
        // A concurrent upload of the same bytes may have used the room; then its row exists.
        if (charged.kind === 'full' && (await this.rows.get(key)) === undefined) return charged;
        if (charged.kind === 'full') continue;
        const { link } = owners;
        const at = Date.now();
        const row = { size, mediaType, at, until: at + UNUSED_BLOB_MS, ...(link === undefined ? {} : { link }) };
        if ((await this.rows.create(key, row)).kind === 'stored') return { kind: 'claimed' };
        // A concurrent upload stored the same bytes and was charged for them.
        await this.usage.giveBack(owners, size);
      } else if (found.value.leaving === true) {
        if (Date.now() > deadline) throw new CodedError('unavailable', 'The file is being removed');
        await sleep(LEAVING_POLL_MS);
      } else {
        const row = takenUp(found.value, { mediaType, byLink: owners.link !== undefined });
        if (row === found.value || (await this.rows.update(key, row, found.revision)).kind === 'stored')
          return { kind: 'claimed' };
      }
    }
  }
}

/**
 * The row of a blob that is uploaded again: its time to live starts again, if it has one. The first upload sets the
 * media type. The owner or the host of the session replaces a type that a guest set.
 */
function takenUp(row: BlobRow, { mediaType, byLink }: { mediaType: string; byLink: boolean }): BlobRow {
  const retyped = row.link !== undefined && !byLink && row.mediaType !== mediaType;
  if (row.until === undefined && !retyped) return row;
  return {
    ...row,
    ...(row.until === undefined ? {} : { until: Date.now() + UNUSED_BLOB_MS }),
    ...(retyped ? { mediaType } : {}),
  };
}
