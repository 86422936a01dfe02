import Type, { type Static } from 'typebox';
import { HostPath } from './method.js';

/**
 * Paths of files in requests. On most systems a name is bytes: it need not be UTF-8, and may hold any character but `/` and NUL.
 * A path that is text travels as text. Any other path travels as its bytes.
 */

/** The longest path, in bytes. */
export const MAX_PATH_BYTES = 4_096;

/** Bytes of a path or of a name, as base64. */
export const PathBytes = Type.String({
  minLength: 4,
  maxLength: Math.ceil(MAX_PATH_BYTES / 3) * 4,
  pattern: '^[A-Za-z0-9+/]+={0,2}$',
});

/**
 * A path on the host: absolute, from `~`, or from the folder of the session, else from the first root. With `base64`: its
 * bytes, for a name that is no UTF-8 or that a page would not show as it is.
 */
export const FilePath = Type.Union([HostPath, Type.Object({ base64: PathBytes }, { additionalProperties: false })]);
export type FilePath = Static<typeof FilePath>;

/** Returns a path as text, for people: bytes that are no UTF-8 are replaced. */
export function pathText(path: FilePath): string {
  if (typeof path === 'string') return path;
  try {
    const binary = atob(path.base64);
    return new TextDecoder().decode(Uint8Array.from(binary, (character) => character.charCodeAt(0)));
  } catch {
    return '';
  }
}
