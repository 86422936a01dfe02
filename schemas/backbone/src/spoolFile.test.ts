import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeHeader, decodeRecords, encodeHeader, encodeRecord, SPOOL_HEADER_BYTES } from './spoolFile.js';

const record = fc.record({
  n: fc.nat(Number.MAX_SAFE_INTEGER),
  type: fc.stringMatching(/^[a-z_]{1,40}$/),
  payload: fc.uint8Array({ maxLength: 200 }),
});
const plain = ({ n, type, payload }: { n: number; type: string; payload: Uint8Array }) => ({
  n,
  type,
  payload: [...payload],
});
const fileOf = (records: { n: number; type: string; payload: Uint8Array }[]): Buffer =>
  Buffer.concat([encodeHeader({ epoch: 1, ackedN: 0, ackedSeq: 0 }), ...records.map(encodeRecord)]);

test('what was written comes back, in order', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), (records) => {
      expect(decodeRecords(fileOf(records)).records.map(plain)).toEqual(records.map(plain));
    }),
  );
});

test('a file cut anywhere holds exactly the records that were written whole', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), fc.nat(), (records, where) => {
      const file = fileOf(records);
      const cut = SPOOL_HEADER_BYTES + (where % (file.length - SPOOL_HEADER_BYTES + 1));
      const ends = records.map((_, i) => fileOf(records.slice(0, i + 1)).length);
      const whole = ends.filter((end) => end <= cut).length;
      const { records: found, end } = decodeRecords(file.subarray(0, cut));
      expect(found.map(plain)).toEqual(records.slice(0, whole).map(plain));
      expect(end).toBe(whole === 0 ? SPOOL_HEADER_BYTES : ends[whole - 1]);
    }),
  );
});

test('a damaged record ends the file, and garbage is never a record', () => {
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 5 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (records, where, flip) => {
        const file = fileOf(records);
        const at = SPOOL_HEADER_BYTES + (where % (file.length - SPOOL_HEADER_BYTES));
        file[at] = file[at]! ^ flip;
        const ends = records.map((_, i) => fileOf(records.slice(0, i + 1)).length);
        const before = ends.filter((end) => end <= at).length;
        expect(decodeRecords(file).records.map(plain)).toEqual(records.slice(0, before).map(plain));
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
      expect(decodeRecords(Buffer.from(bytes)).records).toEqual([]);
    }),
  );
});

test('a header comes back, and a torn or foreign one is none', () => {
  const header = { epoch: 7, ackedN: 2 ** 40, ackedSeq: Number.MAX_SAFE_INTEGER };
  expect(decodeHeader(encodeHeader(header))).toEqual(header);
  expect(decodeHeader(encodeHeader(header).subarray(0, 20))).toBeUndefined();
  const damaged = encodeHeader(header);
  damaged[13] = damaged[13]! ^ 1;
  expect(decodeHeader(damaged)).toBeUndefined();
  expect(decodeHeader(Buffer.from('{"type":"session"}\n'.padEnd(64)))).toBeUndefined();
});
