import { fileTypeOf, type PictureType } from './fileTypeOf.js';

/**
 * Characters of base64 that one picture may have. Providers refuse a picture above 5 MB, and pi keeps the same distance from that
 * limit when it reads a file.
 */
export const MAX_PICTURE_CHARACTERS = 4.5 * 1024 * 1024;
/** Pixels of the longer side. Providers scale larger pictures down, or refuse them when there are many. */
export const MAX_PICTURE_SIDE = 2_000;
/** Pixels that we decode. A small file can hold a picture that does not fit into memory. */
const MAX_PIXELS = 64_000_000;
/** Sides and qualities that are tried in order until the result is small enough. */
const SIDES = [MAX_PICTURE_SIDE, 1_400, 1_000, 700] as const;
const QUALITIES = [85, 65, 45] as const;

export interface Picture {
  /** Base64. */
  data: string;
  mimeType: PictureType;
}

export type FitOutcome =
  { kind: 'as_is' | 'made_smaller'; picture: Picture } | { kind: 'unreadable' } | { kind: 'too_large'; pixels: number };

/**
 * Returns a picture that every provider takes: as it is when it is small enough, or else scaled down. The media type is that of
 * the bytes, because a provider refuses a picture with another one.
 */
export async function fitPicture(bytes: Uint8Array): Promise<FitOutcome> {
  const mimeType = fileTypeOf(bytes);
  if (mimeType === undefined) return { kind: 'unreadable' };
  const { default: sharp } = await import('sharp');
  const open = () => sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: 'error' }).autoOrient();
  const size = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  if (size === undefined) return { kind: 'unreadable' };
  const pixels = size.width * size.height;
  if (pixels > MAX_PIXELS) return { kind: 'too_large', pixels };
  if (Math.max(size.width, size.height) <= MAX_PICTURE_SIDE && base64Length(bytes) <= MAX_PICTURE_CHARACTERS)
    return { kind: 'as_is', picture: { data: toBase64(bytes), mimeType } };
  try {
    for (const side of SIDES) {
      const scaled = open().resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true });
      // A screenshot stays sharp as PNG; a photo is smaller as JPEG.
      if (mimeType === 'image/png') {
        const png = await scaled.clone().png({ compressionLevel: 9 }).toBuffer();
        if (base64Length(png) <= MAX_PICTURE_CHARACTERS) return smaller(png, 'image/png');
      }
      for (const quality of QUALITIES) {
        const jpeg = await scaled.clone().flatten({ background: '#ffffff' }).jpeg({ quality }).toBuffer();
        if (base64Length(jpeg) <= MAX_PICTURE_CHARACTERS) return smaller(jpeg, 'image/jpeg');
      }
    }
  } catch {
    // The head of the file was readable, and the rest is damaged.
    return { kind: 'unreadable' };
  }
  return { kind: 'too_large', pixels };
}

const smaller = (bytes: Uint8Array, mimeType: PictureType): FitOutcome => ({
  kind: 'made_smaller',
  picture: { data: toBase64(bytes), mimeType },
});

const base64Length = (bytes: Uint8Array): number => Math.ceil(bytes.byteLength / 3) * 4;
const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
