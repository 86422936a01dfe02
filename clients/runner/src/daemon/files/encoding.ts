import { isUtf8 } from 'node:buffer';
import { extname } from 'node:path';

export type TextEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

export interface DetectedText {
  /** Undefined: no text. */
  encoding: TextEncoding | undefined;
  /** The file begins with the mark of its encoding. */
  mark: boolean;
}

/** Bytes from the beginning of a file that say what it is. */
export const HEAD_BYTES = 64 * 1024;
/** Characters that no text has. Tab, line feed, form feed, carriage return and escape occur in texts. */
// eslint-disable-next-line no-control-regex -- these characters are what it looks for
const NO_TEXT = /[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]/;

/** Says which encoding a file has by its beginning. `isWhole`: nothing follows, so a character cannot be cut off. */
export function detectEncoding(head: Buffer, isWhole: boolean): DetectedText {
  if (head.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) return { encoding: 'utf-8', mark: true };
  if (head.subarray(0, 2).equals(Buffer.from([0xff, 0xfe]))) return { encoding: 'utf-16le', mark: true };
  if (head.subarray(0, 2).equals(Buffer.from([0xfe, 0xff]))) return { encoding: 'utf-16be', mark: true };
  const none = { encoding: undefined, mark: false };
  if (NO_TEXT.test(head.toString('latin1'))) return none;
  if (isUtf8(isWhole ? head : withoutCutCharacter(head))) return { encoding: 'utf-8', mark: false };
  return { encoding: 'windows-1252', mark: false };
}

/** Leaves out the beginning of a character of UTF-8 at the end. */
function withoutCutCharacter(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

const starts = (head: Buffer, at: number, text: string): boolean =>
  head.subarray(at, at + text.length).toString('latin1') === text;

const BY_NAME: Readonly<Record<string, string>> = {
  '.svg': 'image/svg+xml',
  '.md': 'text/markdown',
  '.markdown': 'text/markdown',
  '.html': 'text/html',
  '.htm': 'text/html',
  '.css': 'text/css',
  '.csv': 'text/csv',
  '.json': 'application/json',
  '.zip': 'application/zip',
  '.gz': 'application/gzip',
  '.mp4': 'video/mp4',
  '.mp3': 'audio/mpeg',
  '.wav': 'audio/wav',
};

/** The media type by content for images and PDF, by the name else. Undefined when neither says one. */
export function mediaTypeOf(head: Buffer, name: string): string | undefined {
  if (starts(head, 0, '\x89PNG\r\n\x1a\n')) return 'image/png';
  if (starts(head, 0, '\xff\xd8\xff')) return 'image/jpeg';
  if (starts(head, 0, 'GIF87a') || starts(head, 0, 'GIF89a')) return 'image/gif';
  if (starts(head, 0, 'RIFF') && starts(head, 8, 'WEBP')) return 'image/webp';
  if (starts(head, 4, 'ftypavif')) return 'image/avif';
  if (starts(head, 0, 'BM') && head.length > 26) return 'image/bmp';
  if (starts(head, 0, '%PDF-')) return 'application/pdf';
  return BY_NAME[extname(name).toLowerCase()];
}
