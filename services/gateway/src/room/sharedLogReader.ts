import type { Semaphore } from '@pizzapi/process';
import { eventFrames, type Frame } from '../wire/frame.js';
import { packetsOf, type Packet } from '../wire/packet.js';
import type { RoomLimits } from './limits.js';
import type { SessionSource, SourceEvent } from './source.js';

/** A stretch of the log: all events after `after` up to `last`. */
export interface Chunk {
  readonly after: number;
  readonly last: number;
  readonly frames: readonly Frame[];
  readonly packets: readonly Packet[];
}

interface Kept {
  chunk: Chunk;
  bytes: number;
  usedAt: number;
}

interface LogReadHead {
  events: AsyncIterator<readonly SourceEvent[]>;
  upTo: number;
  abort: AbortController;
  idleSince: number;
}

/**
 * Reads the log behind the ring for all viewers of a room together: who wants what another has just read, or is
 * reading, gets the same frames. What was read is kept for some seconds, within a bound of bytes.
 */
export class SharedLogReader {
  private kept: Kept[] = [];
  private bytes = 0;
  private readonly reading = new Map<number, Promise<Chunk>>();
  /** Reads that went no further than their last taker wanted, by where they stand. */
  private readonly readers = new Map<number, LogReadHead>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly source: SessionSource,
    private readonly logReads: Semaphore,
    private readonly limits: RoomLimits,
    private readonly onRead: () => void,
  ) {}

  /**
   * The next stretch after `after`. Nothing is left out between `after` and the stretch's `last`, which is `upTo` when
   * the log holds nothing more before it.
   */
  async next(after: number, upTo: number): Promise<Chunk> {
    const known = this.find(after);
    if (known !== undefined) return known;
    const near = this.inFlight(after);
    if (near !== undefined) {
      const chunk = await near;
      if (chunk.after <= after && after < chunk.last) return this.cut(chunk, after);
      const found = this.find(after);
      if (found !== undefined) return found;
    }
    const again = this.reading.get(after);
    if (again !== undefined) return again;
    const read = this.logReads.run(() => this.read(after, upTo)).finally(() => this.reading.delete(after));
    this.reading.set(after, read);
    return read;
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    for (const reader of this.readers.values()) this.end(reader);
    this.readers.clear();
    this.kept = [];
    this.bytes = 0;
  }

  private find(after: number): Chunk | undefined {
    const kept = this.kept.find(({ chunk }) => chunk.after <= after && after < chunk.last);
    if (kept === undefined) return undefined;
    kept.usedAt = Date.now();
    return this.cut(kept.chunk, after);
  }

  /** The read under way that may hold what follows `after`: the nearest one before it. */
  private inFlight(after: number): Promise<Chunk> | undefined {
    let best = -1;
    for (const from of this.reading.keys()) if (from <= after && from > best) best = from;
    return best < 0 ? undefined : this.reading.get(best);
  }

  private cut(chunk: Chunk, after: number): Chunk {
    if (chunk.after === after) return chunk;
    return this.chunkOf(
      after,
      chunk.last,
      chunk.frames.filter(({ seq }) => seq > after),
    );
  }

  private chunkOf(after: number, last: number, frames: readonly Frame[]): Chunk {
    return { after, last, frames, packets: packetsOf(frames, this.limits.chunkBytes) };
  }

  private async read(after: number, upTo: number): Promise<Chunk> {
    const reader = this.take(after, upTo);
    const step = await reader.events.next();
    if (step.done === true || step.value.length === 0) {
      this.end(reader);
      return this.chunkOf(after, Math.max(after, reader.upTo), []);
    }
    const frames = eventFrames(step.value, this.limits.chunkBytes);
    const chunk = this.chunkOf(after, frames.at(-1)!.seq, frames);
    if (this.closed) this.end(reader);
    else {
      reader.idleSince = Date.now();
      this.readers.set(chunk.last, reader);
      this.keep(chunk);
    }
    return chunk;
  }

  /** A read that stands at `after` already, or a new one. */
  private take(after: number, upTo: number): LogReadHead {
    const standing = this.readers.get(after);
    if (standing !== undefined) {
      this.readers.delete(after);
      return standing;
    }
    this.onRead();
    const abort = new AbortController();
    const events = this.source.read(after, upTo, abort.signal)[Symbol.asyncIterator]();
    return { events, upTo, abort, idleSince: 0 };
  }

  private end(reader: LogReadHead): void {
    reader.abort.abort();
    void reader.events.return?.();
  }

  private keep(chunk: Chunk): void {
    const bytes = chunk.frames.reduce((sum, { size }) => sum + size, 0);
    this.kept.push({ chunk, bytes, usedAt: Date.now() });
    this.bytes += bytes;
    // The least recently used go first, but never the one just read: its reader is about to take it.
    while (this.bytes > this.limits.historyBytes && this.kept.length > 1) {
      let oldest = 0;
      for (let i = 1; i < this.kept.length - 1; i++) if (this.kept[i]!.usedAt < this.kept[oldest]!.usedAt) oldest = i;
      this.bytes -= this.kept.splice(oldest, 1)[0]!.bytes;
    }
    this.timer ??= setInterval(() => this.forget(), this.limits.historyMs).unref();
  }

  private forget(): void {
    const before = Date.now() - this.limits.historyMs;
    this.kept = this.kept.filter(({ usedAt }) => usedAt >= before);
    this.bytes = this.kept.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const [position, reader] of this.readers) {
      if (reader.idleSince >= before) continue;
      this.readers.delete(position);
      this.end(reader);
    }
    if (this.kept.length > 0 || this.readers.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
