const NEWLINE = 10;

/** Cuts a stream of bytes into its lines, however the bytes were divided. */
export class LineReader {
  private pending: Uint8Array[] = [];

  /** The lines that `bytes` complete, without their ends. */
  push(bytes: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.pending.push(bytes.subarray(from, end));
      lines.push(Buffer.concat(this.pending).toString('utf8'));
      this.pending = [];
      from = end + 1;
    }
    if (from < bytes.byteLength) this.pending.push(bytes.subarray(from));
    return lines;
  }
}
