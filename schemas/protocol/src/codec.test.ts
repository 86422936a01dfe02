import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, decode, decodeMany, encode } from './codec.js';

describe('codec', () => {
  it('the codec decodes an encoded JSON value to the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const plain = JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto')) as unknown;
        expect(decode(encode(plain))).toEqual(plain);
      }),
    );
  });

  it('the codec decodes several values that follow one another', () => {
    const values = [{ type: 'event', seq: 1 }, { type: 'delta', delta: { n: 2 } }, [1, 'two', null]];
    expect(decodeMany(concat(values.map(encode)))).toEqual(values);
  });

  it('the codec omits fields that are undefined', () => {
    expect(decode(encode({ a: 1, b: undefined }))).toEqual({ a: 1 });
    expect(encode({ a: 1, b: undefined })).toEqual(encode({ a: 1 }));
  });

  it('the codec keeps times and offsets beyond 32 bits as numbers', () => {
    const value = { at: 1_795_256_853_682, seq: Number.MAX_SAFE_INTEGER };
    expect(decode(encode(value))).toEqual(value);
  });

  it('the codec writes plain maps that any msgpack reader can decode', () => {
    // 0x82: a map of two; 0xa1: a string of one byte. No extension, no record.
    expect([...encode({ a: 1, b: 'x' })]).toEqual([0x82, 0xa1, 0x61, 0x01, 0xa1, 0x62, 0xa1, 0x78]);
  });

  it('the codec refuses invalid bytes with an error code', () => {
    for (const bytes of [new Uint8Array(), Uint8Array.of(0x82, 0xa1), Uint8Array.of(0x01, 0x02)]) {
      expect(() => decode(bytes)).toThrow(expect.objectContaining({ code: 'bad_frame' }));
    }
    expect(() => decodeMany(Uint8Array.of(0x01, 0x82, 0xa1))).toThrow(expect.objectContaining({ code: 'bad_frame' }));
  });

  it('a decoded key named __proto__ does not change a prototype', () => {
    const hostile = encode(new Map([['__proto__', { polluted: true }]]));
    expect((decode(hostile) as { polluted?: unknown }).polluted).toBeUndefined();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});
