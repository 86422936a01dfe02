import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { fitPicture, MAX_PICTURE_CHARACTERS } from './fitPicture.js';

/** A picture of noise, which no format can compress. */
const noise = (width: number, height: number) =>
  sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } });

const sizeOf = async (data: string) => {
  const { width, height, format } = await sharp(Buffer.from(data, 'base64')).metadata();
  return { width, height, format };
};

describe('fitPicture', () => {
  it('returns a small picture as it is', async () => {
    const png = await noise(40, 30).png().toBuffer();
    expect(await fitPicture(png)).toEqual({
      kind: 'as_is',
      picture: { data: png.toString('base64'), mimeType: 'image/png' },
    });
  });

  it('makes a PNG of 6 MB smaller than what providers take', async () => {
    const png = await noise(1_500, 1_400).png().toBuffer();
    expect(png.byteLength).toBeGreaterThan(6_000_000);
    const outcome = await fitPicture(png);
    if (outcome.kind !== 'made_smaller') throw new Error(outcome.kind);
    expect(outcome.picture.data.length).toBeLessThanOrEqual(MAX_PICTURE_CHARACTERS);
    expect(await sizeOf(outcome.picture.data)).toMatchObject({ width: 1_500, height: 1_400, format: 'jpeg' });
  });

  it('scales a picture with long sides, and turns a photo the way that its camera was held', async () => {
    const photo = await noise(3_000, 30).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const outcome = await fitPicture(photo);
    if (outcome.kind !== 'made_smaller') throw new Error(outcome.kind);
    expect(await sizeOf(outcome.picture.data)).toMatchObject({ width: 20, height: 2_000 });
  });

  it('names the type of the bytes, not the one that the sender claims', async () => {
    const webp = await noise(20, 20).webp().toBuffer();
    expect(await fitPicture(webp)).toMatchObject({ kind: 'as_is', picture: { mimeType: 'image/webp' } });
  });

  it.each([
    ['text', Buffer.from('png')],
    ['a drawing of another format', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ['nothing', Buffer.alloc(0)],
  ])('refuses %s as unreadable', async (_what, bytes) => {
    expect(await fitPicture(bytes)).toEqual({ kind: 'unreadable' });
  });

  it('refuses a picture without its end as unreadable', async () => {
    const png = await noise(2_500, 10).png().toBuffer();
    expect(await fitPicture(png.subarray(0, 400))).toEqual({ kind: 'unreadable' });
  });

  it('does not decode a small file that holds a picture beyond memory', async () => {
    const black = { create: { width: 9_000, height: 7_200, channels: 3 as const, background: '#000' } };
    const bomb = await sharp(black).png().toBuffer();
    expect(await fitPicture(bomb)).toEqual({ kind: 'too_large', pixels: 64_800_000 });
  });
});
