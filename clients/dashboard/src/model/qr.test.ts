import { encode } from 'uqr';
import { expect, it } from 'vitest';
import { qrPath } from './qr.js';

it('the path covers exactly the dark modules of the code', () => {
  const text = `https://relay.example.com/s/s1#share=${'x'.repeat(300)}`;
  const { path, size } = qrPath(text);
  const drawn = Array.from({ length: size }, () => Array.from({ length: size }, () => false));
  for (const [, x, y, width] of path.matchAll(/M(\d+) (\d+)h(\d+)v1H\1z/g))
    for (let i = 0; i < Number(width); i++) drawn[Number(y)]![Number(x) + i] = true;
  expect(drawn).toEqual(encode(text, { ecc: 'L', border: 2 }).data);
});
