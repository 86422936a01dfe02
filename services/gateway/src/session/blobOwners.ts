import { bucket, putBlob, type Backbone } from '@pizzapi/backbone';
import type { BlobRef } from '@pizzapi/protocol';

/**
 * Whose blobs are. The same bytes are stored once, whoever brings them; each account that brought them has a row of its
 * own, and knowing a hash is not having the bytes.
 */
export class BlobOwners {
  private readonly rows;

  constructor(private readonly b: Backbone) {
    this.rows = bucket<{ at: number }>(b, 'blob-owners');
  }

  /** Keeps bytes as a blob of this account. */
  async put(userId: string, bytes: Uint8Array, mediaType: string): Promise<BlobRef> {
    const ref = await putBlob(this.b, bytes, mediaType);
    await this.rows.put(`${ref.blob}.${userId}`, { at: Date.now() });
    return ref;
  }

  /** Whether this account brought the blob. */
  async has(userId: string, hash: string): Promise<boolean> {
    return (await this.rows.get(`${hash}.${userId}`)) !== undefined;
  }
}
