/**
 * Reads single values out of a msgpack map without decoding it. The gateway calls this for every delta and the
 * projector for every large event. Everything here returns undefined for bytes that it does not understand.
 */

/** The type and the time of an event. */
export interface EventHeader {
  type: string;
  at: number;
}

/** Returns the number at `key` (at most 31 ASCII characters) of a map, unless it is negative. */
export function peekNumber(bytes: Uint8Array, key: string): number | undefined {
  const at = find(bytes, key);
  return at === NONE ? undefined : numberAt(bytes, at);
}

/** Returns `type` and `at` of an event. */
export function peekEventHeader(bytes: Uint8Array): EventHeader | undefined {
  const typeAt = find(bytes, 'type');
  const type = typeAt === NONE ? undefined : shortAsciiAt(bytes, typeAt);
  if (type === undefined) return undefined;
  const at = peekNumber(bytes, 'at');
  return at === undefined ? undefined : { type, at };
}

const NONE = -1;

/** Returns where the value of `key` starts, or `NONE`. */
function find(bytes: Uint8Array, key: string): number {
  const first = bytes[0] ?? 0;
  let entries = 0;
  let at = 1;
  if ((first & 0xf0) === 0x80) entries = first & 0x0f;
  else if (first === 0xde) [entries, at] = [sizeAt(bytes, 1, 2), 3];
  else if (first === 0xdf) [entries, at] = [sizeAt(bytes, 1, 4), 5];
  while (entries-- > 0) {
    if (isKey(bytes, at, key)) return at + 1 + key.length;
    at = end(bytes, at);
    if (at !== NONE) at = end(bytes, at);
    if (at === NONE) return NONE;
  }
  return NONE;
}

const SHORT_STRING = 0xa0;
const LONGEST_SHORT_STRING = 31;

function isKey(bytes: Uint8Array, at: number, key: string): boolean {
  if (bytes[at] !== SHORT_STRING + key.length) return false;
  for (let i = 0; i < key.length; i++) if (bytes[at + 1 + i] !== key.charCodeAt(i)) return false;
  return true;
}

function shortAsciiAt(bytes: Uint8Array, at: number): string | undefined {
  const length = bytes[at]! - SHORT_STRING;
  if (!(length >= 1 && length <= LONGEST_SHORT_STRING) || at + 1 + length > bytes.length) return undefined;
  let text = '';
  for (let i = 1; i <= length; i++) {
    const byte = bytes[at + i]!;
    if (byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}

function numberAt(bytes: Uint8Array, at: number): number | undefined {
  const tag = bytes[at];
  if (tag === undefined) return undefined;
  if (tag < 0x80) return tag;
  const size = NUMBERS[tag - 0xca];
  if (size === undefined || at + 1 + size > bytes.length) return undefined;
  if (tag >= 0xcc) return sizeAt(bytes, at + 1, size);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at + 1, size);
  return size === 4 ? view.getFloat32(0) : view.getFloat64(0);
}

/** How many bytes a number has, for 0xca to 0xcf: two floats and four unsigned integers. */
const NUMBERS: readonly number[] = [4, 8, 1, 2, 4, 8];

/** Reads an unsigned integer. Bytes behind the end count as 0: what has such a size ends behind the end, too. */
function sizeAt(bytes: Uint8Array, at: number, length: number): number {
  let size = 0;
  for (let i = 0; i < length; i++) size = size * 0x100 + (bytes[at + i] ?? 0);
  return size;
}

/** Returns where the value at `at` ends, or `NONE` when the bytes end first. Counts instead of recursing. */
function end(bytes: Uint8Array, at: number): number {
  for (let left = 1; left > 0; left--) {
    if (at >= bytes.length) return NONE;
    const tag = bytes[at++]!;
    if (tag < 0x80 || tag >= 0xe0) continue;
    if (tag < 0x90) left += 2 * (tag & 0x0f);
    else if (tag < 0xa0) left += tag & 0x0f;
    else if (tag < 0xc0) at += tag & 0x1f;
    else {
      const head = HEADS[tag - 0xc0]!;
      if (head < SIZED) at += head;
      else {
        const length = head & 0x07;
        const size = sizeAt(bytes, at, length);
        at += length;
        if (head >= MAP) left += 2 * size;
        else if (head >= LIST) left += size;
        else at += head >= EXTENSION ? size + 1 : size;
      }
    }
  }
  return at <= bytes.length ? at : NONE;
}

/** A string or bytes, an extension with its type, a list, a map: with this, how many bytes their size has. */
const SIZED = 0x20;
const EXTENSION = 0x30;
const LIST = 0x40;
const MAP = 0x50;

/** For 0xc0 to 0xdf: how many bytes follow, or one of the marks above. */
const HEADS = Uint8Array.of(
  ...[0, 0, 0, 0],
  ...[SIZED | 1, SIZED | 2, SIZED | 4],
  ...[EXTENSION | 1, EXTENSION | 2, EXTENSION | 4],
  ...[4, 8, 1, 2, 4, 8, 1, 2, 4, 8],
  ...[2, 3, 5, 9, 17],
  ...[SIZED | 1, SIZED | 2, SIZED | 4],
  ...[LIST | 2, LIST | 4, MAP | 2, MAP | 4],
);
