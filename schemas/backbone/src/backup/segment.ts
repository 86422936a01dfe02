import { CodedError, decode, encode } from '@pizzapi/protocol';
import { crc32 } from 'node:zlib';
import { StoredMessage } from '../message.js';

/**
 * A segment is a file of a backup: a magic word, then one record for each message, in the order of the stream.
 *
 *     record  body length u32 · crc u32 · body: msgpack [offset, time, subject, headers, payload]
 */
const MAGIC = Buffer.from('PZSEGM1\n');
const RECORD_HEADER_BYTES = 8;
/** What a record may have, in bytes: the largest file of a session, and some room. */
export const MAX_RECORD_BYTES = 80 * 1024 * 1024;
/** Returns a message as a record. */
export function encodeMessage({ seq, at, subject, text, payload }: StoredMessage): Buffer {
  const body = encode([seq, at, subject, text, payload]);
  const head = Buffer.allocUnsafe(RECORD_HEADER_BYTES);
  head.writeUInt32BE(body.byteLength, 0);
  head.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([head, body]);
}

/** The bytes before the first record. */
export const segmentStart = (): Buffer => Buffer.from(MAGIC);

/** Reads the records of a segment, whatever the chunks are in which its bytes come. Throws `backup_invalid`. */
export async function* readSegment(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<StoredMessage, void, void> {
  const bytes = new ChunkReader(name, chunks);
  try {
    const magic = await bytes.take(MAGIC.length);
    if (magic === undefined || !magic.equals(MAGIC)) throw invalid(name, 'it is not a segment of a backup');
    for (;;) {
      const head = await bytes.take(RECORD_HEADER_BYTES);
      if (head === undefined) return;
      const length = head.readUInt32BE(0);
      if (length > MAX_RECORD_BYTES) throw invalid(name, `a record claims ${length} bytes`);
      const body = await bytes.take(length);
      if (body === undefined) throw invalid(name, 'it ends within a record');
      if (crc32(body) !== head.readUInt32BE(4)) throw invalid(name, 'a record has another checksum');
      yield messageOf(name, body);
    }
  } finally {
    await bytes.close();
  }
}

function messageOf(name: string, body: Buffer): StoredMessage {
  let value: unknown;
  try {
    value = decode(body);
  } catch (cause) {
    throw new CodedError('backup_invalid', `${name}: a record cannot be decoded`, { cause });
  }
  if (!Array.isArray(value)) throw invalid(name, 'a record has another shape');
  const [seq, at, subject, text, payload] = value as unknown[];
  const isWhole = (number: unknown): number is number => Number.isSafeInteger(number) && Number(number) >= 0;
  if (
    !isWhole(seq) ||
    typeof at !== 'number' ||
    typeof subject !== 'string' ||
    typeof text !== 'string' ||
    !(payload instanceof Uint8Array)
  )
    throw invalid(name, 'a record has another shape');
  // A line break inside of a header would become a header of its own.
  if (text.split('\r\n').some((line) => /[\r\n\0]/.test(line))) throw invalid(name, 'a header has a line break');
  return new StoredMessage({ seq, prevSeq: 0, subject, text, at, payload });
}

const invalid = (name: string, what: string): CodedError => new CodedError('backup_invalid', `${name}: ${what}`);

/** Takes exact numbers of bytes from chunks of any size. */
class ChunkReader {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private held: Buffer[] = [];
  private size = 0;

  constructor(
    private readonly name: string,
    chunks: AsyncIterable<Uint8Array>,
  ) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** Ends the source, also where not all of it was read. */
  async close(): Promise<void> {
    await this.chunks.return?.();
  }

  /** Undefined at the end. Throws `backup_invalid` where fewer bytes than these are left. */
  async take(count: number): Promise<Buffer | undefined> {
    while (this.size < count) {
      const next = await this.chunks.next();
      if (next.done === true) {
        if (this.size === 0) return undefined;
        throw invalid(this.name, 'it ends within a record');
      }
      this.held.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength));
      this.size += next.value.byteLength;
    }
    const all = this.held.length === 1 ? this.held[0]! : Buffer.concat(this.held);
    this.held = [all.subarray(count)];
    this.size -= count;
    return all.subarray(0, count);
  }
}
