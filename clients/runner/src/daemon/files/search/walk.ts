import { isUtf8 } from 'node:buffer';
import { constants, type Dirent } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { bytePath, fromBuffer, joinPath, toBuffer, type BytePath } from '../bytePath.js';

/** Our own search, for hosts without ripgrep. Runs in a process of its own. Follows no links. */

/** Files above this are not searched for content. */
const MAX_CONTENT_BYTES = 32 * 1024 * 1024;
/** A NUL in so many bytes at the beginning says that a file is no text, as for ripgrep. */
const BINARY_BYTES = 8 * 1024;
/** Folders in folders. */
const MAX_DEPTH = 2_000;

export interface WalkOptions {
  hidden: boolean;
  folders: boolean;
}

/** All files below the current folder, breadth first, by their path from it. */
export async function* walk({ hidden, folders }: WalkOptions, top = bytePath('.')): AsyncGenerator<BytePath> {
  let level: { path: BytePath; depth: number }[] = [{ path: top, depth: 0 }];
  while (level.length > 0) {
    const next: typeof level = [];
    for (const { path, depth } of level) {
      for (const entry of await entriesOf(path)) {
        const name = fromBuffer(entry.name);
        if (name === '.git' || (!hidden && name.startsWith('.'))) continue;
        const below = joinPath(path, name);
        if (entry.isDirectory()) {
          if (folders) yield below;
          if (depth < MAX_DEPTH) next.push({ path: below, depth: depth + 1 });
        } else if (entry.isFile()) yield below;
      }
    }
    level = next;
  }
}

/** A folder that cannot be read is left out. */
const entriesOf = (path: BytePath): Promise<Dirent<Buffer>[]> =>
  readdir(toBuffer(path), { withFileTypes: true, encoding: 'buffer' }).catch(() => []);

/** Lines of a file that match, in the form of `rg --json`. */
export async function* grep(path: BytePath, pattern: RegExp): AsyncGenerator<string> {
  const content = await contentOf(path);
  if (content === undefined || content.subarray(0, BINARY_BYTES).includes(0)) return;
  const isText = isUtf8(content);
  const encoding = isText ? 'utf8' : 'latin1';
  const text = content.toString(encoding);
  pattern.lastIndex = 0;
  if (!pattern.test(text)) return;
  let number = 0;
  let offset = 0;
  for (const line of text.split('\n')) {
    number++;
    const ranges = rangesIn(line, pattern, encoding);
    if (ranges.length > 0) yield matchLine(path, { line, number, offset, ranges, isText });
    offset += Buffer.byteLength(line, encoding) + 1;
  }
}

async function contentOf(path: BytePath): Promise<Buffer | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
  const handle = await open(toBuffer(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    return stats.isFile() && stats.size <= MAX_CONTENT_BYTES ? await handle.readFile() : undefined;
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

function rangesIn(line: string, pattern: RegExp, encoding: BufferEncoding): [number, number][] {
  const ranges: [number, number][] = [];
  // A search begins where the one before has ended.
  pattern.lastIndex = 0;
  for (const match of line.matchAll(pattern)) {
    if (match[0] === '') continue;
    const start = Buffer.byteLength(line.slice(0, match.index), encoding);
    ranges.push([start, start + Buffer.byteLength(match[0], encoding)]);
  }
  return ranges;
}

interface LineOfFile {
  line: string;
  number: number;
  offset: number;
  ranges: [number, number][];
  isText: boolean;
}

function matchLine(path: BytePath, { line, number, offset, ranges, isText }: LineOfFile): string {
  const lines = isText ? { text: line } : { bytes: Buffer.from(line, 'latin1').toString('base64') };
  return JSON.stringify({
    type: 'match',
    data: {
      path: { bytes: toBuffer(path).toString('base64') },
      lines,
      line_number: number,
      absolute_offset: offset,
      submatches: ranges.map(([start, end]) => ({ start, end })),
    },
  });
}
