import { CodedError } from './codedError.js';

/** Maximum depth of maps and lists in a value from outside: an HTTP body, a frame, a line of a pi session file. */
export const MAX_DEPTH = 100;
/**
 * Maximum depth of values that the processes send to each other and store: a value from outside with some envelopes
 * around it.
 */
export const MAX_STORED_DEPTH = 128;
/** Maximum depth of a frame that holds such a value. */
export const MAX_FRAME_DEPTH = MAX_STORED_DEPTH + 8;

export const tooDeep = (): CodedError => new CodedError('too_deep', 'The value nests too deep');

/**
 * Parses a JSON text. Throws `too_deep` for a text that nests deeper than `maxDepth`, and a `SyntaxError` for invalid
 * JSON.
 */
export function parseJson(text: string, maxDepth = MAX_DEPTH): unknown {
  refuseDeepJson(text, maxDepth);
  return JSON.parse(text);
}

/**
 * Throws `too_deep` for a JSON text that nests deeper than `maxDepth`, because code that walks through its value
 * recurses.
 */
export function refuseDeepJson(text: string, maxDepth = MAX_DEPTH): void {
  if (isDeeper(text, maxDepth)) throw tooDeep();
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Counts brackets outside of strings. The result for invalid JSON has no meaning; `JSON.parse` reports the error. */
function isDeeper(text: string, maxDepth: number): boolean {
  // Every level takes at least one character.
  if (text.length <= maxDepth) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      at = endOfString(text, at);
      if (at < 0) return false;
    } else if (char === 0x5b || char === 0x7b) {
      if (++depth > maxDepth) return true;
    } else if (char === 0x5d || char === 0x7d) depth--;
  }
  return false;
}

/**
 * Returns the index of the end of the string that begins at `start`, or -1. Attachments are long strings, in which
 * `indexOf` is fast.
 */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}
