/** The size of a part, in bytes. A message between processes may have 16 MiB. */
const PART = 1024 * 1024;

/** The values as one JSON text in each line, in parts of at most `size` bytes. A part may end within a line. */
export function* jsonLines(values: Iterable<unknown>, size = PART): Generator<Uint8Array> {
  let lines: Uint8Array[] = [];
  let bytes = 0;
  for (const value of values) {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    lines.push(line);
    bytes += line.byteLength;
    if (bytes < size) continue;
    yield* cut(Buffer.concat(lines), size);
    [lines, bytes] = [[], 0];
  }
  if (bytes > 0) yield* cut(Buffer.concat(lines), size);
}

function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}
