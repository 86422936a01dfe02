import type { FileEntry, FilePath } from '@pizzapi/protocol';

/**
 * Paths of a host in the page. A path is text, or its bytes when a name on the way is no text that can be shown exactly. Pure.
 */

/** What names a path in maps and lists. */
export const pathKey = (path: FilePath): string => (typeof path === 'string' ? path : `\0${path.base64}`);

/** A path of a reply: its bytes when they are there. */
export const pathOf = ({ path, bytes }: { path: string; bytes?: string }): FilePath =>
  bytes === undefined ? path : { base64: bytes };

const toBytes = (text: string): string => String.fromCharCode(...new TextEncoder().encode(text));
const bytesOf = (path: FilePath): string => (typeof path === 'string' ? toBytes(path) : atob(path.base64));

/** The path of an entry of a folder. */
export function childPath(folder: FilePath, { name, bytes }: Pick<FileEntry, 'name' | 'bytes'>): FilePath {
  if (typeof folder === 'string' && bytes === undefined) return joined(folder, name);
  return { base64: btoa(joined(bytesOf(folder), bytes === undefined ? toBytes(name) : atob(bytes))) };
}

const joined = (folder: string, name: string): string => (folder.endsWith('/') ? folder + name : `${folder}/${name}`);

/** The folder that a path lies in. */
export function parentPath(path: FilePath): FilePath {
  const bytes = typeof path === 'string' ? path : bytesOf(path);
  const slash = bytes.lastIndexOf('/');
  const parent = slash <= 0 ? '/' : bytes.slice(0, slash);
  return typeof path === 'string' ? parent : { base64: btoa(parent) };
}

/** The name of a file, for people. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1) || path;

/** The path of a match, which is relative to the folder that was searched. */
export function matchPath(folder: FilePath, { path, bytes }: { path: string; bytes?: string }): FilePath {
  return childPath(folder, { name: path, ...(bytes === undefined ? {} : { bytes }) });
}

/** The path from a folder, for people: the whole path when it lies elsewhere. */
export function shownPath(path: string, folder: string): string {
  const prefix = folder.endsWith('/') ? folder : `${folder}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : path;
}

/** Whether a name can be given to a file. */
export const isFileName = (name: string): boolean =>
  name.trim() !== '' &&
  name !== '.' &&
  name !== '..' &&
  !/[/\0]/.test(name) &&
  new TextEncoder().encode(name).length <= 255;
