/** Reads hunks of a unified diff, takes one back, or makes a patch of one, byte for byte. */

export interface Hunk {
  /** `@@ -1,2 +1,3 @@` */
  header: string;
  was: { start: number; count: number };
  now: { start: number; count: number };
}

const HEADER = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** Reads the header of a hunk, or undefined. */
export function parseHunk(header: string): Hunk | undefined {
  const found = HEADER.exec(header);
  if (found === null) return undefined;
  const [text, wasStart, wasCount = '1', nowStart, nowCount = '1'] = found;
  return {
    header: text,
    was: { start: Number(wasStart), count: Number(wasCount) },
    now: { start: Number(nowStart), count: Number(nowCount) },
  };
}

/** The hunks of the unified diff of one file. A line of a content never begins a hunk: it has a sign in front. */
export function hunksOf(patch: Buffer): Hunk[] {
  const hunks: Hunk[] = [];
  for (const line of patch.toString('latin1').split('\n')) {
    if (!line.startsWith('@@ ')) continue;
    const hunk = parseHunk(line);
    if (hunk !== undefined) hunks.push(hunk);
  }
  return hunks;
}

/**
 * A patch with one hunk of the unified diff of one file: without the changes of its mode and its name. Undefined: the diff has
 * no such hunk.
 */
export function patchOfHunk(patch: Buffer, header: string): Buffer | undefined {
  const lines = linesOf(patch).map((bytes) => ({ bytes, text: bytes.toString('latin1') }));
  const first = lines.findIndex(({ text }) => text.startsWith('@@ '));
  const from = lines.findIndex(({ text }) => parseHunk(text)?.header === header);
  if (from === -1) return undefined;
  const after = lines.findIndex(({ text }, i) => i > from && text.startsWith('@@ '));
  const names = lines.slice(0, first).filter(({ text }) => /^(diff --git|---|\+\+\+) /.test(text));
  return Buffer.concat([...names, ...lines.slice(from, after === -1 ? undefined : after)].map(({ bytes }) => bytes));
}

/** The lines of a content, each with its newline. The last one may have none. */
export function linesOf(content: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = content.indexOf(0x0a); end !== -1; end = content.indexOf(0x0a, start)) {
    lines.push(content.subarray(start, end + 1));
    start = end + 1;
  }
  if (start < content.length) lines.push(content.subarray(start));
  return lines;
}

/** The content with the lines of one hunk as they were before. The hunk is of the diff between both contents. */
export function undoHunk(was: Buffer, now: Buffer, hunk: Hunk): Buffer {
  const before = linesOf(was);
  const after = linesOf(now);
  const end = rangeOf(hunk.now);
  const old = rangeOf(hunk.was);
  return Buffer.concat([...after.slice(0, end.from), ...before.slice(old.from, old.to), ...after.slice(end.to)]);
}

/** Git counts lines from 1; a range without lines stands after the line that it names. */
function rangeOf({ start, count }: { start: number; count: number }): { from: number; to: number } {
  const from = count === 0 ? start : start - 1;
  return { from, to: from + count };
}
