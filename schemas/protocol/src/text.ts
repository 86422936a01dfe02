/** Texts for people: one line, a length, a time. Pure; runs in browsers. */

import { visibleLine } from './foreignText.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The text in one line, with single spaces. A terminal can show the result (see `visibleLine`). */
export function oneLine(text: string): string {
  return visibleLine(text);
}

/** At most `length` characters; a longer text ends in an ellipsis. Splits no character. */
export function shorten(text: string, length: number): string {
  // A character takes at most two units, so that a long text is not split whole.
  const characters = [...text.slice(0, length * 2 + 2)];
  if (characters.length <= length) return text;
  return `${characters
    .slice(0, Math.max(1, length - 1))
    .join('')
    .trimEnd()}…`;
}

/** What a session is called: its name, else its first prompt, whichever has something to see. */
export function titleOf(
  session: { name?: string | undefined; firstPrompt?: string | undefined } | undefined,
  otherwise = 'New session',
): string {
  return visibleLine(session?.name ?? '') || visibleLine(session?.firstPrompt ?? '') || otherwise;
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
