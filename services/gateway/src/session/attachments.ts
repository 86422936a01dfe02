import { storageFull, type BlobPlace, type BlobStore } from '@pizzapi/backbone';
import { errorInfo, type Attachment, type ErrorInfo, type FrameAttachment } from '@pizzapi/protocol';

/** Bytes of one file. */
export const MAX_ATTACHMENT_BYTES = 10 * 1024 * 1024;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const MEDIA_TYPE = /^[a-z]+\/[a-z0-9.+-]+(; *charset=[a-z0-9-]+)?$/i;

export type StoredAttachments = { kind: 'stored'; attachments: Attachment[] } | { kind: 'refused'; error: ErrorInfo };

/** Which session files are for, and the link of the guest who brings them. */
export interface AttachmentPlace extends BlobPlace {
  link?: string | undefined;
}

/** True for a media type that may be kept and answered as a header. */
export const isMediaType = (text: string): boolean => text.length <= 100 && MEDIA_TYPE.test(text);

const refused = (error: ErrorInfo): StoredAttachments => ({ kind: 'refused', error });

/**
 * Stores what came inline as blobs of the session: commands carry references only. All are looked at before the first is
 * stored. A reference is to a blob of this session, or, but for a guest, of another one of the same account, which is
 * copied; any other is to none. What is stored so stays for a day, unless `keepAttachments` follows.
 */
export async function storeAttachments(
  blobs: BlobStore,
  place: AttachmentPlace,
  list: readonly FrameAttachment[] = [],
): Promise<StoredAttachments> {
  for (const item of list) {
    const problem = problemOf(item);
    if (problem !== undefined) return refused(problem);
  }
  const attachments: Attachment[] = [];
  // First what refers to something: an input that names what is not there stores nothing.
  const inOrder = list.map((item, index) => ({ item, index })).sort((a, b) => rank(a.item) - rank(b.item));
  for (const { item, index } of inOrder) {
    const { mediaType, name } = item;
    const named = name === undefined ? {} : { name };
    if ('blob' in item) {
      const size = await sizeOf(blobs, place, item.blob);
      if (typeof size !== 'number') return refused(size);
      // What a file is to the agent, who attaches it says.
      attachments[index] = { ...named, blob: item.blob, size, mediaType };
      continue;
    }
    const bytes = Buffer.from(item.data, 'base64');
    const stored = await blobs.put(place, bytes, mediaType, { link: place.link, keep: false });
    if (stored.kind === 'full') return refused(storageFull(stored.shortage, place.link !== undefined));
    attachments[index] = { ...named, ...stored.ref, mediaType };
  }
  return { kind: 'stored', attachments };
}

const rank = (item: FrameAttachment): number => ('blob' in item ? 0 : 1);

/** Keeps attachments for as long as their session: an input that is about to be sent refers to them. */
export async function keepAttachments(
  blobs: BlobStore,
  place: BlobPlace,
  list: readonly Attachment[],
): Promise<ErrorInfo | undefined> {
  for (const { blob } of list)
    if ((await blobs.keep(place, blob)) === undefined) return errorInfo('blob_not_found', 'The file was removed');
  return undefined;
}

/** The size of a blob that may be attached, which the session has from now on, or why it may not. */
async function sizeOf(blobs: BlobStore, place: AttachmentPlace, hash: string): Promise<number | ErrorInfo> {
  const found = await blobs.find(place, hash);
  if (found !== undefined) return found.size;
  if (place.link !== undefined) return errorInfo('blob_not_found');
  const copied = await blobs.copy(place, hash);
  if (copied.kind === 'missing') return errorInfo('blob_not_found');
  return copied.kind === 'full' ? storageFull(copied.shortage) : copied.ref.size;
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
