import {
  closeSync,
  existsSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { decode, isId, isSessionEvent, type SessionEvent, type TraceContext } from '@pizzapi/protocol';
import type { AppendOutcome } from './sessionWriter.js';
import {
  decodeHeader,
  decodeRecords,
  encodeHeader,
  encodeRecord,
  recordSize,
  SPOOL_HEADER_BYTES,
  writeRecord,
  type SpoolHeader,
  type SpoolRecord,
} from './spoolFile.js';

/** A drained file larger than this is cut back to its header. */
const TRIM_BYTES = 1024 * 1024;
/** Acknowledgements between two writes of the header. A writer asks the log for what the header does not say. */
const ACKS_PER_HEADER = 64;

/** An event that waits to be acknowledged. Its bytes are in the file; in memory only while it is about to be sent. */
export interface SpoolEntry {
  readonly n: number;
  readonly type: string;
  /** Bytes the record takes in the file. */
  readonly size: number;
  readonly at: number;
  payload: Uint8Array | undefined;
  /** What the event belongs to. Only in memory. */
  trace: TraceContext | undefined;
  /** Who waits for what becomes of the event. Only in memory. */
  waiter: ((outcome: AppendOutcome) => void) | undefined;
}

/** Where the spool of a session lies. */
export function spoolPath(dir: string, sid: string): string {
  if (!isId(sid)) throw new TypeError('Not a session id');
  return join(dir, `${sid}.spool`);
}

/** What a spool file holds that may not be in the log yet. A missing or foreign file holds nothing. */
export function readSpool(path: string): { header: SpoolHeader | undefined; records: SpoolRecord[] } {
  if (!existsSync(path)) return { header: undefined, records: [] };
  const bytes = readFileSync(path);
  const header = decodeHeader(bytes.subarray(0, SPOOL_HEADER_BYTES));
  const { records } = decodeRecords(bytes);
  return { header, records: records.filter(({ n }) => n > (header?.ackedN ?? 0)) };
}

/**
 * The events of some types that a session's spool holds and the log perhaps not, in order. What a process had said when
 * it died is here or in the log: asked in this order, nothing slips through on its way from one to the other.
 */
export function spooledEvents(dir: string, sid: string, types: readonly string[]): SessionEvent[] {
  const { records } = readSpool(spoolPath(dir, sid));
  return records
    .filter(({ type }) => types.includes(type))
    .map(({ payload }) => decode(payload))
    .filter(isSessionEvent);
}

/** Writes a spool file whole, in the place of what was there, or leaves what was there. */
export function replaceSpool(path: string, header: SpoolHeader, records: readonly SpoolRecord[]): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  const fd = openSync(draft, 'w', 0o600);
  try {
    const bytes = Buffer.concat([encodeHeader(header), ...records.map(encodeRecord)]);
    writeAll(fd, bytes, bytes.length, 0);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, path);
}

/**
 * The bounded file through which every event of a session goes on its way to the log. Writing needs no fsync to
 * survive the death of the process: the system has the bytes. `sync` makes them survive that of the machine.
 */
export class Spool {
  readonly entries: SpoolEntry[];
  private readonly fd: number;
  private end: number;
  private unwritten = 0;
  private syncing: Promise<void> | undefined;
  private dirty = false;
  private waitingBytes: number;

  private constructor(
    readonly path: string,
    readonly header: SpoolHeader,
    readonly maxBytes: number,
    private readonly acksPerHeader: number,
  ) {
    this.fd = openSync(path, 'r+');
    const { records, end } = decodeRecords(readFileSync(path));
    this.end = end;
    ftruncateSync(this.fd, end);
    this.entries = records
      .filter(({ n }) => n > header.ackedN)
      .map(({ n, type, at, size }) => ({ n, type, at, size, payload: undefined, trace: undefined, waiter: undefined }));
    this.waitingBytes = this.entries.reduce((sum, { size }) => sum + size, 0);
  }

  /** Opens a file that `replaceSpool` wrote. */
  static open(path: string, maxBytes: number, acksPerHeader = ACKS_PER_HEADER): Spool {
    const { header } = readSpool(path);
    if (header === undefined) throw new Error(`${path} is not a spool`);
    return new Spool(path, header, maxBytes, acksPerHeader);
  }

  /** Bytes that wait to be acknowledged. */
  get bytes(): number {
    return this.waitingBytes;
  }

  /** The highest number ever given in this file. */
  get lastN(): number {
    return this.entries.at(-1)?.n ?? this.header.ackedN;
  }

  /** The offset of the last event that is known to be in the log. */
  get ackedSeq(): number {
    return this.header.ackedSeq;
  }

  /** Whether an event of this size would go over the bound. */
  hasRoomFor(payloadBytes: number): boolean {
    return this.waitingBytes + payloadBytes + 64 <= this.maxBytes;
  }

  push(n: number, type: string, payload: Uint8Array): SpoolEntry {
    const record = { n, type, payload };
    const size = recordSize(record);
    writeAll(this.fd, writeRecord(record), size, this.end);
    const entry: SpoolEntry = { n, type, size, at: this.end, payload, trace: undefined, waiter: undefined };
    this.end += size;
    this.waitingBytes += size;
    this.entries.push(entry);
    this.dirty = true;
    return entry;
  }

  /** The bytes of a waiting event. */
  payloadOf(entry: SpoolEntry): Uint8Array {
    if (entry.payload !== undefined) return entry.payload;
    const offset = 17 + Buffer.byteLength(entry.type, 'latin1');
    const payload = Buffer.allocUnsafe(entry.size - offset);
    readSync(this.fd, payload, 0, payload.length, entry.at + offset);
    return payload;
  }

  /** The first waiting event is in the log, at `seq`. */
  acknowledge(seq: number): void {
    const entry = this.entries.shift();
    if (entry === undefined) return;
    this.waitingBytes -= entry.size;
    this.header.ackedN = entry.n;
    this.header.ackedSeq = seq;
    const trim = this.entries.length === 0 && this.end > TRIM_BYTES;
    if (++this.unwritten >= this.acksPerHeader || trim) this.writeHeader();
    if (!trim) return;
    ftruncateSync(this.fd, SPOOL_HEADER_BYTES);
    this.end = SPOOL_HEADER_BYTES;
  }

  /** Waiting events are on their way to be many: don't keep their bytes in memory. */
  releaseMemory(): void {
    for (const entry of this.entries) entry.payload = undefined;
  }

  /** Resolves when everything pushed before is on the disk. Callers at the same time share one flush. */
  async sync(): Promise<void> {
    while (this.dirty || this.syncing !== undefined) {
      if (this.syncing === undefined) {
        this.dirty = false;
        this.syncing = new Promise<void>((resolve, reject) => {
          fdatasync(this.fd, (error) => (error === null ? resolve() : reject(error)));
        }).finally(() => (this.syncing = undefined));
      }
      await this.syncing;
    }
  }

  /** Closes the file; one that holds nothing is removed. */
  async close(): Promise<void> {
    await this.syncing;
    this.writeHeader();
    closeSync(this.fd);
    if (this.entries.length === 0) rmSync(this.path, { force: true });
  }

  /** Deletes the file, which must be closed. */
  remove(): void {
    rmSync(this.path, { force: true });
  }

  private writeHeader(): void {
    this.unwritten = 0;
    writeAll(this.fd, encodeHeader(this.header), SPOOL_HEADER_BYTES, 0);
  }
}

/** Writes the first `length` bytes to `position` of a file. */
function writeAll(fd: number, bytes: Buffer, length: number, position: number): void {
  let done = 0;
  while (done < length) done += writeSync(fd, bytes, done, length - done, position + done);
}
