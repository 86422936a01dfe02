import { errorInfo, type Attachment, type ErrorInfo, type FrameAttachment } from '@pizzapi/protocol';
import type { BlobOwners } from './blobOwners.js';

/** Bytes of one file. */
export const MAX_ATTACHMENT_BYTES = 10 * 1024 * 1024;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const MEDIA_TYPE = /^[a-z]+\/[a-z0-9.+-]+(; *charset=[a-z0-9-]+)?$/i;

export type StoredAttachments = { kind: 'stored'; attachments: Attachment[] } | { kind: 'refused'; error: ErrorInfo };

/** True for a media type that may be kept and answered as a header. */
export const isMediaType = (text: string): boolean => text.length <= 100 && MEDIA_TYPE.test(text);

/**
 * Keeps what came inline as blobs of `owner`: commands carry references only. All are looked at before the first is
 * stored; a reference to a blob that is not the owner's is to none.
 */
export async function storeAttachments(
  blobs: BlobOwners,
  owner: string | undefined,
  list: readonly FrameAttachment[] = [],
): Promise<StoredAttachments> {
  const refused = (error: ErrorInfo): StoredAttachments => ({ kind: 'refused', error });
  if (list.length === 0) return { kind: 'stored', attachments: [] };
  if (owner === undefined) return refused(errorInfo('session_not_found'));
  for (const item of list) {
    const problem = problemOf(item);
    if (problem !== undefined) return refused(problem);
    if ('blob' in item && !(await blobs.has(owner, item.blob))) return refused(errorInfo('blob_not_found'));
  }
  const attachments = await Promise.all(
    list.map(async (item): Promise<Attachment> => {
      const name = item.name === undefined ? {} : { name: item.name };
      if ('blob' in item) return { ...name, blob: item.blob, size: item.size, mediaType: item.mediaType };
      return { ...name, ...(await blobs.put(owner, Buffer.from(item.data, 'base64'), item.mediaType)) };
    }),
  );
  return { kind: 'stored', attachments };
}

function problemOf(item: FrameAttachment): ErrorInfo | undefined {
  const what = item.name ?? 'An attachment';
  if (!isMediaType(item.mediaType)) return errorInfo('command_invalid', `${what} has no media type such as image/png`);
  if (!('data' in item)) return undefined;
  if (item.data.length % 4 !== 0 || !BASE64.test(item.data))
    return errorInfo('command_invalid', `${what} is not base64`);
  if (item.data.length * 0.75 > MAX_ATTACHMENT_BYTES)
    return errorInfo('body_too_large', `${what} is larger than 10 MiB`);
  return undefined;
}
