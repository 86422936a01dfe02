/** The header of a whole, unmasked WebSocket message, as a server writes it. */
export const TEXT = 0x81;
export const BINARY = 0x82;

/** The longest header. */
export const MAX_HEADER_BYTES = 10;

/** Returns the bytes of the header of a message of `length` bytes. */
export function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : MAX_HEADER_BYTES;
}

/** Writes the header of a message of `length` bytes to `target` at `at`. Returns the position after it. */
export function writeHeader(target: Buffer, at: number, length: number, firstByte: number): number {
  target[at] = firstByte;
  if (length < 126) {
    target[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    target[at + 1] = 126;
    return target.writeUInt16BE(length, at + 2);
  }
  target[at + 1] = 127;
  target.writeUInt32BE(0, at + 2);
  return target.writeUInt32BE(length, at + 6);
}
