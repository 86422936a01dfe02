import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, decode, decodeMany, encode } from './codec.js';
import { isOneMap, msgpackProblem } from './msgpackShape.js';
import { MAX_DEPTH, MAX_FRAME_DEPTH, MAX_STORED_DEPTH, parseJson } from './nesting.js';

const tooDeep = expect.objectContaining({ code: 'too_deep' }) as unknown;
const badFrame = expect.objectContaining({ code: 'bad_frame' }) as unknown;

type Wrap = (inner: unknown) => unknown;
const WRAPS: Record<string, Wrap> = { lists: (inner) => [inner], maps: (inner) => ({ a: inner }) };

function nested(levels: number, wrap: Wrap, leaf: unknown = 1): unknown {
  let value = leaf;
  for (let i = 0; i < levels; i++) value = wrap(value);
  return value;
}

/** Returns the depth of a value: 0 for a scalar. An empty list or map has no level of its own in msgpack. */
function depthOf(value: unknown, ofEmpty = 1): number {
  if (typeof value !== 'object' || value === null) return 0;
  const levels = Object.values(value).map((item) => depthOf(item, ofEmpty));
  return levels.length === 0 ? ofEmpty : 1 + Math.max(...levels);
}

describe.each(Object.entries(WRAPS))('nested %s', (_what, wrap) => {
  it('nested values are encoded and decoded up to the limit, and refused with too_deep above it at any depth', () => {
    expect(decode(encode(nested(MAX_STORED_DEPTH, wrap)))).toEqual(nested(MAX_STORED_DEPTH, wrap));
    for (const levels of [MAX_STORED_DEPTH + 1, 900, 1_500, 5_000, 20_000])
      expect(() => encode(nested(levels, wrap)), String(levels)).toThrow(tooDeep);
    const head = wrap === WRAPS['lists'] ? [0x91] : [0x81, 0xa1, 0x61];
    for (const levels of [MAX_STORED_DEPTH + 1, 1_500, 300_000]) {
      const bytes = Uint8Array.from([...Array<number[]>(levels).fill(head).flat(), 1]);
      expect(() => decode(bytes), String(levels)).toThrow(tooDeep);
    }
  });

  it('nested values are parsed from JSON up to the limit, and refused with too_deep above it', () => {
    const json = (levels: number): string => {
      const [open, close] = wrap === WRAPS['lists'] ? ['[', ']'] : ['{"a":', '}'];
      return `${open.repeat(levels)}1${close.repeat(levels)}`;
    };
    expect(parseJson(json(MAX_DEPTH))).toEqual(nested(MAX_DEPTH, wrap));
    for (const levels of [MAX_DEPTH + 1, 1_500, 300_000]) expect(() => parseJson(json(levels))).toThrow(tooDeep);
  });
});

it('a value that is parsed from JSON can be encoded inside of an envelope', () => {
  const value = nested(MAX_DEPTH, (inner) => [inner]);
  expect(() => encode({ a: { b: { c: value } } })).not.toThrow();
  expect(MAX_FRAME_DEPTH).toBeGreaterThan(MAX_STORED_DEPTH + 2);
});

describe('depth', () => {
  it('depth is counted exactly for any value: brackets in strings do not count', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('[[[[', '{"', '\\"[', '"', '\\', '\\\\"{', '\ud800['));
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 12 },
        text,
        fc.integer(),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(
          text.filter((key) => key !== '__proto__'),
          tie('node'),
          { maxKeys: 3 },
        ),
      ),
    })).node;
    fc.assert(
      fc.property(value, fc.integer({ min: 0, max: 8 }), (given, limit) => {
        const deeper = depthOf(given) > limit;
        const json = JSON.stringify(given, undefined, 200);
        if (deeper) expect(() => parseJson(json, limit)).toThrow(tooDeep);
        else expect(parseJson(json, limit)).toEqual(given);
        expect(msgpackProblem(encode(given), limit)).toBe(depthOf(given, 0) > limit ? 'too_deep' : undefined);
      }),
      { numRuns: 500 },
    );
  });
});

describe('bytes', () => {
  it('any bytes are either decoded or refused with an error code, and a decoded value can be encoded', () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.constantFrom(...Array.from({ length: 0x20 }, (_, i) => 0xc0 + i)), fc.uint8Array({ maxLength: 20 }))
        .map(([tag, rest]) => Uint8Array.from([tag, ...rest])),
    );
    fc.assert(
      fc.property(hostile, (bytes) => {
        let values: unknown[];
        try {
          values = decodeMany(bytes);
        } catch (error) {
          expect(['too_deep', 'bad_frame']).toContain((error as { code?: string }).code);
          return;
        }
        for (const value of values) {
          expect(() => encode(value)).not.toThrow();
          expect(() => JSON.stringify(value)).not.toThrow();
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('bytes that are truncated, or followed by more bytes, are not one value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }), fc.nat(), (value, at) => {
        const bytes = encode(value);
        expect(isOneMap(bytes)).toBe(true);
        const cut = bytes.subarray(0, at % bytes.length);
        expect(isOneMap(cut)).toBe(false);
        expect(() => decode(cut)).toThrow(badFrame);
        const more = concat([bytes, encode({ type: 'forged' })]);
        expect(isOneMap(more)).toBe(false);
        expect(() => decode(more)).toThrow(badFrame);
      }),
    );
  });

  it('bytes that declare more items than there are bytes are refused by their header', () => {
    for (const tag of [0xdc, 0xdd, 0xde, 0xdf]) {
      const claim = Uint8Array.from([tag, 0xff, 0xff, 0xff, 0xff, 0xc0, 0xc0]);
      expect(() => decode(claim)).toThrow(badFrame);
      expect(() => decodeMany(claim)).toThrow(badFrame);
    }
  });

  it('bytes with an extension are refused: a record, a set, an error, a large number, a regular expression', () => {
    for (const type of [0x00, 0x42, 0x62, 0x65, 0x69, 0x70, 0x72, 0x73, 0x74, 0x78]) {
      const bodies = [
        [0xd4, type, 0x90],
        [0xd5, type, 0x90, 0x90],
        [0xd6, type, 1, 2, 3, 4],
        [0xd7, type, 1, 2, 3, 4, 5, 6, 7, 8],
        [0xc7, 4, type, 1, 2, 3, 4],
        [0xc8, 0, 2, type, 1, 2],
        [0xc9, 0, 0, 0, 2, type, 1, 2],
      ];
      for (const body of bodies) expect(() => decode(Uint8Array.from([0x91, ...body]))).toThrow(badFrame);
    }
    expect(() => decode(Uint8Array.of(0xc1))).toThrow(badFrame);
  });

  it('a time that an earlier version stored is still decoded', () => {
    const at = new Date(1_795_256_853_000);
    expect(decode(encode({ at }))).toEqual({ at });
  });
});

describe('an unpaired surrogate', () => {
  it('an unpaired surrogate is written as U+FFFD, so that any reader can decode the rest', () => {
    const strict = new TextDecoder('utf-8', { fatal: true });
    const long = 'x'.repeat(200);
    for (const [text, wanted] of [
      ['\ud800', '\ufffd'],
      ['a\udfff', 'a\ufffd'],
      [`${long}\ud83d`, `${long}\ufffd`],
      ['\ude00\ud83d', '\ufffd\ufffd'],
      ['\ud83d\ude00', '\ud83d\ude00'],
    ] as const) {
      const read = decode(encode({ text, list: [text], [`k${text}`]: 1 }));
      expect(read).toEqual({ text: wanted, list: [wanted], [`k${wanted}`]: 1 });
      const size = new TextEncoder().encode(wanted).length;
      expect(strict.decode(encode(text).slice(-size))).toBe(wanted);
    }
  });

  it('numbers, bytes and texts that look like an unpaired surrogate are not changed', () => {
    const numbers = [0xeda0, 0xedbf_edbf, 0xeda0_0000_0000, -0xeda0];
    const value = { numbers, text: '\ud7ff\ue000퟿', bytes: Uint8Array.of(0xed, 0xa0, 0x80) };
    const read = decode(encode(value)) as typeof value;
    expect({ ...read, bytes: [...read.bytes] }).toEqual({ ...value, bytes: [...value.bytes] });
  });
});
