import { CodedError } from './errors.js';

/** Levels of maps and lists that a value from outside may have: an HTTP body, a frame, a line of a pi session file. */
export const MAX_DEPTH = 100;
/** Levels of what the processes send each other and store: such a value, with some envelopes around it. */
export const MAX_STORED_DEPTH = 128;
/** Levels of a frame that tells such a value. */
export const MAX_FRAME_DEPTH = MAX_STORED_DEPTH + 8;

export const tooDeep = (): CodedError => new CodedError('too_deep', 'The value nests too deep');

/**
 * The value of a JSON text. Throws `too_deep` for one that nests deeper than `maxDepth`, and a `SyntaxError` for what is
 * not JSON.
 */
export function parseJson(text: string, maxDepth = MAX_DEPTH): unknown {
  refuseDeepJson(text, maxDepth);
  return JSON.parse(text);
}

/** Throws `too_deep` for a JSON text that nests deeper than `maxDepth`: code that walks through its value recurses. */
export function refuseDeepJson(text: string, maxDepth = MAX_DEPTH): void {
  if (isDeeper(text, maxDepth)) throw tooDeep();
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Counts brackets outside of strings. What is not JSON gets some answer, and `JSON.parse` says what is wrong. */
function isDeeper(text: string, maxDepth: number): boolean {
  // Every level takes a character.
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

/** Where the string that begins at `start` ends, or -1. Attachments are long strings: `indexOf` is quick in them. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}
