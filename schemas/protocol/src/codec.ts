import { Packr, Unpackr, type Options } from 'msgpackr';
import { CodedError } from './codedError.js';
import { isMap, type UnknownMap } from './json.js';
import { msgpackProblem } from './msgpackShape.js';
import { MAX_FRAME_DEPTH, MAX_STORED_DEPTH, tooDeep } from './nesting.js';

/**
 * The codec of log, wire and buckets: msgpack with plain maps, without records and extensions, so that any msgpack
 * reader can decode it. A field that is undefined is omitted, as in JSON.
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
const utf8 = new TextDecoder();

/**
 * Encodes one value as msgpack. The caller owns the returned bytes. Throws `too_deep` for a value that `decode` would
 * refuse. An unpaired surrogate becomes U+FFFD, because it has no UTF-8 and other msgpack readers refuse it.
 */
export function encode(value: unknown): Uint8Array {
  const bytes = packed(value);
  return mayHoldSurrogate(bytes) ? packed(wellFormed(value)) : bytes;
}

/** Decodes `bytes`, which must hold exactly one value. Throws `too_deep`, or `bad_frame` for any other error. */
export function decode(bytes: Uint8Array, maxDepth = MAX_STORED_DEPTH): unknown {
  check(bytes, maxDepth, 1);
  try {
    return unpackr.unpack(bytes);
  } catch (cause) {
    throw new CodedError('bad_frame', 'The bytes are not one msgpack value', { cause });
  }
}

/** Decodes bytes that anyone may have written. Undefined for bytes that `decode` refuses. */
export function tryDecode(bytes: Uint8Array): unknown {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}

/** Decodes a map that anyone may have written. Undefined for all else. */
export function tryDecodeMap(bytes: Uint8Array): UnknownMap | undefined {
  const value = tryDecode(bytes);
  return isMap(value) ? value : undefined;
}

/** Decodes all values of `bytes` in order: a binary WebSocket message is one or more frames. */
export function decodeMany(bytes: Uint8Array, maxDepth = MAX_FRAME_DEPTH): unknown[] {
  check(bytes, maxDepth);
  try {
    return unpackr.unpackMultiple(bytes) as unknown[];
  } catch (cause) {
    throw new CodedError('bad_frame', 'The bytes are not a sequence of msgpack values', { cause });
  }
}

function check(bytes: Uint8Array, maxDepth: number, values?: number): void {
  const problem = msgpackProblem(bytes, maxDepth, values);
  if (problem === 'too_deep') throw tooDeep();
  if (problem === 'extension') throw new CodedError('bad_frame', 'msgpack extensions are not allowed');
  if (problem === 'broken') throw new CodedError('bad_frame', 'The bytes end within a msgpack value');
}

function packed(value: unknown): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = packr.pack(value);
  } catch (cause) {
    // The packer recurses, and this is the only way in which it throws a RangeError.
    if (cause instanceof RangeError && /call stack/i.test(cause.message)) throw tooDeep();
    throw cause;
  }
  // Every level takes at least one byte.
  if (bytes.length > MAX_STORED_DEPTH && msgpackProblem(bytes, MAX_STORED_DEPTH) === 'too_deep') throw tooDeep();
  return bytes;
}

/**
 * In UTF-8, 0xED is followed by 0x80 to 0x9F, except at the beginning of a surrogate. Bytes of a number may look the
 * same.
 */
function mayHoldSurrogate(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0xed); at >= 0; at = bytes.indexOf(0xed, at + 1)) if (bytes[at + 1]! >= 0xa0) return true;
  return false;
}

/** Returns the same value with every string replaced by one that is valid UTF-8. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return utf8.decode(new TextEncoder().encode(value));
  if (Array.isArray(value)) return value.map(wellFormed);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [wellFormed(key), wellFormed(item)]));
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Joins the parts into one buffer. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
