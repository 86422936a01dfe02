import { Readable } from 'node:stream';
import { CodedError, RUNNER_PAGE_BYTES, type FilePath, type MethodReply } from '@pizzapi/protocol';
import type { CallOutcome } from './runnerCalls.js';

/** Pages that are asked for before the one before has left. */
const AHEAD = 3;

/** Bytes of a file: from, and up to. */
export interface ByteRange {
  from: number;
  to: number;
}

/**
 * Reads the header `Range` for a file of a size. `whole`: without one, or with one that a server may ignore, such as several ranges.
 */
export function readRange(header: string | undefined, size: number): ByteRange | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return 'whole';
  if (first === '') {
    const count = Number(last);
    return count === 0 || size === 0 ? 'unsatisfiable' : { from: Math.max(0, size - count), to: size };
  }
  const from = Number(first);
  const to = last === '' ? size : Math.min(size, Number(last) + 1);
  if (from >= size) return 'unsatisfiable';
  return to <= from ? 'whole' : { from, to };
}

/** `attachment`, with a name that no header breaks: the plain one for old programs, and the exact one. */
export function attachmentHeader(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%/]/g, '_').slice(0, 200);
  const exact = encodeURIComponent(name.replace(/\p{Surrogate}/gu, '\ufffd')).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${plain === '' ? 'file' : plain}"; filename*=UTF-8''${exact}`;
}

export interface DownloadSource {
  path: FilePath;
  sessionId?: string;
}

type Page = { path: FilePath; sessionId?: string; offset: number; length: number; ifVersion?: string };
export type ReadPage = (page: Page) => Promise<CallOutcome<'read_file'>>;

/**
 * The bytes of one version of a file, page by page. Some pages are asked for ahead, and no more while the reader is slow. The stream
 * fails when the file changes or the host is lost, so that the reader does not take a part for the whole.
 */
export function fileStream(
  read: ReadPage,
  source: DownloadSource,
  { from, to }: ByteRange,
  first: MethodReply<'read_file'>,
): Readable {
  async function* pages(): AsyncGenerator<Buffer> {
    const begun = contentOf(first, from, to);
    if (begun.length > 0) yield begun;
    const waiting: Promise<CallOutcome<'read_file'>>[] = [];
    let asked = from + begun.length;
    let sent = asked;
    while (sent < to) {
      while (waiting.length < AHEAD && asked < to) {
        const length = Math.min(RUNNER_PAGE_BYTES, to - asked);
        waiting.push(read({ ...source, offset: asked, length, ifVersion: first.version }));
        asked += length;
      }
      const outcome = await waiting.shift();
      if (outcome === undefined) break;
      if (outcome.kind === 'refused') throw new CodedError(outcome.error.code, outcome.error.message);
      const bytes = contentOf(outcome.reply, sent, to);
      if (bytes.length === 0) throw new CodedError('file_changed', 'The file became shorter');
      sent += bytes.length;
      yield bytes;
    }
  }
  return Readable.from(pages(), { objectMode: false, highWaterMark: RUNNER_PAGE_BYTES });
}

const contentOf = ({ content }: MethodReply<'read_file'>, from: number, to: number): Buffer =>
  Buffer.from(content, 'base64').subarray(0, to - from);
