/** Texts for people: one line, a length, a time. Pure; runs in browsers. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Characters that turn the direction of the text around them. */
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Characters without a glyph, by which a name can look empty or like another one. */
const INVISIBLE =
  /\u034f|\u17b4|\u17b5|[\u00ad\u115f\u1160\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|[\u{e0000}-\u{e007f}]|\u{1d173}|\u{1d17a}/gu;
/** Joiners belong between parts of an emoji and between letters; elsewhere they are invisible characters. */
const JOINERS = /[\u200c\u200d]+/g;
const JOINED_BEFORE = /[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f]$/u;
const JOINED_AFTER = /^[\p{L}\p{Extended_Pictographic}]/u;
/**
 * Escape sequences of a terminal, with ESC or as one C1 character: control sequences; strings for the terminal itself
 * (titles, links, the clipboard, device control), which end with BEL or ST, or are cut off at the end of their line; and
 * the short ones.
 */
export const TERMINAL_SEQUENCE =
  // eslint-disable-next-line no-control-regex
  /(?:\x1b\[|\x9b)([0-?]*)[ -/]*([@-~])?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?/g;
const LINE_BREAK = /\r\n?|[\u0085\u2028\u2029]/g;
/** Control characters, but tab and line feed. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g;
/** Half of a character of two units. */
const HALF = /\p{Surrogate}/gu;
/** Only text that holds one of these needs cleaning: most does not. */
const SUSPICIOUS = /[^\t\n\x20-\x7e\u00a1-\u00ac\u00ae-\u02ff]/;

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * Returns the text of another author, safe to show in a terminal, a title or a page: without escape sequences, control
 * characters, characters that turn the direction of the text, and invisible ones. Line feeds and tabs stay; any other
 * line break becomes a line feed. See `terminalText` for the output of programs.
 */
export function cleanText(text: string): string {
  if (!SUSPICIOUS.test(text)) return text;
  return text
    .replace(TERMINAL_SEQUENCE, '')
    .replace(LINE_BREAK, '\n')
    .replace(CONTROL, '')
    .replace(DIRECTION, '')
    .replace(INVISIBLE, '')
    .replace(JOINERS, joined)
    .replace(HALF, '\ufffd');
}

function joined(joiners: string, at: number, text: string): string {
  const isJoint =
    JOINED_BEFORE.test(text.slice(Math.max(0, at - 2), at)) && JOINED_AFTER.test(text.slice(at + 1, at + 3));
  return joiners.length === 1 && isJoint ? joiners : '';
}

/** The cleaned text in one line: each run of whitespace becomes one space. */
export function oneLine(text: string): string {
  return cleanText(text).replace(/\s+/gu, ' ').trim();
}

/** The text in an isolate of its own when it is written from right to left, so that its neighbours keep their places. */
export function isolated(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
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

/** What a session is called, in one clean line: its name, else its first prompt. */
export function titleOf(
  session: { name?: string | undefined; firstPrompt?: string | undefined } | undefined,
  otherwise = 'New session',
): string {
  return oneLine(session?.name ?? '') || oneLine(session?.firstPrompt ?? '') || otherwise;
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
