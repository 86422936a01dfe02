import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError, type Attachment } from '@pizzapi/protocol';
import { isPictureType } from '../pictures/fileTypeOf.js';
import { fitPicture } from '../pictures/fitPicture.js';

/** Reads a blob, or undefined when there is none. */
export type ReadBlob = (hash: string) => Promise<Uint8Array | undefined>;

export interface InputContent {
  text: string;
  /** The end of `text` that its author did not write: where the files are. */
  notes: string;
  images: { data: string; mimeType: string }[];
}

/**
 * An input as the agent takes it: pictures inline, made smaller when a provider would refuse them, every other attachment as a
 * file that the text names. Throws `blob_not_found` for an attachment whose bytes were never stored, `picture_unreadable`, and
 * `picture_too_large`.
 */
export async function withAttachments(
  text: string,
  attachments: readonly Attachment[],
  folder: string,
  read: ReadBlob,
): Promise<InputContent> {
  const images: InputContent['images'] = [];
  const files: string[] = [];
  for (const { blob, mediaType, name } of attachments) {
    const bytes = await read(blob);
    if (bytes === undefined) throw new CodedError('blob_not_found', `The attachment ${name ?? blob} is missing`);
    if (isPictureType(mediaType)) {
      images.push(await pictureOf(bytes, name ?? 'The picture'));
      continue;
    }
    const place = join(folder, blob.slice(0, 16));
    const path = join(place, safeName(name ?? blob.slice(0, 16)));
    await mkdir(place, { recursive: true, mode: 0o700 });
    await writeFile(path, bytes, { mode: 0o600 });
    files.push(path);
  }
  const notes = files.map((path) => `[Attached file: ${path}]`).join('\n\n');
  return { text: [text, notes].filter((part) => part !== '').join('\n\n'), notes, images };
}

/** A picture that every provider takes. Throws `picture_unreadable` and `picture_too_large`. */
async function pictureOf(bytes: Uint8Array, name: string): Promise<InputContent['images'][number]> {
  const outcome = await fitPicture(bytes);
  if (outcome.kind === 'unreadable')
    throw new CodedError('picture_unreadable', `${name} is damaged, or is not a picture`);
  if (outcome.kind === 'too_large')
    throw new CodedError('picture_too_large', `${name} has ${Math.round(outcome.pixels / 1e6)} million pixels`);
  return outcome.picture;
}

/** A file name without a path, dots in front, or what a shell would read as something else. */
export function safeName(name: string): string {
  const safe = basename(name.replaceAll('\\', '/'))
    .replace(/[^\p{L}\p{N}._ -]+/gu, '_')
    .replace(/^[.\s-]+/, '')
    .slice(0, 120);
  return safe === '' ? 'attachment' : safe;
}
