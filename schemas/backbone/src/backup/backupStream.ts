import { CodedError, isMap, MAX_SEGMENT_BYTES } from '@pizzapi/protocol';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackupSink } from './backupFolder.js';
import { isBackupFile, MANIFEST_FILE, MAX_MANIFEST_BYTES, TOMBSTONES_FILE } from './manifest.js';
import { writeParts } from './writtenFile.js';

/**
 * A backup as one stream, for a pipe or a single file: for each file a line of JSON, then its bytes. The manifest is the last
 * one, because it names all others.
 *
 *     PZBACKUP1 \n { "file": "00000001-SESSIONS.seg", "bytes": 1234, "sha256": "…" } \n <1234 bytes> …
 */
const FIRST_LINE = 'PZBACKUP1\n';
/** What the line before a file may have, in bytes. */
const MAX_LINE_BYTES = 512;

/** Writes a backup to a stream, which is not closed. Nothing is known of an earlier run. */
export function streamSink(out: NodeJS.WritableStream): BackupSink {
  let isBegun = false;
  const write = async (bytes: Uint8Array | string): Promise<void> => {
    if (!out.write(bytes)) await once(out, 'drain');
  };
  const put = async (file: string, parts: readonly Uint8Array[]): Promise<void> => {
    if (!isBegun) await write(FIRST_LINE);
    isBegun = true;
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
    await write(`${JSON.stringify({ file, bytes, sha256: hash.digest('hex') })}\n`);
    for (const part of parts) await write(part);
  };
  return {
    known: undefined,
    put,
    async save(manifest) {
      if (manifest.isComplete) await put(MANIFEST_FILE, [Buffer.from(JSON.stringify(manifest))]);
    },
    close: () => Promise.resolve(),
  };
}

/** Writes the files of a backup that comes as a stream to an empty folder. Throws `backup_invalid`, and leaves what it wrote. */
export async function unpackStream(input: AsyncIterable<Uint8Array | string>, folder: string): Promise<void> {
  const bytes = new ByteReader(input);
  if ((await bytes.line()) !== FIRST_LINE.trimEnd()) throw invalid('The stream is not a backup of PizzaPi');
  const seen = new Set<string>();
  for (;;) {
    const line = await bytes.line();
    if (line === undefined) break;
    const { file, size, sha256 } = headOf(line);
    if (seen.has(file)) throw invalid(`The stream has ${file} twice`);
    seen.add(file);
    await writeFile(join(folder, file), bytes.exactly(size, file), sha256, file);
  }
  if (!seen.has(MANIFEST_FILE)) throw invalid(`The stream ends before ${MANIFEST_FILE}`);
}

async function writeFile(path: string, chunks: AsyncIterable<Uint8Array>, sha256: string, file: string): Promise<void> {
  const hash = createHash('sha256');
  const handle = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      await writeParts(handle, [chunk]);
    }
  } finally {
    await handle.close();
  }
  if (hash.digest('hex') !== sha256) throw invalid(`${file} has another SHA-256 than the line before it says`);
}

function headOf(line: string): { file: string; size: number; sha256: string } {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw invalid('A line between two files is not JSON');
  }
  const { file, bytes, sha256 } = isMap(value) ? value : {};
  if (typeof file !== 'string' || !isBackupFile(file))
    throw invalid(`The stream names the file ${JSON.stringify(file)?.slice(0, 80)}, which no backup has`);
  const most = file === MANIFEST_FILE || file === TOMBSTONES_FILE ? MAX_MANIFEST_BYTES : MAX_SEGMENT_BYTES;
  if (typeof bytes !== 'number' || !Number.isInteger(bytes) || bytes < 0 || bytes > most)
    throw invalid(`${file} claims ${String(bytes)} bytes`);
  if (typeof sha256 !== 'string') throw invalid(`${file} has no SHA-256`);
  return { file, size: bytes, sha256 };
}

const invalid = (what: string): CodedError => new CodedError('backup_invalid', what);

/** Reads lines and exact numbers of bytes. */
class ByteReader {
  private readonly input: AsyncIterator<Uint8Array | string>;
  private held = Buffer.alloc(0);

  constructor(input: AsyncIterable<Uint8Array | string>) {
    this.input = input[Symbol.asyncIterator]();
  }

  /** A line without its end, or undefined at the end. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.held.indexOf(10);
      if (end >= 0) {
        const line = this.held.toString('utf8', 0, end);
        this.held = this.held.subarray(end + 1);
        return line;
      }
      if (this.held.length > MAX_LINE_BYTES) throw invalid('A line between two files is too long');
      if (await this.more()) continue;
      if (this.held.length === 0) return undefined;
      throw invalid('The stream ends within a line');
    }
  }

  async *exactly(size: number, file: string): AsyncGenerator<Uint8Array, void, void> {
    for (let left = size; left > 0;) {
      if (this.held.length === 0 && !(await this.more())) throw invalid(`The stream ends within ${file}`);
      const chunk = this.held.subarray(0, left);
      this.held = this.held.subarray(chunk.length);
      left -= chunk.length;
      if (chunk.length > 0) yield chunk;
    }
  }

  private async more(): Promise<boolean> {
    const next = await this.input.next();
    if (next.done === true) return false;
    const bytes = typeof next.value === 'string' ? Buffer.from(next.value) : Buffer.from(next.value);
    this.held = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes]);
    return true;
  }
}
