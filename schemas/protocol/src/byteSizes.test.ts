import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatBytes, parseBytes } from './byteSizes.js';

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [1024 * 1024 - 1, '1 MiB'],
  [200 * 1024 ** 2, '200 MiB'],
  [20 * 1024 ** 3, '20 GiB'],
  [5000 * 1024 ** 4, '5000 TiB'],
])('%d bytes read as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  ['0', 0],
  ['1048576', 1_048_576],
  ['20 GiB', 20 * 1024 ** 3],
  ['20GiB', 20 * 1024 ** 3],
  ['1.5g', 1.5 * 1024 ** 3],
  ['500 kB', 500 * 1024],
  [' 3 mib ', 3 * 1024 ** 2],
])('"%s" is a size', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

it.each(['', 'GiB', '-1', '1e9', '5 parsecs', '1,5 GiB', '99999999 TiB', 'NaN', 'Infinity'])(
  '"%s" is not a size',
  (text) => {
    expect(parseBytes(text)).toBeUndefined();
  },
);

it('parsing a formatted size returns the same size, within the precision of the shown decimal', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => {
      const back = parseBytes(formatBytes(bytes))!;
      expect(Math.abs(back - bytes)).toBeLessThanOrEqual(Math.max(1, bytes * 0.05));
    }),
  );
});
