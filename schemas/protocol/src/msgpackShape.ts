import { MAX_FRAME_DEPTH, MAX_STORED_DEPTH } from './nesting.js';

/** Why bytes cannot be decoded: they are not whole values, nest too deep, or hold a value that JSON does not have. */
export type ShapeProblem = 'broken' | 'too_deep' | 'extension';

/** The number of values to come on each level. Shared by all calls, because the walk below is never interrupted. */
const left = new Float64Array(MAX_FRAME_DEPTH + 1);

/** Returns whether bytes are exactly one map, as every event and every delta is, without bytes after it. */
export function isOneMap(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0;
  const isMap = (first & 0xf0) === 0x80 || first === 0xde || first === 0xdf;
  return isMap && msgpackProblem(bytes, MAX_STORED_DEPTH, 1) === undefined;
}

/**
 * Walks over the headers of at most `values` msgpack values without decoding them, because a decoder recurses and
 * trusts the length of a list. Costs a tenth of decoding. `maxDepth` is `MAX_FRAME_DEPTH` at most.
 */
export function msgpackProblem(bytes: Uint8Array, maxDepth: number, values = Infinity): ShapeProblem | undefined {
  const end = bytes.length;
  let at = 0;
  let depth = 0;
  left[0] = values;
  while (at < end && depth >= 0) {
    const tag = bytes[at++]!;
    let items = 0;
    if (tag < 0x80 || tag >= 0xe0) items = 0;
    else if (tag < 0x90) items = 2 * (tag & 0x0f);
    else if (tag < 0xa0) items = tag & 0x0f;
    else if (tag < 0xc0) at += tag & 0x1f;
    else {
      const head = HEADS[tag - 0xc0]!;
      if (head === EXTENSION) return 'extension';
      if (head === TIMESTAMP) {
        if (bytes[at] !== TIMESTAMP_TYPE) return 'extension';
        at += 1 + (1 << (tag - 0xd4));
      } else if (head < SIZED) at += head;
      else {
        const sizeBytes = head & 0x07;
        let size = 0;
        for (let i = 0; i < sizeBytes; i++) size = size * 0x100 + (bytes[at++] ?? 0);
        if (head < LIST) at += size;
        else items = head < MAP ? size : 2 * size;
      }
    }
    if (items > 0) {
      // Every item takes at least one byte.
      if (items > end - at) return 'broken';
      if (++depth > maxDepth) return 'too_deep';
      left[depth] = items;
    } else while (--left[depth]! === 0) depth--;
  }
  // At level -1 all values have been walked; at level 0 more may follow.
  return at === end && end > 0 && depth <= 0 ? undefined : 'broken';
}

/** A string or bytes, a list, a map. The low bits hold the number of bytes of its size. */
const SIZED = 0x10;
const LIST = 0x20;
const MAP = 0x30;
/** 0xc1 and the extensions. None has a JSON value, and some make a decoder build values that no checker expects. */
const EXTENSION = 0x40;
/** The extensions of 4 and 8 bytes, which can be times: earlier versions stored some. */
const TIMESTAMP = 0x41;
const TIMESTAMP_TYPE = 0xff;

/** For 0xc0 to 0xdf: the number of bytes that follow, or one of the marks above. */
const HEADS = Uint8Array.of(
  ...[0, EXTENSION, 0, 0],
  ...[SIZED | 1, SIZED | 2, SIZED | 4],
  ...[EXTENSION, EXTENSION, EXTENSION],
  ...[4, 8, 1, 2, 4, 8, 1, 2, 4, 8],
  ...[EXTENSION, EXTENSION, TIMESTAMP, TIMESTAMP, EXTENSION],
  ...[SIZED | 1, SIZED | 2, SIZED | 4],
  ...[LIST | 2, LIST | 4, MAP | 2, MAP | 4],
);
