/** `type` and `at` of an event, read without decoding the rest of it. */
export interface EventHeader {
  type: string;
  at: number;
}

const STRING_OF = 0xa0;
const LONGEST_FIXED = 31;

/**
 * Reads the head of an event as our encoder writes it: a map whose first two entries are `type` and `at`. Undefined
 * for anything else, which then has to be decoded as a whole.
 */
export function readEventHeader(bytes: Uint8Array): EventHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 16) return undefined;
  const first = view.getUint8(0);
  const entries = first === 0xde ? view.getUint16(1) : first & 0x0f;
  if ((first !== 0xde && first >> 4 !== 8) || entries < 2) return undefined;
  const type = first === 0xde ? 3 : 1;
  if (!isKey(bytes, type, 'type')) return undefined;
  const length = view.getUint8(type + 5) - STRING_OF;
  const at = type + 6 + length;
  if (length < 1 || length > LONGEST_FIXED || at + 12 > bytes.byteLength || !isKey(bytes, at, 'at')) return undefined;
  const when = view.getUint8(at + 3);
  if (when !== 0xcb && when !== 0xcf) return undefined;
  return {
    type: String.fromCharCode(...bytes.subarray(type + 6, at)),
    at: when === 0xcb ? view.getFloat64(at + 4) : Number(view.getBigUint64(at + 4)),
  };
}

function isKey(bytes: Uint8Array, at: number, key: string): boolean {
  if (bytes[at] !== STRING_OF + key.length) return false;
  for (let index = 0; index < key.length; index++) if (bytes[at + 1 + index] !== key.charCodeAt(index)) return false;
  return true;
}
