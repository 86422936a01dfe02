import { putBlob, type Backbone } from '@pizzapi/backbone';
import { errorInfo, type Attachment, type ErrorInfo, type FrameAttachment } from '@pizzapi/protocol';

/** Bytes of one file. */
export const MAX_ATTACHMENT_BYTES = 10 * 1024 * 1024;

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const MEDIA_TYPE = /^[a-z]+\/[a-z0-9.+-]+(; *charset=[a-z0-9-]+)?$/i;

export type StoredAttachments = { kind: 'stored'; attachments: Attachment[] } | { kind: 'refused'; error: ErrorInfo };

/** True for a media type that may be kept and answered as a header. */
export const isMediaType = (text: string): boolean => text.length <= 100 && MEDIA_TYPE.test(text);

/** Keeps what came inline as blobs: commands carry references only. All are looked at before the first is stored. */
export async function storeAttachments(b: Backbone, list: readonly FrameAttachment[] = []): Promise<StoredAttachments> {
  for (const item of list) {
    const problem = problemOf(item);
    if (problem !== undefined) return { kind: 'refused', error: problem };
  }
  const attachments = await Promise.all(
    list.map(async (item): Promise<Attachment> => {
      const name = item.name === undefined ? {} : { name: item.name };
      if ('blob' in item) return { ...name, blob: item.blob, size: item.size, mediaType: item.mediaType };
      return { ...name, ...(await putBlob(b, Buffer.from(item.data, 'base64'), item.mediaType)) };
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
