/**
 * The latest output of a terminal, numbered in bytes. It takes a fixed amount of memory: the oldest bytes are written over, and
 * `first` rises.
 */
export class OutputRing {
  private readonly kept: Uint8Array;
  private end = 0;

  constructor(maxBytes: number) {
    this.kept = new Uint8Array(maxBytes);
  }

  /** The output after this byte is here. */
  get first(): number {
    return Math.max(0, this.end - this.kept.byteLength);
  }

  /** The bytes of output so far. */
  get head(): number {
    return this.end;
  }

  push(bytes: Uint8Array): void {
    const { kept } = this;
    const last = bytes.subarray(Math.max(0, bytes.byteLength - kept.byteLength));
    const at = (this.end + bytes.byteLength - last.byteLength) % kept.byteLength;
    const untilEnd = kept.byteLength - at;
    kept.set(last.subarray(0, untilEnd), at);
    if (last.byteLength > untilEnd) kept.set(last.subarray(untilEnd), 0);
    this.end += bytes.byteLength;
  }

  /** Up to `maxBytes` of output after a byte, or after `first` where that is greater. `n`: the byte that they end at. */
  read(after: number, maxBytes: number): { n: number; bytes: Uint8Array } {
    const { kept } = this;
    const from = Math.max(this.first, Math.min(after, this.end));
    const bytes = new Uint8Array(Math.min(maxBytes, this.end - from));
    const at = from % kept.byteLength;
    const part = kept.subarray(at, at + bytes.byteLength);
    bytes.set(part);
    bytes.set(kept.subarray(0, bytes.byteLength - part.byteLength), part.byteLength);
    return { n: from + bytes.byteLength, bytes };
  }
}
