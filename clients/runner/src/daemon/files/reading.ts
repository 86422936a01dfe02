import { constants } from 'node:fs';
import { access, type FileHandle } from 'node:fs/promises';
import { CodedError, RUNNER_PAGE_BYTES, type FileFacts, type MethodReply, type MethodRequest } from '@pizzapi/protocol';
import type { Bounds } from './bounds.js';
import { named, nameOf, readPath, toText, type BytePath } from './bytePath.js';
import { withPath, type OpenPath } from './confinement.js';
import { detectEncoding, HEAD_BYTES, mediaTypeOf, type TextEncoding } from './encoding.js';
import { factsOf, settled, versionOf } from './fileFacts.js';

/** How much of a file is looked at in one step for the ends of lines, in bytes. */
const SCAN_BYTES = 1024 * 1024;

/** Reads one page of a file. */
export function readFilePage(
  bounds: Bounds,
  request: MethodRequest<'read_file'>,
  signal: AbortSignal,
): Promise<MethodReply<'read_file'>> {
  return withPath(bounds, readPath(request.path), 'file', async (file) => {
    const content = await file.content();
    try {
      return await pageOf(file, content, request, signal);
    } finally {
      await content.close();
    }
  });
}

async function pageOf(
  file: OpenPath,
  content: FileHandle,
  request: MethodRequest<'read_file'>,
  signal: AbortSignal,
): Promise<MethodReply<'read_file'>> {
  await settled(file.stats);
  const stats = await content.stat({ bigint: true });
  const version = versionOf(stats);
  if (request.ifVersion !== undefined && request.ifVersion !== version)
    throw changed(request.ifVersion, factsOf(file.real, stats));
  const size = Number(stats.size);
  const head = await readAt(content, 0, Math.min(HEAD_BYTES, size));
  const { encoding, mark } = detectEncoding(head, size <= HEAD_BYTES);
  const range = await rangeOf(content, request, { size, encoding, signal });
  const bytes = await readAt(content, range.offset, range.length);
  const end = range.offset + bytes.length;
  const mediaType = mediaTypeOf(head, toText(nameOf(file.real)));
  return {
    ...named(file.real),
    ...{ version, size, modified: Number(stats.mtimeMs) },
    ...(encoding === undefined ? {} : { encoding }),
    ...(mark ? { mark } : {}),
    ...(mediaType === undefined ? {} : { mediaType }),
    writable: await isWritable(file),
    content: bytes.toString('base64'),
    offset: range.offset,
    ...(request.line === undefined ? {} : { line: request.line }),
    // A file that shrinks meanwhile ends where its bytes do.
    ...(bytes.length === range.length && end < range.end ? { next: end } : {}),
  };
}

/** `file_changed`, with both versions. */
export function changed(asked: string, current: FileFacts | null): CodedError {
  const error = new CodedError('file_changed', current === null ? 'The file was removed' : current.path);
  error.details = { asked, current };
  return error;
}

const isWritable = (file: OpenPath): Promise<boolean> =>
  access(file.self, constants.W_OK).then(
    () => true,
    () => false,
  );

/** Reads up to `length` bytes. Fewer come at the end of the file. */
export async function readAt(content: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await content.read(buffer, at, length - at, position + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return buffer.subarray(0, at);
}

interface Range {
  offset: number;
  /** Of this page. */
  length: number;
  /** Behind the last byte that was asked for, over all pages. */
  end: number;
}

async function rangeOf(
  content: FileHandle,
  { offset = 0, length = RUNNER_PAGE_BYTES, line, lines }: MethodRequest<'read_file'>,
  { size, encoding, signal }: { size: number; encoding: TextEncoding | undefined; signal: AbortSignal },
): Promise<Range> {
  if (line === undefined) {
    const from = Math.min(offset, size);
    return { offset: from, length: Math.min(length, size - from), end: size };
  }
  const scan = { content, size, encoding, signal };
  const from = await lineStart(scan, 0, line - 1);
  const end = lines === undefined ? size : await lineStart(scan, from, lines);
  return { offset: from, length: Math.min(length, RUNNER_PAGE_BYTES, end - from), end };
}

/** Returns the offset behind so many ends of lines after `from`, or the size of the file. */
async function lineStart(
  {
    content,
    size,
    encoding,
    signal,
  }: { content: FileHandle; size: number; encoding: string | undefined; signal: AbortSignal },
  from: number,
  count: number,
): Promise<number> {
  if (count === 0) return from;
  const [mark, step] = encoding === 'utf-16le' ? [[10, 0], 2] : encoding === 'utf-16be' ? [[0, 10], 2] : [[10], 1];
  const lineEnd = Buffer.from(mark);
  let left = count;
  for (let position = from; position < size;) {
    if (signal.aborted) throw new CodedError('rpc_cancelled');
    const block = await readAt(content, position, Math.min(SCAN_BYTES, size - position));
    if (block.length === 0) break;
    for (let at = block.indexOf(lineEnd); at !== -1; at = block.indexOf(lineEnd, at + 1)) {
      // Of UTF-16 only whole units count.
      if ((position + at) % step !== 0) continue;
      if (--left === 0) return position + at + step;
    }
    position += block.length;
  }
  return size;
}

/** What a path is, or null when it cannot be used. */
export async function factsWithin(bounds: Bounds, path: BytePath): Promise<FileFacts | null> {
  try {
    return await withPath(bounds, path, 'any', async ({ real, stats }) => factsOf(real, stats));
  } catch (error) {
    if (error instanceof CodedError) return null;
    throw error;
  }
}
