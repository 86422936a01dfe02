import type { BlobRef, MessageItem } from '@pizzapi/protocol';
import type { Blobs } from './blobs.js';

/** A text of the transcript. `blob`: the whole of it, when `text` is only its beginning. */
export interface TextPart {
  text: string;
  blob?: BlobRef;
}

/** The texts of a message, in order. */
export function textParts(item: MessageItem): TextPart[] {
  return item.blocks.filter((block) => block.kind === 'text');
}

/** Whether something of the texts is in blobs. */
export function isShortened(parts: readonly TextPart[]): boolean {
  return parts.some(({ blob }) => blob !== undefined);
}

/** All of the texts, with what is in blobs. Rejects when a blob cannot be read. */
export async function readWhole(parts: readonly TextPart[], blobs: Pick<Blobs, 'text'>): Promise<string> {
  const texts = parts.map(async ({ text, blob }) => {
    if (blob === undefined) return text;
    const read = await blobs.text(blob.blob);
    if (read.kind === 'failed') throw new Error(read.error.message);
    return read.text;
  });
  return (await Promise.all(texts)).join('');
}
