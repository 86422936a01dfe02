import { posix } from 'node:path';
import { CodedError, MAX_PATH_BYTES, visibleLine, type FilePath } from '@pizzapi/protocol';

/**
 * Paths as the operating system has them. A name is bytes and need not be UTF-8, so a `BytePath` has one character for
 * each byte: it can be split and compared like a text, and no byte is lost.
 */
export type BytePath = string & { readonly bytes: unique symbol };

const isBytes = (text: string): text is BytePath => !/[^\0-\xff]/.test(text);

/** Returns a text of one character for each byte as a path. */
export function bytePath(text: string): BytePath {
  if (!isBytes(text)) throw new TypeError('A character is no byte');
  return text;
}

export const fromText = (text: string): BytePath => bytePath(Buffer.from(text, 'utf8').toString('latin1'));
export const fromBuffer = (bytes: Buffer): BytePath => bytePath(bytes.toString('latin1'));
export const toBuffer = (path: BytePath): Buffer => Buffer.from(path, 'latin1');
/** For people: bytes that are no UTF-8 are replaced. */
export const toText = (path: BytePath): string => toBuffer(path).toString('utf8');

/** Reads a path of a request. Throws `path_invalid`. */
export function readPath(path: FilePath): BytePath {
  const bytes = typeof path === 'string' ? fromText(path) : fromBuffer(Buffer.from(path.base64, 'base64'));
  if (bytes === '' || bytes.length > MAX_PATH_BYTES || bytes.includes('\0')) throw new CodedError('path_invalid');
  return bytes;
}

/** A path in a reply: its text, and its bytes when a reader of the text would not have the exact name. */
export function named(path: BytePath): { path: string; bytes?: string } {
  const buffer = toBuffer(path);
  const text = buffer.toString('utf8');
  // A page shows a name in one line, with single spaces.
  const isExact = visibleLine(text) === text && Buffer.from(text, 'utf8').equals(buffer);
  return isExact ? { path: text } : { path: text, bytes: buffer.toString('base64') };
}

export const joinPath = (folder: BytePath, name: BytePath): BytePath => bytePath(posix.join(folder, name));
export const resolvePath = (folder: BytePath, path: BytePath): BytePath => bytePath(posix.resolve(folder, path));
export const parentOf = (path: BytePath): BytePath => bytePath(posix.dirname(path));
export const nameOf = (path: BytePath): BytePath => bytePath(posix.basename(path));

/** True when a path is a folder or lies below it. Both are absolute and resolved. */
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
