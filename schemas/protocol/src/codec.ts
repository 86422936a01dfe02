import { Packr, Unpackr, type Options } from 'msgpackr';
import { CodedError } from './errors.js';

/**
 * One codec for log, wire and buckets: msgpack with plain maps, no records and no extensions, so that any msgpack
 * reader can decode it. A field that is undefined is left out, as in JSON.
 */
const OPTIONS: Options & { skipValues: unknown[] } = {
  useRecords: false,
  variableMapSize: true,
  int64AsType: 'number',
  mapsAsObjects: true,
  encodeUndefinedAsNil: true,
  skipValues: [undefined],
};
const packr = new Packr(OPTIONS);
const unpackr = new Unpackr(OPTIONS);

/** One msgpack value. The bytes are the caller's to keep. */
export function encode(value: unknown): Uint8Array {
  return packr.pack(value);
}

/** The value in `bytes`, which must hold exactly one. Throws `bad_frame` for anything else. */
export function decode(bytes: Uint8Array): unknown {
  try {
    return unpackr.unpack(bytes);
  } catch (cause) {
    throw new CodedError('bad_frame', 'These bytes are not one msgpack value', { cause });
  }
}

/** Every value of `bytes`, one after another: a binary WebSocket message is one or more frames. */
export function decodeMany(bytes: Uint8Array): unknown[] {
  try {
    return unpackr.unpackMultiple(bytes) as unknown[];
  } catch (cause) {
    throw new CodedError('bad_frame', 'These bytes are not a row of msgpack values', { cause });
  }
}

/** The parts joined into one buffer. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
