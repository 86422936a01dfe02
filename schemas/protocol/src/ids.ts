/** The syntax of every id: of sessions, runners, commands, dialogs and share links (docs/protocol/index.md). */
export const ID_PATTERN = '^[A-Za-z0-9_-]{1,64}$';

const ID = new RegExp(ID_PATTERN);
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

/**
 * Returns true for a string that may become one token of a subject. Every other string is refused before it is used in
 * a subject.
 */
export function isId(value: string): boolean;
export function isId(value: unknown): value is string;
export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

/**
 * Returns a new random id: 20 characters of base32 (100 bits), after `<prefix>_` when a prefix is given. Works in a
 * browser.
 */
export function newId(prefix?: string): string {
  let text = '';
  for (const byte of crypto.getRandomValues(new Uint8Array(20))) text += LETTERS[byte & 31];
  return prefix === undefined ? text : `${prefix}_${text}`;
}
