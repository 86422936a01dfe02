/** Texts for people: one line, a length, a time. Pure; runs in browsers. */

import { visibleLine } from './foreignText.js';
import { sessionTitle } from './sessionTitle.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The text in one line, with single spaces. A terminal can show the result (see `visibleLine`). */
export function oneLine(text: string): string {
  return visibleLine(text);
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
/** No grapheme that people write takes more UTF-16 units: a family of emoji with skin tones takes 41. */
const MAX_GRAPHEME = 64;

/** The beginning of a text, at most `length` UTF-16 units long. Splits no grapheme, such as an emoji of several parts. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  const near = Math.max(0, length - MAX_GRAPHEME);
  let end = near;
  for (const { index, segment } of graphemes.segment(text.slice(0, length + MAX_GRAPHEME))) {
    if (index + segment.length > length) break;
    end = index + segment.length;
  }
  // A grapheme without end, as in a text of combining marks only, is cut between two characters.
  return text.slice(0, end > near ? end : withoutHalf(text, length));
}

/** The end of a text, at most `length` UTF-16 units long. Splits no surrogate pair. */
export function tailOf(text: string, length: number): string {
  if (text.length <= length) return text;
  const start = text.length - length;
  return text.slice(isLowSurrogate(text.charCodeAt(start)) ? start + 1 : start);
}

/** The nearest index up to `index` at which a cut splits no surrogate pair. */
function withoutHalf(text: string, index: number): number {
  return isLowSurrogate(text.charCodeAt(index)) && isHighSurrogate(text.charCodeAt(index - 1)) ? index - 1 : index;
}

/** Whether a UTF-16 unit is the first half of a character outside of the basic plane. */
export const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** At most `length` characters; a longer text ends in an ellipsis. Splits no grapheme. */
export function shorten(text: string, length: number): string {
  // A character takes at most two units, so that a long text is not split whole.
  const characters = [...text.slice(0, length * 2 + 2)];
  if (characters.length <= length) return text;
  const units = characters.slice(0, Math.max(1, length - 1)).join('').length;
  return `${cutText(text, units).trimEnd()}…`;
}

/** What a session is called: its name, else a title made from its first message, whichever has something to see. */
export function titleOf(
  session: { name?: string | undefined; firstPrompt?: string | undefined } | undefined,
  otherwise = 'New session',
): string {
  return visibleLine(session?.name ?? '') || sessionTitle(session?.firstPrompt ?? '') || otherwise;
}

/** `now` below a minute, then `5m`, `3h`, `2d`: how long ago, as short as a list needs it. */
export function ago(at: number, now: number): string {
  const past = Math.max(0, now - at);
  if (past < MINUTE) return 'now';
  if (past < HOUR) return `${Math.floor(past / MINUTE)}m`;
  return past < DAY ? `${Math.floor(past / HOUR)}h` : `${Math.floor(past / DAY)}d`;
}

/** How long until then, in one unit, rounded up from a part of a second: `45 s`, `12 min`, `23 h`, `30 days`. */
export function left(at: number, now: number): string {
  const rest = Math.max(0, at - now);
  if (rest <= 90_000) return `${Math.ceil(rest / 1_000)} s`;
  if (rest <= 90 * MINUTE) return `${Math.round(rest / MINUTE)} min`;
  return rest <= 36 * HOUR ? `${Math.round(rest / HOUR)} h` : `${Math.round(rest / DAY)} days`;
}
