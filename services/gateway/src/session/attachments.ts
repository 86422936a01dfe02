import { storageFull, type BlobPlace, type BlobStore } from '@pizzapi/backbone';
import { errorInfo, type Attachment, type BlobRef, type ErrorInfo, type FrameAttachment } from '@pizzapi/protocol';

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
  const given = list.map(givenFile);
  for (const file of given) {
    const problem = problemOf(file);
    if (problem !== undefined) return refused(problem);
  }
  const attachments: Attachment[] = [];
  // First what refers to something: an input that names what is not there stores nothing.
  const inOrder = given.map((file, index) => ({ file, index })).sort((a, b) => rank(a.file) - rank(b.file));
  for (const { file, index } of inOrder) {
    if (file.data === undefined) {
      const ref = await refOf(blobs, place, file.blob ?? '');
      if ('code' in ref) return refused(ref);
      // What a file is to the agent, who attaches it says.
      attachments[index] = attachmentOf(file, ref);
      continue;
    }
    const bytes = Buffer.from(file.data, 'base64');
    const stored = await blobs.put(place, bytes, file.mediaType ?? '', { link: place.link, keep: false });
    if (stored.kind === 'full') return refused(storageFull(stored.shortage, place.link !== undefined));
    attachments[index] = attachmentOf(file, stored.ref);
  }
  return { kind: 'stored', attachments };
}

/** An attachment in one form, whichever names it was sent with. Without `data` it names a blob. */
interface GivenFile {
  name: string | undefined;
  mediaType: string | undefined;
  data: string | undefined;
  blob: string | undefined;
}

const BLOB_URL = /\/api\/sessions\/[^/?#]+\/blobs\/([0-9a-f]{64})$/;

/** A form of an attachment is checked by its own schema, which lets the fields of other forms be of any type. */
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function givenFile(item: FrameAttachment): GivenFile {
  const fields: Readonly<Record<string, unknown>> = item;
  const file = {
    name: text(fields['name'] ?? fields['filename']),
    mediaType: text(fields['mediaType']),
    data: undefined,
  };
  if ('attachmentId' in item) return { ...file, blob: text(item.attachmentId) };
  if ('blob' in item) return { ...file, blob: text(item.blob) };
  // The gateway fetches nothing: of a URL it reads the hash alone, and the caller's right to the blob is checked as always.
  if ('url' in item) return { ...file, blob: BLOB_URL.exec(text(item.url) ?? '')?.[1] };
  return { ...file, data: text(item.data), blob: undefined };
}

/** What the runner gets: our names, and beside them those of the original protocol. */
function attachmentOf({ name, mediaType }: GivenFile, ref: BlobRef): Attachment {
  const named = name === undefined ? {} : { name, filename: name };
  return { ...named, ...ref, mediaType: mediaType ?? ref.mediaType, attachmentId: ref.blob };
}

const rank = ({ data }: GivenFile): number => (data === undefined ? 0 : 1);

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

/** A blob that may be attached, which the session has from now on, or why it may not. */
async function refOf(blobs: BlobStore, place: AttachmentPlace, hash: string): Promise<BlobRef | ErrorInfo> {
  const found = await blobs.find(place, hash);
  if (found !== undefined) return { blob: hash, size: found.size, mediaType: found.mediaType };
  if (place.link !== undefined) return errorInfo('blob_not_found');
  const copied = await blobs.copy(place, hash);
  if (copied.kind === 'missing') return errorInfo('blob_not_found');
  return copied.kind === 'full' ? storageFull(copied.shortage) : copied.ref;
}

function problemOf({ name: what = 'An attachment', mediaType, data, blob }: GivenFile): ErrorInfo | undefined {
  if (data === undefined && blob === undefined)
    return errorInfo('command_invalid', `${what} has no \`attachmentId\`, and no \`url\` of a file of a session`);
  // The type of a blob is known.
  if (!(data === undefined && mediaType === undefined) && !isMediaType(mediaType ?? ''))
    return errorInfo('command_invalid', `${what} has no media type such as image/png`);
  if (data === undefined) return undefined;
  if (data.length % 4 !== 0 || !BASE64.test(data)) return errorInfo('command_invalid', `${what} is not base64`);
  if (data.length * 0.75 > MAX_ATTACHMENT_BYTES) return errorInfo('body_too_large', `${what} is larger than 10 MiB`);
  return undefined;
}
