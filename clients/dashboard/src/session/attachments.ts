/** Pixels of an image's longer side that models look at; larger ones are scaled down before they are sent. */
export const MAX_IMAGE_SIDE = 2_000;
/** Bytes of one image. Providers refuse images whose base64 is longer than 5 MB, and this leaves a distance from it. */
export const MAX_IMAGE_BYTES = 3.3 * 1024 * 1024;
/** Number of files with one input. */
export const MAX_FILES = 16;

const SENT_AS_IS = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'];
/** Sides and qualities that are tried in order until the image is small enough. */
const SIDES = [MAX_IMAGE_SIDE, 1_400, 1_000, 700];
const QUALITIES = [0.9, 0.75, 0.5];

export type Prepared = { kind: 'ready'; bytes: Blob; mediaType: string } | { kind: 'refused'; reason: string };

/** The file as it is sent: large images smaller, unusual ones as PNG. Only images can be given to a model. */
export async function prepareFile(file: File): Promise<Prepared> {
  if (!file.type.startsWith('image/'))
    return { kind: 'refused', reason: `${file.name} is not an image. Only images can be attached.` };
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (bitmap === undefined) return { kind: 'refused', reason: `${file.name} could not be read as an image.` };
  try {
    const isSmall = Math.max(bitmap.width, bitmap.height) <= MAX_IMAGE_SIDE && file.size <= MAX_IMAGE_BYTES;
    if (isSmall && SENT_AS_IS.includes(file.type)) return { kind: 'ready', bytes: file, mediaType: file.type };
    for (const side of SIDES) {
      const encode = encoderOf(bitmap, side);
      if (file.type !== 'image/jpeg') {
        const png = await encode('image/png');
        if (png.size <= MAX_IMAGE_BYTES) return { kind: 'ready', bytes: png, mediaType: 'image/png' };
      }
      for (const quality of QUALITIES) {
        const jpeg = await encode('image/jpeg', quality);
        if (jpeg.size <= MAX_IMAGE_BYTES) return { kind: 'ready', bytes: jpeg, mediaType: 'image/jpeg' };
      }
    }
  } finally {
    bitmap.close();
  }
  return { kind: 'refused', reason: `${file.name} cannot be made smaller than 3.3 MB. Send a smaller image.` };
}

/** Returns a function that encodes an image whose longer side has at most `side` pixels. */
function encoderOf(bitmap: ImageBitmap, side: number): (type: string, quality?: number) => Promise<Blob> {
  const { width, height } = fit(bitmap.width, bitmap.height, side);
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, width, height);
  return (type, quality) => canvas.convertToBlob(quality === undefined ? { type } : { type, quality });
}

/** The size that an image is sent in: its own, or scaled so that the longer side has `side` pixels. */
export function fit(width: number, height: number, side = MAX_IMAGE_SIDE): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
