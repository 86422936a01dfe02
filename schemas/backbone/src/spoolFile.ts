import { crc32 } from 'node:zlib';

/**
 * The format of a spool file: a header that says what is known to be in the log, then one record per event.
 *
 *     header  magic u32 · epoch f64 · acked n f64 · acked offset f64 · crc u32
 *     record  body length u32 · crc u32 · body: n f64 · type length u8 · type · payload
 *
 * A process killed while it writes leaves a torn last record, a power cut may leave a torn header; both are recognised
 * and cost nothing but a look into the log.
 */
export const SPOOL_HEADER_BYTES = 32;
const RECORD_HEADER_BYTES = 8;
/** The bytes of a record before its type: the header, the number and the length of the type. */
const FIXED_BYTES = RECORD_HEADER_BYTES + 9;
const MAGIC = 0x505a5331;

export interface SpoolHeader {
  /** The epoch all records of the file are numbered in. */
  epoch: number;
  /** Every event up to this number is in the log. */
  ackedN: number;
  /** The offset of the last one known to be. */
  ackedSeq: number;
}

export interface SpoolRecord {
  n: number;
  type: string;
  payload: Uint8Array;
}

export function encodeHeader({ epoch, ackedN, ackedSeq }: SpoolHeader): Buffer {
  const bytes = Buffer.allocUnsafe(SPOOL_HEADER_BYTES);
  bytes.writeUInt32BE(MAGIC, 0);
  bytes.writeDoubleBE(epoch, 4);
  bytes.writeDoubleBE(ackedN, 12);
  bytes.writeDoubleBE(ackedSeq, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 28)), 28);
  return bytes;
}

/** The header, or undefined when it is torn or of another making. */
export function decodeHeader(bytes: Buffer): SpoolHeader | undefined {
  if (bytes.length < SPOOL_HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined;
  if (bytes.readUInt32BE(28) !== crc32(bytes.subarray(0, 28))) return undefined;
  return { epoch: bytes.readDoubleBE(4), ackedN: bytes.readDoubleBE(12), ackedSeq: bytes.readDoubleBE(20) };
}

export function encodeRecord(record: SpoolRecord): Buffer {
  return Buffer.from(writeRecord(record).subarray(0, recordSize(record)));
}

/** The bytes that a record takes in the file. */
export function recordSize({ type, payload }: SpoolRecord): number {
  return FIXED_BYTES + typeBytes(type).length + payload.byteLength;
}

/** Records up to this size are written to one buffer that is used again: nearly every event. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * `encodeRecord` without an allocation, for the hot path. The record is the first `recordSize` bytes of the buffer, and
 * valid until the next call.
 */
export function writeRecord(record: SpoolRecord): Buffer {
  const { n, type, payload } = record;
  const name = typeBytes(type);
  const whole = recordSize(record);
  const bytes = whole <= shared.length ? shared : Buffer.allocUnsafe(whole);
  bytes.writeUInt32BE(whole - RECORD_HEADER_BYTES, 0);
  bytes.writeDoubleBE(n, 8);
  bytes.writeUInt8(name.length, 16);
  bytes.set(name, FIXED_BYTES);
  bytes.set(payload, FIXED_BYTES + name.length);
  const body = bytes === shared ? headOf(name.length) : bytes.subarray(RECORD_HEADER_BYTES, FIXED_BYTES + name.length);
  bytes.writeUInt32BE(crc32(payload, crc32(body)), 4);
  return bytes;
}

/** Views of `shared` from the number of the event to the end of its type, by the length of the type. */
const heads: Buffer[] = [];

function headOf(nameBytes: number): Buffer {
  return (heads[nameBytes] ??= shared.subarray(RECORD_HEADER_BYTES, FIXED_BYTES + nameBytes));
}

/** The types of a process are few: those of the protocol. Foreign types are not kept. */
const MAX_TYPES = 256;
const types = new Map<string, Buffer>();

/** Latin-1: a byte a character. */
function typeBytes(type: string): Buffer {
  const known = types.get(type);
  if (known !== undefined) return known;
  const bytes = Buffer.from(type, 'latin1');
  if (types.size < MAX_TYPES) types.set(type, bytes);
  return bytes;
}

/** The whole records of a file, in order, and where they end: what lies behind is a torn write. */
export function decodeRecords(bytes: Buffer): { records: (SpoolRecord & { at: number; size: number })[]; end: number } {
  const records: (SpoolRecord & { at: number; size: number })[] = [];
  let at = SPOOL_HEADER_BYTES;
  while (at + RECORD_HEADER_BYTES + 9 <= bytes.length) {
    const size = bytes.readUInt32BE(at);
    const body = bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + size);
    if (size < 9 || body.length < size || bytes.readUInt32BE(at + 4) !== crc32(body)) break;
    const nameEnd = 9 + body.readUInt8(8);
    if (nameEnd > size) break;
    const whole = RECORD_HEADER_BYTES + size;
    records.push({
      n: body.readDoubleBE(0),
      type: body.toString('latin1', 9, nameEnd),
      payload: body.subarray(nameEnd),
      at,
      size: whole,
    });
    at += whole;
  }
  return { records, end: at };
}
