/** Pixels of an image's longer side that models look at; larger ones are scaled down before they are sent. */
export const MAX_IMAGE_SIDE = 2_000;
/** Bytes of one file. */
export const MAX_FILE_BYTES = 10 * 1024 * 1024;
/** Files with one input. */
export const MAX_FILES = 16;

const SENT_AS_IS = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'];

export type Prepared = { kind: 'ready'; bytes: Blob; mediaType: string } | { kind: 'refused'; reason: string };

/** The file as it is sent: large images smaller, unusual ones as PNG. Only images can be given to a model. */
export async function prepareFile(file: File): Promise<Prepared> {
  if (!file.type.startsWith('image/'))
    return { kind: 'refused', reason: `${file.name} is not an image. Only images can be attached.` };
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (bitmap === undefined) return { kind: 'refused', reason: `${file.name} could not be read as an image.` };
  const { width, height } = fit(bitmap.width, bitmap.height);
  const sameSize = width === bitmap.width;
  if (sameSize && SENT_AS_IS.includes(file.type)) {
    bitmap.close();
    return file.size > MAX_FILE_BYTES ? tooLarge(file) : { kind: 'ready', bytes: file, mediaType: file.type };
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const mediaType = file.type === 'image/jpeg' ? 'image/jpeg' : 'image/png';
  const bytes = await canvas.convertToBlob({ type: mediaType, quality: 0.9 });
  return bytes.size > MAX_FILE_BYTES ? tooLarge(file) : { kind: 'ready', bytes, mediaType };
}

/** The size that an image is sent in: its own, or scaled so that the longer side is `MAX_IMAGE_SIDE`. */
export function fit(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(1, MAX_IMAGE_SIDE / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

function tooLarge(file: File): Prepared {
  return { kind: 'refused', reason: `${file.name} is larger than 10 MB.` };
}
