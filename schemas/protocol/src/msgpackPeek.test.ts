import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encode } from './codec.js';
import { SESSION_EVENT_TYPES } from './events.js';
import { peekEventHeader, peekNumber } from './msgpackPeek.js';

const entries = fc.dictionary(
  fc.string(),
  fc.oneof(fc.jsonValue(), fc.uint8Array({ maxLength: 300 }), fc.string({ minLength: 250, maxLength: 300 })),
);
const numbers = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.double({ min: 0, noNaN: true }),
  fc.constantFrom(127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32),
);

describe('peekNumber', () => {
  it('returns the number that decoding returns', () => {
    fc.assert(
      fc.property(entries, numbers, entries, (a, n, b) => {
        fc.pre(!('n' in a) && !('n' in b) && !('__proto__' in a) && !('__proto__' in b));
        expect(peekNumber(encode({ ...a, n, ...b }), 'n')).toBe(n);
        expect(peekNumber(encode({ ...a, ...b }), 'n')).toBeUndefined();
      }),
    );
  });

  it('steps over values of every kind and size', () => {
    const many = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i]));
    const values = [null, true, -1, -200, -70_000, -5e9, 1.5, 'x'.repeat(70_000), new Uint8Array(70_000)];
    const lists = [[], Array(20).fill(1), Array(70_000).fill('x'), many, new Date(0)];
    for (const value of [...values, ...lists]) {
      expect(peekNumber(encode({ value, n: 7 }), 'n')).toBe(7);
    }
    expect(peekNumber(encode({ ...many, n: 7 }), 'n')).toBe(7);
  });

  it('steps over extensions of every size', () => {
    const fixed = [0xd4, 0xd5, 0xd6, 0xd7, 0xd8].map((tag, i) => [tag, 1, ...Array<number>(1 << i).fill(0)]);
    const sized = [
      [0xc7, 3, 1, 0, 0, 0],
      [0xc8, 0, 3, 1, 0, 0, 0],
      [0xc9, 0, 0, 0, 3, 1, 0, 0, 0],
    ];
    for (const extension of [...fixed, ...sized]) {
      const bytes = Uint8Array.of(0x82, 0xa1, 0x78, ...extension, 0xa1, 0x6e, 7);
      expect(peekNumber(bytes, 'n')).toBe(7);
    }
  });

  it('returns undefined for what is no map, no number, or cut off, and for a nested key', () => {
    expect(peekNumber(encode([1, 'n', 2]), 'n')).toBeUndefined();
    expect(peekNumber(encode({ n: 'seven' }), 'n')).toBeUndefined();
    expect(peekNumber(encode({ a: { n: 7 } }), 'n')).toBeUndefined();
    const bytes = encode({ text: 'x'.repeat(40), n: 2 ** 40 });
    for (let length = 0; length < bytes.length; length++) {
      expect(peekNumber(bytes.subarray(0, length), 'n')).toBeUndefined();
    }
  });

  it('accepts any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void peekNumber(bytes, 'n')));
    const claims = fc.tuple(fc.constantFrom(0x8f, 0xde, 0xdf), fc.uint8Array({ maxLength: 64 }));
    fc.assert(fc.property(claims, ([tag, rest]) => void peekNumber(Uint8Array.of(tag, ...rest), 'n')));
  });
});

describe('peekEventHeader', () => {
  it('returns type and time of every event, wherever they are', () => {
    for (const type of SESSION_EVENT_TYPES) {
      for (const at of [1_700_000_000_000, 1_700_000_000_000.5]) {
        expect(peekEventHeader(encode({ type, at, x: 'y' }))).toEqual({ type, at });
        expect(peekEventHeader(encode({ x: { at: 1, type: 'other' }, at, type }))).toEqual({ type, at });
      }
    }
  });

  it('returns undefined for what is no event', () => {
    for (const value of [
      { type: 'agent_start', at: 'noon' },
      { at: 1 },
      { type: 1, at: 1 },
      { type: 'ä', at: 1 },
      [],
    ]) {
      expect(peekEventHeader(encode(value))).toBeUndefined();
    }
    const bytes = encode({ type: 'agent_start', at: 1_700_000_000_000.5 });
    for (let length = 0; length < bytes.length; length++) {
      expect(peekEventHeader(bytes.subarray(0, length))).toBeUndefined();
    }
  });
});
