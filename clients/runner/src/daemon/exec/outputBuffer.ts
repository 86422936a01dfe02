import { CodedError } from '@pizzapi/protocol';

export type OutputStream = 'stdout' | 'stderr';

interface Chunk {
  stream: OutputStream;
  bytes: Buffer;
}

/**
 * The output of a command that its caller has not received yet. Both streams share one offset in bytes, in the order in
 * which the output came. What lies before the `after` of a request is dropped: the caller has it.
 */
export class OutputBuffer {
  private readonly chunks: Chunk[] = [];
  private first = 0;
  private last = 0;

  constructor(private readonly pageBytes: number) {}

  /** The offset behind the last byte. */
  get end(): number {
    return this.last;
  }

  /** Bytes in memory. */
  get size(): number {
    return this.last - this.first;
  }

  push(stream: OutputStream, bytes: Buffer): void {
    if (bytes.byteLength === 0) return;
    this.chunks.push({ stream, bytes });
    this.last += bytes.byteLength;
  }

  /** Returns one page of output after an offset. Throws `offset_expired` for what was dropped. */
  take(after: number): { stdout: Buffer; stderr: Buffer; next: number } {
    if (after < this.first) throw new CodedError('offset_expired', `The output before ${this.first} is not kept`);
    if (after > this.last) throw new CodedError('invalid_offset', `The output has reached ${this.last}`);
    this.drop(after);
    const parts: Record<OutputStream, Buffer[]> = { stdout: [], stderr: [] };
    let left = this.pageBytes;
    for (const { stream, bytes } of this.chunks) {
      if (left <= 0) break;
      const part = bytes.subarray(0, left);
      parts[stream].push(part);
      left -= part.byteLength;
    }
    const next = after + this.pageBytes - left;
    return { stdout: Buffer.concat(parts.stdout), stderr: Buffer.concat(parts.stderr), next };
  }

  private drop(before: number): void {
    while (this.first < before) {
      const chunk = this.chunks[0]!;
      const count = Math.min(before - this.first, chunk.bytes.byteLength);
      if (count === chunk.bytes.byteLength) this.chunks.shift();
      else chunk.bytes = chunk.bytes.subarray(count);
      this.first += count;
    }
  }
}
