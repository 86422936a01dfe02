/** Output is gathered for so long while a terminal prints much, in ms. */
export const GATHER_MS = 16;
/** No message of output is larger, in bytes. */
export const MAX_CHUNK_BYTES = 64 * 1024;
/** A terminal prints much when it has printed more lately, in bytes, */
const MUCH_BYTES = 4 * 1024;
/** and this is how long what it printed counts, in ms. */
const MEMORY_MS = 2 * GATHER_MS;

export interface CoalescerOptions {
  /** Receives output in its order. */
  onChunk: (bytes: Uint8Array) => void;
  now?: () => number;
  /** Runs `fn` after `ms`, or in the next turn. Returns what stops it. */
  schedule?: (fn: () => void, ms: number) => () => void;
}

/**
 * Joins what a terminal prints into few messages. A little output leaves in the same turn, so that a typed letter appears
 * at once. While there is much, it leaves every 16 ms or as 64 KiB.
 */
export class OutputCoalescer {
  private parts: Uint8Array[] = [];
  private size = 0;
  private stopTimer: (() => void) | undefined;
  private recent = 0;
  private countedAt = 0;
  private readonly now: () => number;
  private readonly schedule: NonNullable<CoalescerOptions['schedule']>;

  constructor(private readonly options: CoalescerOptions) {
    this.now = options.now ?? (() => performance.now());
    this.schedule = options.schedule ?? later;
  }

  push(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.parts.push(bytes);
    this.size += bytes.byteLength;
    if (this.size >= MAX_CHUNK_BYTES) this.emit(this.size - (this.size % MAX_CHUNK_BYTES));
    if (this.size > 0) this.stopTimer ??= this.schedule(() => this.flush(), this.waitMs());
  }

  /** Hands over all that was gathered. */
  flush(): void {
    this.emit(this.size);
  }

  /** Hands over the first bytes of what was gathered. */
  private emit(size: number): void {
    this.stopTimer?.();
    this.stopTimer = undefined;
    if (size === 0) return;
    const gathered = joined(this.parts, this.size);
    this.parts = size < this.size ? [gathered.subarray(size)] : [];
    this.size -= size;
    this.count(size);
    for (let at = 0; at < size; at += MAX_CHUNK_BYTES)
      this.options.onChunk(gathered.subarray(at, Math.min(size, at + MAX_CHUNK_BYTES)));
  }

  private waitMs(): number {
    return this.recentBytes(this.now()) > MUCH_BYTES ? GATHER_MS : 0;
  }

  private count(bytes: number): void {
    const now = this.now();
    this.recent = this.recentBytes(now) + bytes;
    this.countedAt = now;
  }

  /** What was sent lately. It counts less with time, and no longer after `MEMORY_MS`. */
  private recentBytes(now: number): number {
    return this.recent * Math.max(0, 1 - (now - this.countedAt) / MEMORY_MS);
  }
}

function later(fn: () => void, ms: number): () => void {
  if (ms > 0) {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  }
  const turn = setImmediate(fn);
  return () => clearImmediate(turn);
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
