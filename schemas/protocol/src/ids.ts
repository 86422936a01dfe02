/** What an id may look like. Session, runner, command, dialog, share ids: all of them (PROTOCOL.md, "Ids"). */
export const ID_PATTERN = '^[A-Za-z0-9_-]{1,64}$';

const ID = new RegExp(ID_PATTERN);
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567';

/** True for a string that may become one token of a subject. Everything else is refused before it gets near one. */
export function isId(value: string): boolean;
export function isId(value: unknown): value is string;
export function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

/** A new random id: 20 characters of base32 (100 bits), after `<prefix>_` when a prefix is given. Browser-safe. */
export function newId(prefix?: string): string {
  let text = '';
  for (const byte of crypto.getRandomValues(new Uint8Array(20))) text += LETTERS[byte & 31];
  return prefix === undefined ? text : `${prefix}_${text}`;
}
